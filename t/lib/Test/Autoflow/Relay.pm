package Test::Autoflow::Relay;

# A network between nginx and PostgreSQL, of which a test can cut the cable: what
# is sent then goes nowhere, and nobody is told.
#
#     my $relay = Test::Autoflow::Relay->new(to => $t->postgresql->dir . '/.s.PGSQL.5432')->start;
#     $relay->cut; ... $relay->mend;

use Mojo::Base -base, -signatures;

use IO::Select;
use IO::Socket::IP;
use IO::Socket::UNIX;
use List::Util qw(max min);
use POSIX qw(setsid);
use Test::Autoflow::Process;
use Time::HiRes qw(time);

has 'to';                       # a socket's path, or an address with its port
has 'sees';                     # called, there, with a client, "in" or "out", and octets
has [qw(port pid)];
has delay => 0;                 # seconds that it takes, each way
has rate => undef;              # octets a second, of each connection and way

sub start ($self) {
    my $listener = IO::Socket::IP->new(Listen => 64, LocalHost => '127.0.0.1',
        LocalPort => $self->port // 0, ReuseAddr => 1) or die "listen: $@";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        setsid;
        $SIG{$_} = 'DEFAULT' for qw(INT TERM);
        eval { $self->carry($listener) } or warn $@;
        POSIX::_exit(1);
    }
    return $self->port($listener->sockport)->pid($pid);
}

sub connect_there ($self) {
    return IO::Socket::UNIX->new(Peer => $self->to) if $self->to =~ m{^/};
    my ($host, $port) = split /:/, $self->to;
    return IO::Socket::IP->new(PeerHost => $host, PeerPort => $port);
}

# By socket: the other end of its connection, and what is on its way to it, each
# with its time; an undefined text is the end.  Who doesn't read delays nobody else.
sub carry ($self, $listener) {
    my %ends;
    $SIG{PIPE} = 'IGNORE';
    while (1) {
        my ($now, @ends) = (time, values %ends);
        my @coming = grep { @{$_->{way}} } @ends;
        my ($in, $out) = IO::Select::select(
            IO::Select->new($listener, map { $_->{socket} }
                grep { !$_->{ended} && @{$_->{other}{way}} < 64 } @ends),
            IO::Select->new(map { $_->{socket} } grep { $_->{way}[0][0] <= $now } @coming),
            undef, min(grep { $_ > 0 } map { $_->{way}[0][0] - $now } @coming));
        for my $socket (@{$out // []}) {
            $self->deliver(\%ends, $ends{$socket}) if $ends{$socket};
        }
        for my $socket (@{$in // []}) {
            if ($socket == $listener) { $self->accept(\%ends, $listener) }
            elsif (my $end = $ends{$socket}) { $self->receive($end) }
        }
    }
}

sub accept ($self, $ends, $listener) {
    my $client = $listener->accept or return;
    my $server = $self->connect_there or return;
    my @both = map { $_->blocking(0); {socket => $_, way => [], client => $client} }
        $client, $server;
    $both[$_]{other} = $both[1 - $_] for 0, 1;
    $ends->{$_->{socket}} = $_ for @both;
    return;
}

sub receive ($self, $end) {
    my $got = sysread $end->{socket}, my $octets, $self->rate ? 1024 : 65_536;
    return if !defined $got && $!{EAGAIN};
    $end->{ended} = !$got;
    $self->sees->($end->{client}, $end->{socket} == $end->{client} ? 'in' : 'out', $octets)
        if $got && $self->sees;
    my $other = $end->{other};
    $other->{free} = max(time, $other->{free} // 0) + ($self->rate ? ($got // 0) / $self->rate : 0);
    push @{$other->{way}}, [$other->{free} + $self->delay, $got ? $octets : undef];
    return;
}

sub deliver ($self, $ends, $end) {
    my $next = $end->{way}[0];
    my $sent = defined $next->[1] ? syswrite $end->{socket}, $next->[1] : undef;
    if (!defined $sent && !(defined $next->[1] && $!{EAGAIN})) {
        delete $ends->{$_->{socket}} for $end, $end->{other};
        close $_->{socket} for $end, $end->{other};
        delete $end->{other}{other};
        return;
    }
    substr $next->[1], 0, $sent // 0, '';
    shift @{$end->{way}} if $next->[1] eq '';
    return;
}

sub cut  ($self) { kill 'STOP', $self->pid; return $self }
sub mend ($self) { kill 'CONT', $self->pid; return $self }

# PostgreSQL's conninfo through it
sub url ($self, $role = 'autoflow_app') {
    return 'postgresql://127.0.0.1:' . $self->port
        . "/autoflow?user=$role&sslmode=disable&gssencmode=disable";
}

sub DESTROY ($self) {
    return if !$self->pid;
    local $?;
    kill 'KILL', $self->pid;
    waitpid $self->pid, 0;
}

1;
