package Test::Autoflow::Process;

# A server that a test starts: in a session of its own, so that all its
# processes can be found, and terminated with the test, however that ends.

use Mojo::Base -base, -signatures;

use Carp ();
use Mojo::File qw(path);
use POSIX qw(setsid :sys_wait_h);
use Test::Autoflow::Wait qw(wait_until);

# a terminated test reports where it was, and terminates what it started
my $test = $$;
$SIG{$_} = sub { $$ == $test ? Carp::confess('told to end') : POSIX::_exit(143) } for qw(INT TERM);

has [qw(command log pid status)];

sub start ($self) {
    my $parent = $$;
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        setsid;
        chdir '/';
        $SIG{INT} = 'DEFAULT';      # a shell's background job has it ignored
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>>', $self->log or POSIX::_exit(126);
        open STDERR, '>&', \*STDOUT;
        exec @{$self->command} or POSIX::_exit(127);
    }

    return $self->pid($pid)->status(undef);
}

# waits until it is ready; if it exits before, reports why
sub serves ($self, $condition, @seconds) {
    my $served;
    wait_until(sub { ($served = $condition->()) || !$self->running }, @seconds);
    return $self if $served;
    Carp::croak("@{$self->command} did not start:\n" . path($self->log)->slurp);
}

# sends a signal; waits for the exit if one is expected
sub signal ($self, $name) {
    kill $name, $self->pid or die "kill: $!";
    return $self;
}

# the exit status as in $?; undef if it is still running after $seconds
sub ended ($self, @seconds) {
    wait_until(sub {
        $self->status($?) if !defined $self->status && waitpid($self->pid, WNOHANG) > 0;
        return defined $self->status;
    }, @seconds);
    return $self->status;
}

sub running ($self) { $self->pid && !defined $self->ended(0) }

# the running processes of its session
sub processes ($self) {
    return grep { (stat_of($_))[3] eq $self->pid } all_pids();
}

sub children ($self) { children_of($self->pid) }

sub children_of ($pid) { grep { (stat_of($_))[1] eq $pid } all_pids() }

sub all_pids {
    opendir my $folder, '/proc' or die "/proc: $!";
    return sort { $a <=> $b } grep { /^\d+\z/ } readdir $folder;
}

# state, parent, group, session: proc(5)
sub stat_of ($pid) {
    open my $file, '<', "/proc/$pid/stat" or return ('', '', '', '');
    my $line = <$file> // '';
    my @fields = $line =~ /\) (\S+) (\d+) (\d+) (\d+)/;
    return @fields && $fields[0] ne 'Z' ? @fields : ('', '', '', '');
}

# a process's command line, which may be a title that it has set
sub title_of ($pid) {
    open my $file, '<', "/proc/$pid/cmdline" or return '';
    return join '', <$file>;
}

# a process's open descriptors
sub files_of ($pid) { map { readlink // () } glob "/proc/$pid/fd/*" }

# its resident memory, in octets
sub memory_of ($pid) {
    open my $file, '<', "/proc/$pid/status" or return 0;
    my ($kilobytes) = join('', <$file>) =~ /^VmRSS:\s+(\d+) kB/m;
    return 1024 * ($kilobytes // 0);
}

# what a process would leave in a core dump, if it may be read
sub contents_of ($pid) {
    no warnings 'portable';
    open my $memory, '<:raw', "/proc/$pid/mem" or die "/proc/$pid/mem: $!";
    my $text = '';
    for my $line (split /\n/, path("/proc/$pid/maps")->slurp) {
        my ($start, $end) = $line =~ /^(\w+)-(\w+) rw/ or next;
        sysseek $memory, hex $start, 0;
        sysread $memory, my $part, hex($end) - hex $start;
        $text .= $part // '';
    }
    return $text;
}

sub DESTROY ($self) {
    return if !$self->pid || defined $self->status;
    local $?;
    kill 'KILL', $self->processes, $self->pid;
    waitpid $self->pid, 0;
}

1;
