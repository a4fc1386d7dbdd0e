package Bench::GrowthTokens;

# More and more different tokens: what fits into the cache, and what doesn't.

use Mojo::Base 'Bench::Growth', -signatures;
use Bench::Machine qw(client_cpu);
use Bench::Nginx;
use Bench::Server;
use Bench::Tokens qw(token_file);
use Bench::Wrk;

has title   => 'Growth by tokens';
has note    => 'Requests with so many different tokens (HS256) of as many accounts, one after the
other; one worker with a processor of its own.';
has x       => 'tokens';
has compare => 'us';
has columns => sub {
    [[rate => 'requests/s'], [us => 'µs each'], [work => 'of nginx alone, by µs']];
};
has [qw(bare server)];
has points => sub ($self) {
    $self->by_scale(full => [1, 100, 1000, 10_000, 100_000, 1_000_000], quick => [1, 10_000],
        smoke => [1]);
};

sub setup ($self) {
    $self->bare(Bench::Nginx->new(server => 'location = /gif { empty_gif; }')->start);
    $self->server(Bench::Server->protecting(pin => 1)->start);
}

sub cases ($self, $x) {
    my @options = (cpu => client_cpu(), script => 'walk', arguments => [token_file('HS256', $x)]);
    my ($bare, $ours) = map { Bench::Wrk->new(url => $_->url('/gif'), nginx => $_, @options) }
        $self->bare, $self->server;
    return ($self->case('bare', 'nginx alone', $bare),
        $self->case('ours', 'protected', $ours, base => 'bare'));
}

sub end ($self) { $_->end for grep { defined } $self->bare, $self->server }

1;
