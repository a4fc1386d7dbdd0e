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
use POSIX qw(setsid);
use Test::Autoflow::Process;

has 'to';                       # a socket's path, or an address with its port
has 'sees';                     # called, there, with a client, "in" or "out", and octets
has [qw(port pid)];

sub start ($self) {
    my $listener = IO::Socket::IP->new(Listen => 64, LocalHost => '127.0.0.1',
        LocalPort => $self->port // 0, ReuseAddr => 1) or die "listen: $@";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        setsid;
        $SIG{$_} = 'DEFAULT' for qw(INT TERM);
        eval { $self->carry($listener) };
        POSIX::_exit(1);
    }
    return $self->port($listener->sockport)->pid($pid);
}

sub connect_there ($self) {
    return IO::Socket::UNIX->new(Peer => $self->to) if $self->to =~ m{^/};
    my ($host, $port) = split /:/, $self->to;
    return IO::Socket::IP->new(PeerHost => $host, PeerPort => $port);
}

sub carry ($self, $listener) {
    my ($select, %other, %clients) = IO::Select->new($listener);
    while (1) {
        for my $from ($select->can_read) {
            if ($from == $listener) {
                my $client = $listener->accept or next;
                my $server = $self->connect_there or next;
                ($other{$client}, $other{$server}) = ($server, $client);
                $select->add($client, $server);
                $clients{$client} = 1;
                next;
            }
            my $to = $other{$from} or next;
            if (sysread $from, my $octets, 65_536) {
                my ($client, $way) = $clients{$from} ? ($from, 'in') : ($to, 'out');
                $self->sees->($client, $way, $octets) if $self->sees;
                syswrite $to, $octets;
                next;
            }
            $select->remove($from, $to);
            delete @$_{$from, $to} for \(%other, %clients);
            close $_ for $from, $to;
        }
    }
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
