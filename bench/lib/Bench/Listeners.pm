package Bench::Listeners;

# Nodes, as far as their feed goes: each a connection to PostgreSQL that does what
# src/db/feed.c does.  It listens, then reads what was revoked before, then takes
# what comes, and notifies all others, itself included, every five seconds.
#
#     my $nodes = Bench::Listeners->new(postgresql => ..., number => 100)->start;
#     ... logouts of the sessions from $first on ...
#     my @got = $nodes->stop($logouts);
#
# They are some processes with many connections each.

use Mojo::Base -base, -signatures;
use Bench::Usage qw(pss);
use DBD::Pg qw(:async);
use Mojo::File qw(path tempdir);
use Mojo::JSON qw(decode_json encode_json);
use POSIX ();
use Test::Autoflow::Statements;
use Time::HiRes qw(time);

has [qw(postgresql number)];
has processes => 2;
has interval  => 5;                   # seconds between heartbeats, as by default
has dir       => sub { tempdir };

my $channel = 'autoflow_revocations';

# octets of a notification: its type and length, the sender, two texts
sub octets ($payload) { 9 + length($channel) + 1 + length($payload) + 1 }

sub start ($self) {
    my ($beat, $backlog) = map { my $name = "feed_$_"; map { $_->{sql} }
        grep { $_->{name} eq $name } Test::Autoflow::Statements::all() } 'heartbeat', 'revocations';
    my $some = POSIX::ceil($self->number / $self->processes);
    $self->dir;                             # made once, for all of them
    for (my $first = 0; $first < $self->number; $first += $some) {
        my $many = $first + $some > $self->number ? $self->number - $first : $some;
        pipe my $from, my $to or die $!;
        my $pid = fork // die $!;
        if (!$pid) {
            eval { $self->serve($to, $first, $many, $beat, $backlog); 1 } or print STDERR $@;
            POSIX::_exit(0);
        }
        push @{$self->{children}}, $pid;
        push @{$self->{from}}, $from;
    }
    readline $_ for @{$self->{from}};       # "ready"
    return $self;
}

# when they have got so many logouts, or not within half a minute: of each
# notification, which session of how many, and when, as pairs; and what else they
# report, added up
sub stop ($self, $logouts) {
    path($self->dir, 'stop.new')->spurt($logouts)->move_to($self->dir . '/stop');
    my (@got, %sum);
    for my $from (@{$self->{from}}) {
        my $said = decode_json readline $from;
        $sum{$_} += $said->{$_} for keys %$said;
    }
    waitpid $_, 0 for @{$self->{children}};
    push @got, unpack '(Nd)*', $_->slurp for path($self->dir)->list->grep(qr/got/)->each;
    return (\@got, \%sum);
}

sub serve ($self, $to, $first, $many, $beat, $backlog) {
    my (@nodes, $bits, $got, %sum);
    $bits = $got = '';
    for my $n (1 .. $many) {
        my $db = $self->postgresql->connect('autoflow_app');
        $db->do("LISTEN $channel");
        $db->begin_work;
        $db->do('SET LOCAL statement_timeout = 0');
        $sum{before} += @{$db->selectcol_arrayref($backlog, {}, int time)};
        $db->commit;
        vec($bits, $db->{pg_socket}, 1) = 1;
        push @nodes, {db => $db, beats => time + $self->interval * rand};
    }
    syswrite $to, "ready\n";

    my ($stop, $until) = (undef, 0);
    my $ids = 0;
    while (1) {
        select my $ready = $bits, undef, undef, 0.02;
        for my $node (@nodes) {
            my $db = $node->{db};
            if ($node->{asked} && $db->pg_ready) {
                $db->pg_result;
                $node->{asked} = 0;
            }
            if (vec $ready, $db->{pg_socket}, 1) {
                my $now = time;
                while (my $notify = $db->pg_notifies) {
                    my $payload = $notify->[2];
                    $sum{octets} += octets($payload);
                    if ($payload eq 'beat') { $sum{beats}++; next }
                    $got .= pack 'Nd', hex(substr $payload, 28, 8), $now;
                    $ids++;
                }
            }
            if (!$node->{asked} && time > $node->{beats}) {
                $node->{beats} += $self->interval;
                $node->{asked} = 1;
                $db->do($beat, {pg_async => PG_ASYNC});
            }
        }
        if (!defined $stop && -e $self->dir . '/stop') {
            $stop  = path($self->dir, 'stop')->slurp;
            $until = time + 30;
        }
        last if defined $stop && ($ids >= $stop * $many || time > $until);
    }
    my @pids = map { $_->{db}{pg_pid} } @nodes;
    $sum{pss} = eval { pss(@pids) } // 0;
    path($self->dir, "got$first")->spurt($got);
    syswrite $to, encode_json(\%sum) . "\n";
    return;
}

1;
