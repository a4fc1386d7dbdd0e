package Test::Autoflow::Soak::Sender;

# Ways to send a request to a node: over a connection that is kept, or a new one;
# slowly; by HTTP/2; or without waiting for the response.
#
#     my $answer = $sender->send($node, 'slow', {method => …, path => …, …});
#     # {status, body}; the status is 0 if it isn't known

use Mojo::Base -base, -signatures;

use Mojo::JSON qw(encode_json);
use Test::Autoflow::Client;

has kept => sub { {} };       # connections, by node and kind

my %ways = (
    kept  => sub ($self, $node, $request) {
        return $self->over($self->client($node), $request);
    },
    new   => sub ($self, $node, $request) {
        my $answer = $self->over((my $client = $node->client), $request);
        $client->close;
        return $answer;
    },
    slow  => sub ($self, $node, $request) {
        my $client = $node->client;
        my $octets = octets($request);
        $client->slowly($octets, 1 + int(length($octets) / 8), 0.02);
        return $client->answer;
    },
    h2    => sub ($self, $node, $request) {
        my $client = $self->client_h2($node);
        my $answer = $client->answer(begin_h2($client, $request));
        delete $client->answers->{$client->stream};
        return $answer && !defined $answer->{reset} ? $answer : undef;
    },

    # nginx has noticed that when it closes the connection
    abort => sub ($self, $node, $request) {
        $node->client->send(octets($request))->half_close->rest;
        return;
    },
    part  => sub ($self, $node, $request) {
        my $octets = octets($request);
        $node->client->send(substr $octets, 0, rand length $octets)->half_close->rest;
        return;
    },

    # or when it answers another request, which follows on the connection
    cancel => sub ($self, $node, $request) {
        my $client = $self->client_h2($node);
        $client->cancel(begin_h2($client, $request));
        $client->answer($client->headers(GET => '/health/live', {}, 1))
            or delete $self->kept->{$node}{client_h2};
        return;
    },
);

sub ways { sort keys %ways }

sub send ($self, $node, $way, $request) {
    my $answer = $ways{$way}->($self, $node, $request);
    delete $self->kept->{$node} if !$answer || !$answer->{status};
    return $answer // {status => 0, body => ''};
}

# several at once, each to a node, over new connections: [node, request]
sub at_once ($self, @requests) {
    my @clients = map { $_->[0]->client->send(octets($_->[1])) } @requests;
    return map { $_->answer // {status => 0, body => ''} } @clients;
}

sub over ($self, $client, $request) {
    return $client->send(octets($request))->answer($request->{method});
}

# a connection that nginx has not closed yet
sub client ($self, $node) {
    my $kept = $self->kept->{$node}{client};
    return $kept if $kept && !$kept->waits;
    return $self->kept->{$node}{client} = $node->client;
}

sub client_h2 ($self, $node) {
    my $kept = $self->kept->{$node}{client_h2};
    while ($kept && $kept->waits) {
        $kept->read_frame or undef $kept;
    }
    return $kept if $kept && !$kept->gone;
    # for as many answers as there may be
    return $self->kept->{$node}{client_h2} = $node->client_h2->widen(0, 2**31 - 1 - 65_535);
}

sub headers ($request) {
    return {'X-Request-ID' => $request->{id}, %{$request->{headers} // {}},
        $request->{token} ? (Authorization => "Bearer $request->{token}") : (),
        $request->{json} ? ('Content-Type' => 'application/json') : ()};
}

# those of the API, unless it is the upstream's
sub path ($request) {
    return $request->{path} =~ m{^/(?:app|health)/} ? $request->{path} : "/api/v1$request->{path}";
}

sub octets ($request) {
    return Test::Autoflow::Client::request($request->{method}, path($request),
        headers($request), $request->{json} ? encode_json($request->{json}) : undef);
}

sub begin_h2 ($client, $request) {
    my $body = $request->{json};
    my $stream = $client->headers($request->{method}, path($request), headers($request), !$body);
    $client->data($stream, encode_json($body), 1) if $body;
    return $stream;
}

1;
