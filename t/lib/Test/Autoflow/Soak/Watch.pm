package Test::Autoflow::Soak::Watch;

# What a soak shows while it goes on, and what it has used: a line for each minute.

use Mojo::Base -base, -signatures;

use List::Util qw(max sum0);
use Mojo::File qw(path);
use Test::Autoflow::Process;
use Time::HiRes qw(time);

has [qw(dir daemons faults)];
has [qw(begun last)];         # when this was, and the last line
has kinds   => sub { {} };    # how many of each kind, in all
has status  => sub { {} };    # likewise of each status
has memory  => sub { [] };    # [time, octets of the steady workers, of the master]
has handle  => sub ($self) { path($self->dir, 'stats')->touch->open('<') };

sub new ($class, %options) {
    return $class->SUPER::new(begun => time, last => time, %options);
}

# the node whose workers are never replaced, and its workers
sub steady ($self) { $self->daemons->[-1] }

# what a process has for itself, in octets: the zone isn't, as it is shared
sub memory_of ($pid) {
    my $text = eval { path("/proc/$pid/smaps_rollup")->slurp } // '';
    return 1024 * sum0($text =~ /^Pss_Anon:\s+(\d+)/mg);
}

sub files_of ($pid) { scalar Test::Autoflow::Process::files_of($pid) }

sub sample ($self) {
    my @workers = $self->steady->workers;
    push @{$self->memory}, [time, sum0(map { memory_of($_) } @workers),
        memory_of($self->daemons->[0]->master)];
    return;
}

# the records since the last time: how many by kind and by status
sub records ($self) {
    my (%kinds, %status);
    my $handle = $self->handle;
    seek $handle, tell $handle, 0;
    while (my $line = readline $handle) {
        my (undef, $kind, $status) = split / /, $line;
        $_->{$kind}++ for \%kinds, $self->kinds;
        $_->{$status}++ for \%status, $self->status;
    }
    return (\%kinds, \%status);
}

sub counts ($count) { join ' ', map { "$_:$count->{$_}" } sort keys %$count }

# of those by kind, the many
sub line ($self) {
    $self->sample;
    my ($kinds, $status) = $self->records;
    my $took  = time - $self->last;
    my @most  = sort { $kinds->{$b} <=> $kinds->{$a} || $a cmp $b } keys %$kinds;
    my $files = max(map { files_of($_) } map { $_->workers } @{$self->daemons});
    my $broken = eval { () = path($self->dir, 'broken')->slurp =~ /^client /mg } // 0;
    $self->last(time);
    return sprintf '%5.1f min, %.0f/s (%s); answers %s; faults: %s; %.1f MB, %d descriptors at '
        . 'most; %d promises broken', (time - $self->begun) / 60, sum0(values %$kinds) / $took,
        join(' ', map { sprintf '%s %.0f', $_, $kinds->{$_} / $took }
            grep { defined } @most[0 .. 5]),
        counts($status), $self->faults->summary, $self->memory->[-1][1] / 1e6, $files, $broken;
}

sub summary ($self) {
    $self->sample;
    $self->records;
    my @heard = sort { $a <=> $b } split /\n/, eval { path($self->dir, 'heard')->slurp } // '';
    return sprintf "%d requests in %.0f s\n  by kind: %s\n  by status: %s\n  faults: %s\n"
        . "  memory: %+.2f MB/h, the other node's master %+.2f MB/h\n"
        . '  other nodes refuse an ended token after %.0f ms (median), %.0f ms (p99)',
        sum0(values %{$self->kinds}), time - $self->begun, counts($self->kinds),
        counts($self->status), $self->faults->summary, map({ $self->slope($_) / 1e6 } 1, 2),
        map { 1000 * ($heard[$_ * $#heard] // 0) } 0.5, 0.99;
}

# by how much the steady workers' memory grows in an hour, in octets, after the
# first third: by least squares
sub slope ($self, $column = 1) {
    my @all = @{$self->memory};
    my @late = @all[@all / 3 .. $#all];
    return 0 if @late < 3;
    my ($x, $y) = map { my $i = $_; sum0(map { $_->[$i] } @late) / @late } 0, $column;
    my $xx = sum0(map { ($_->[0] - $x)**2 } @late);
    return 3600 * sum0(map { ($_->[0] - $x) * ($_->[$column] - $y) } @late) / $xx;
}

1;
