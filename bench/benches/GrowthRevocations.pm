package Bench::GrowthRevocations;

# More and more revocations, which every token is checked against.

use Mojo::Base 'Bench::Growth', -signatures;
use Bench::Accounts qw(add_revocations);
use Bench::Machine qw(client_cpu);
use Bench::Server;
use Bench::Tokens qw(token token_file);
use Bench::Wrk;

has title  => 'Growth by revocations';
has note   => 'A protected file, with a token that the worker knows, and with 3,000 tokens in
turn, which do not fit into a cache of 4k.';
has x      => 'revocations';
has made   => 0;
has server => undef;
has points => sub ($self) {
    $self->by_scale(full => [1, 1000, 10_000, 100_000, 1_000_000], quick => [1, 10_000],
        smoke => [1]);
};

sub setup ($self) {
    $self->server(Bench::Server->protecting(pin => 1,
        settings => {autoflow_zone => '160m', autoflow_token_cache => '4k'})->start);
}

sub prepare ($self, $x) {
    add_revocations($self->server->db, $x - $self->made);
    $self->made($x);
    $self->server->stop;                # the next one reads them all
    $self->server->start_nginx->ready;
}

sub cases ($self, $x) {
    my @options = (url => $self->server->url('/gif'), nginx => $self->server, cpu => client_cpu());
    return (
        $self->case('one', 'a known token', Bench::Wrk->new(@options,
            headers => $self->server->bearer(token('HS256', 1)))),
        $self->case('many', 'another token each time', Bench::Wrk->new(@options,
            script => 'walk', arguments => [token_file('HS256', 3000)])),
    );
}

sub end ($self) { $self->server->end if $self->server }

1;
