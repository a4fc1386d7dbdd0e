package Test::Autoflow::Client;

# A client that sends raw octets, as many and whenever the test likes, and
# disconnects at any time.
#
#     my $client = $t->client;
#     $client->send("GET /health HTTP/1.1\r\n")->send("Host: x\r\n\r\n");
#     is $client->answer->{status}, 200;

use Mojo::Base -base, -signatures;

use Carp ();
use IO::Select;
use Socket qw(:all);
use Time::HiRes qw(sleep time);

has 'port';
has receive => 0;             # octets of its receive buffer; 0: the default
has seconds => 60;            # longer than any answer may take
has buffer  => '';            # received, and not taken yet
has socket  => sub ($self) {
    socket my $socket, PF_INET, SOCK_STREAM, IPPROTO_TCP or die "socket: $!";
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, $self->receive if $self->receive;
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
    connect $socket, pack_sockaddr_in($self->port, INADDR_LOOPBACK)
        or die "connect: $!";
    return $socket;
};

# the octets of a request; a body has a Content-Length unless the headers say
# otherwise
sub request ($method, $path, $headers = {}, $body = undef) {
    my %headers = (
        Host => 'localhost',
        (defined $body ? ('Content-Type' => 'application/json') : ()),
        (defined $body && !exists $headers->{'Transfer-Encoding'}
            ? ('Content-Length' => length $body) : ()),
        %$headers,
    );
    return join("\r\n", "$method $path HTTP/1.1",
        map({ "$_: $headers{$_}" } grep { defined $headers{$_} } sort keys %headers),
        '', $body // '');
}

sub chunked (@chunks) {
    return join '', map { sprintf "%x\r\n%s\r\n", length, $_ } @chunks, '';
}

# as much as the server accepts before it closes the connection
sub send ($self, $octets) {
    local $SIG{PIPE} = 'IGNORE';
    while (length $octets) {
        my $sent = syswrite $self->socket, $octets or last;
        substr $octets, 0, $sent, '';
    }
    return $self;
}

# in pieces of some octets, with a pause after each
sub slowly ($self, $octets, $size, $pause) {
    $self->send($_), sleep $pause for unpack "(a$size)*", $octets;
    return $self;
}

# the next HTTP/1.1 response: {status, headers, body, continued}; undef at the
# end of the connection
sub answer ($self, $method = 'GET') {
    my $continued = 0;

    while (1) {
        while ($self->buffer !~ /\r\n\r\n/) {
            $self->more or return;
        }
        my ($head, $body) = split /\r\n\r\n/, $self->buffer, 2;
        my ($line, @headers) = split /\r\n/, $head;
        my ($status) = $line =~ m{^HTTP/1\.1 ([1-5]\d\d) } or die "what is this: $line";
        my %headers = map { my ($name, $value) = split /: */, $_,
            2; (lc $name => $value) } @headers;

        $self->buffer($body);
        $status == 100 and $continued = 1 and next;

        my $length = $method eq 'HEAD' ? 0 : $headers{'content-length'} // 0;
        while (length $self->buffer < $length) {
            $self->more or return;
        }
        $body = substr $self->buffer, 0, $length;
        $self->buffer(substr $self->buffer, $length);

        return {status => $status, headers => \%headers, body => $body, continued => $continued};
    }
}

# only the status of the next response; 0 at the end of the connection
sub status ($self, $method = 'GET') { ($self->answer($method) // {status => 0})->{status} }

# reads until the server closes the connection: what was received
sub rest ($self) {
    1 while $self->more;
    my $rest = $self->buffer;
    $self->buffer('');
    return $rest;
}

# reads something: the number of octets; 0 at the end of the connection
sub more ($self, $seconds = $self->seconds) {
    IO::Select->new($self->socket)->can_read($seconds)
        or Carp::confess("nothing came within $seconds seconds");
    my $octets = '';
    my $got = sysread($self->socket, $octets, 65_536) || 0;
    $self->buffer($self->buffer . $octets);
    return $got;
}

# whether something was received, or the end
sub waits ($self) { IO::Select->new($self->socket)->can_read(0) }

# half-closes the connection
sub half_close ($self) { shutdown $self->socket, SHUT_WR; return $self }

sub close ($self) { CORE::close $self->socket }

# as when its process is killed with unread data
sub reset ($self) {
    setsockopt $self->socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    $self->close;
}

1;
