package Bench::GrowthTokens;

# More and more different tokens: what fits into the cache, and what doesn't.

use Mojo::Base 'Bench::Growth', -signatures;
use Bench::Machine qw(client_cpu);
use Bench::Nginx;
use Bench::Server;
use Bench::Tokens qw(token_file);
use Bench::Wrk;
use List::Util qw(min);

has title   => 'Growth by tokens';
has note    => 'Requests with so many different tokens (HS256) of as many accounts, one after the
other; one worker with a processor of its own. `autoflow_token_cache` is 8m, the
default, with room for 47,660 tokens; or 256m, and the worker has seen all that it is
asked for: where that takes longer than a minute, those that it has seen by then.';
has x       => 'tokens';
has compare => 'us';
has columns => sub {
    [[rate => 'requests/s'], [us => 'µs each'], [work => 'of nginx alone, by µs'],
        [tokens => 'tokens']];
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

# requests with the first `count` of x tokens
sub wrk ($self, $nginx, $x, $count, @first) {
    return Bench::Wrk->new(url => $nginx->url('/gif'), nginx => $nginx, cpu => client_cpu(),
        script => 'walk', arguments => [token_file('HS256', $x), $count, @first]);
}

# the larger cache gets to know them all, or as many as it can in a minute
sub prepare ($self, $x) {
    return if $x < $many;
    my ($seen, $end) = (0, time + 60);
    while ($seen < $x && time < $end) {
        my $wrk = $self->wrk($self->sized, $x, $x, $seen);
        $seen += $wrk->run(seconds => $x - $seen > $many ? 10 : 2)->{requests};
    }
    $self->{known}{$x} = min($seen, $x);
}

sub cases ($self, $x) {
    my $known = $self->{known}{$x};
    return map { $self->of($x, @$_) } (
        [$x, $self->bare, 'bare', 'nginx alone'],
        [$x, $self->server, 'ours', 'protected', base => 'bare'],
        !$known ? () : [$known, $self->sized, 'sized', 'protected, 256m', base => 'bare'],
    );
}

sub of ($self, $x, $count, $nginx, @case) {
    my $wrk = $self->wrk($nginx, $x, $count);
    my ($name, $label, @more) = @case;
    return {name => $name, label => $label, @more,
        run => sub ($seconds) { +{%{$wrk->run(seconds => $seconds)}, tokens => $count} }};
}

sub end ($self) { $_->end for grep { defined } $self->bare, $self->sized, $self->server }

1;
