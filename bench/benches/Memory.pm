package Bench::Memory;

# What memory workers take, and what one more of something takes.

use Mojo::Base 'Bench::Suite', -signatures;
use Bench::Accounts qw(add_accounts add_revocations add_sessions);
use Bench::Server;
use Bench::Tokens qw(token token_file);
use Bench::Usage qw(pss);
use Bench::Wrk;

has title   => 'Memory';
has note    => 'The proportional set size of a worker: what processes share counts for each of
them in part, and of `autoflow_zone`, here 160m, and of `autoflow_token_cache` only
what has been touched: of the cache the first tokens do that all over it, of the zone
the first ones after a revocation. A row of a table is counted with its indexes.';
has columns => sub { [[mb => 'MB'], [octets => 'octets']] };
has server  => undef;

sub rounds ($self) { 1 }

sub setup ($self) {
    $self->server(Bench::Server->protecting(settings => {autoflow_zone => '160m'})->start);
}

sub used ($self) { pss($self->server->worker_pids) }

sub of ($octets) { sub ($seconds) { $octets > 1e6 ? {mb => $octets / 1e6} : {octets => $octets} } }

# in this order, as each adds to what is used
sub cases ($self) {
    my ($server, $db) = ($self->server, $self->server->db);
    my @cases = (['a worker without load' => $self->used]);
    my $many = $self->by_scale(full => 100_000, quick => 10_000, smoke => 100);

    my $pair    = $server->register(email => 'ada@example.com');
    my @clients = $self->clients(5);
    my $before  = $self->used;
    push @clients, $self->clients(500);
    push @cases, ['a connection that is kept idle' => ($self->used - $before) / 500];

    my $tokens = $self->by_scale(full => 100_000, quick => 3000, smoke => 20);
    $self->walk($tokens);
    push @cases, ["a worker that has seen $tokens tokens" => $self->used];

    Bench::Wrk->new(url => $server->url('/auth/me'), headers => $server->bearer($pair),
        connections => 500)->run(seconds => 2);
    push @cases, ['a worker after 500 connections with `GET /auth/me`' => $self->used];

    add_accounts($db, 1, $many);
    my $sessions = $self->table('sessions');
    add_sessions($db, 1, $many);
    push @cases, ['an account, in PostgreSQL' => $self->table('users') / $many],
        ['a session, in PostgreSQL' => ($self->table('sessions') - $sessions) / $many];

    my $revocations = $self->table('revocations');
    add_revocations($db, $many);
    $server->reload->ready;
    my $added = $self->table('revocations') - $revocations;
    push @cases, ['a revocation, in PostgreSQL' => $added / $many],
        ["a worker that knows $many revocations" => $self->used];

    return map { {name => $_->[0], label => $_->[0], run => of($_->[1])} } @cases;
}

# connections, each of which has had a request
sub clients ($self, $number) {
    my $request = Test::Autoflow::Client::request(GET => '/gif',
        $self->server->bearer(token('HS256')));
    return map { my $client = $self->server->client;
        $client->send($request)->answer;
        $client } 1 .. $number;
}

# requests with so many tokens
sub walk ($self, $tokens) {
    Bench::Wrk->new(url => $self->server->url('/gif'), script => 'walk', connections => 1,
        arguments => [token_file('HS256', $tokens)])->run(seconds => 2);
}

sub table ($self, $name) {
    return $self->server->db->selectrow_array("SELECT pg_total_relation_size('autoflow.$name')");
}

sub end ($self) { $self->server->end if $self->server }

1;
