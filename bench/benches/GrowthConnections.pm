package Bench::GrowthConnections;

# More and more connections on which nothing happens.

use Mojo::Base 'Bench::Growth', -signatures;
use Bench::Machine qw(client_cpu);
use Bench::Server;
use Bench::Tokens qw(token);
use Bench::Wrk;

has title  => 'Growth by idle connections';
has x      => 'connections';
has server => undef;
has idle   => sub { [] };
has points => sub ($self) {
    $self->by_scale(full => [10, 100, 1000, 10_000], quick => [10, 500], smoke => [10]);
};

sub setup ($self) {
    $self->server(Bench::Server->protecting(pin => 1, server => 'keepalive_timeout 1h;')->start);
}

# each has had a request
sub prepare ($self, $x) {
    my $request = Test::Autoflow::Client::request(GET => '/gif',
        $self->server->bearer(token('HS256', 1)));
    while (@{$self->idle} < $x) {
        my $client = $self->server->client;
        $client->send($request)->status == 200 or die "a connection was refused\n";
        push @{$self->idle}, $client;
    }
}

sub cases ($self, $x) {
    my $as = $self->server->bearer($self->{account} //= $self->server->register);
    return map { my ($path, $label) = @$_;
        $self->case($path, $label, Bench::Wrk->new(url => $self->server->url($path),
            headers => $as, nginx => $self->server, cpu => client_cpu()));
    } ['/gif', 'a protected file'], ['/auth/me', '`GET /auth/me`'];
}

sub end ($self) { $self->server->end if $self->server }

1;
