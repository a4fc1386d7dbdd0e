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
other; one worker with a processor of its own. `autoflow_token_cache` is 8m, the
default, with room for 47,660 tokens; or 256m, and the worker has seen them all.';
has x       => 'tokens';
has compare => 'us';
has columns => sub {
    [[rate => 'requests/s'], [us => 'µs each'], [work => 'of nginx alone, by µs']];
};
has [qw(bare server sized)];
has points => sub ($self) {
    $self->by_scale(full => [1, 100, 10_000, 100_000, 1_000_000], quick => [1, 10_000],
        smoke => [1]);
};

# from so many on there is also a larger cache
my $many = 100_000;

sub setup ($self) {
    $self->bare(Bench::Nginx->new(server => 'location = /gif { empty_gif; }')->start);
    $self->server(Bench::Server->protecting(pin => 1)->start);
    $self->sized(Bench::Server->protecting(pin => 1, beside => $self->server,
        settings => {autoflow_token_cache => '256m'})->start) if $self->points->[-1] >= $many;
}

sub wrk ($self, $nginx, $x, @first) {
    return Bench::Wrk->new(url => $nginx->url('/gif'), nginx => $nginx, cpu => client_cpu(),
        script => 'walk', arguments => [token_file('HS256', $x), @first]);
}

# the larger cache gets to know them all, if that takes no longer than a minute
sub prepare ($self, $x) {
    return if $x < $many;
    my ($seen, $end) = (0, time + 60);
    while ($seen < $x && time < $end) {
        $seen += $self->wrk($self->sized, $x, $seen)->run(seconds => 10)->{requests};
    }
    $self->{known}{$x} = $seen >= $x;
}

sub cases ($self, $x) {
    return (
        $self->case('bare', 'nginx alone', $self->wrk($self->bare, $x)),
        $self->case('ours', 'protected', $self->wrk($self->server, $x), base => 'bare'),
        !$self->{known}{$x} ? () : $self->case('sized', 'protected, 256m',
            $self->wrk($self->sized, $x), base => 'bare'),
    );
}

sub end ($self) { $_->end for grep { defined } $self->bare, $self->sized, $self->server }

1;
