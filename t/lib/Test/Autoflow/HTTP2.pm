package Test::Autoflow::HTTP2;

# Likewise for HTTP/2 with prior knowledge, frame by frame (RFC 9113).
#
#     my $client = $t->client_h2;
#     my $stream = $client->headers(POST => '/auth/login', {...});
#     $client->data($stream, '{}', 1);
#     is $client->answer($stream)->{status}, 422;

use Mojo::Base 'Test::Autoflow::Client', -signatures;

use constant {DATA => 0, HEADERS => 1, RST_STREAM => 3, SETTINGS => 4, GOAWAY => 7,
    WINDOW_UPDATE => 8};
use constant {END_STREAM => 1, ACK => 1, END_HEADERS => 4};

has window  => 65_535;        # that a stream has at first, for answers
has stream  => -1;            # the last one
has answers => sub { {} };
has granted => sub { {} };    # by WINDOW_UPDATE, for bodies
has gone    => 0;             # 1: there can be no further request

# RFC 7541, appendix A: nginx's part of the static table
my %statuses = (8 => 200, 9 => 204, 10 => 206, 11 => 304, 12 => 400, 13 => 404, 14 => 500);

sub greet ($self) {
    return $self->send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        ->frame(SETTINGS, 0, 0, pack 'nN', 4, $self->window);
}

sub frame ($self, $type, $flags, $stream, $payload = '') {
    return $self->send(substr(pack('N', length $payload), 1)
        . pack('CCNa*', $type, $flags, $stream, $payload));
}

# begins a request; returns its stream
sub headers ($self, $method, $path, $headers = {}, $end = 0) {
    my @fields = (':method' => $method, ':scheme' => 'http', ':path' => $path,
        ':authority' => 'localhost', map { (lc $_ => $headers->{$_}) } sort keys %$headers);
    my $block = '';
    while (my ($name, $value) = splice @fields, 0, 2) {
        $block .= "\0" . string($name) . string($value);
    }
    $self->stream($self->stream + 2);
    $self->frame(HEADERS, END_HEADERS | ($end ? END_STREAM : 0), $self->stream, $block);
    return $self->stream;
}

# a literal without Huffman coding
sub string ($octets) {
    my $length = length $octets;
    return chr($length) . $octets if $length < 127;
    my $prefix = "\x7f";
    for ($length -= 127; $length >= 128; $length >>= 7) {
        $prefix .= chr(128 | $length & 127);
    }
    return $prefix . chr($length) . $octets;
}

sub data ($self, $stream, $octets, $end = 0) {
    return $self->frame(DATA, $end ? END_STREAM : 0, $stream, $octets);
}

# CANCEL by default
sub cancel ($self, $stream, $code = 8) {
    return $self->frame(RST_STREAM, 0, $stream, pack 'N', $code);
}

sub widen ($self, $stream, $octets) {
    return $self->frame(WINDOW_UPDATE, 0, $stream, pack 'N', $octets);
}

# a stream's response: {status, body, reset}; undef at the end of the connection
sub answer ($self, $stream) {
    my $answer = $self->answers->{$stream} //= {status => 0, body => '', reset => undef};
    while (!$answer->{ended}) {
        $self->read_frame or return;
    }
    return $answer;
}

sub status ($self, $stream) { ($self->answer($stream) // {status => 0})->{status} }

# reads and processes a frame; 0 at the end of the connection
sub read_frame ($self) {
    while (length $self->buffer < 9) {
        $self->more or return 0;
    }
    my ($high, $low, $type, $flags, $stream) = unpack 'CnCCN', $self->buffer;
    my $length = $high << 16 | $low;
    while (length $self->buffer < 9 + $length) {
        $self->more or return 0;
    }
    my $payload = substr $self->buffer, 9, $length;
    $self->buffer(substr $self->buffer, 9 + $length);

    my $answer = $self->answers->{$stream} //= {status => 0, body => '', reset => undef};
    if ($type == HEADERS) {
        $payload =~ s/^[\x20-\x3f]//;             # a new size of the table
        my $first = ord $payload;
        $answer->{status} = $first & 0x80 ? $statuses{$first & 0x7f} : substr $payload, 2, 3;
    } elsif ($type == DATA) {
        $answer->{body} .= $payload;
    } elsif ($type == RST_STREAM) {
        $answer->{reset} = unpack 'N', $payload;
    } elsif ($type == WINDOW_UPDATE) {
        $self->granted->{$stream} += unpack 'N', $payload;
    } elsif ($type == GOAWAY) {
        $self->gone(1);
    } elsif ($type == SETTINGS && !($flags & ACK)) {
        $self->frame(SETTINGS, ACK, 0);
    }
    $answer->{ended} = 1
        if $type == RST_STREAM || $type <= HEADERS && $flags & END_STREAM;
    return 1;
}

1;
