# Concurrent requests.  (build.sh runs this file alone: it compares times.)

use Mojo::Base -strict, -signatures;
use List::Util qw(max sum);
use Mojo::Promise;
use Test::Autoflow;
use Test::More;
use Time::HiRes qw(time);

my $good = 'correct horse battery staple';

sub register ($email) {
    return [POST => '/api/v1/auth/register' => json => {email => $email, password => $good}];
}

sub login ($email) {
    return [POST => '/api/v1/auth/login' => json => {email => $email, password => $good}];
}

# the number of responses by status
sub statuses (@txs) {
    my %count;
    $count{$_->res->code}++ for @txs;
    return \%count;
}

sub median (@values) { (sort { $a <=> $b } @values)[$#values / 2] }


# hashing at its full cost, as in production
my $t = Test::Autoflow->new(workers => 2, settings => {autoflow_password => undef})->start;

subtest 'registrations' => sub {
    is_deeply statuses($t->at_once(map { register("many$_\@example.com") } 1 .. 24)), {201 => 24},
        '24 at once all succeed';
    is_deeply statuses($t->at_once((register('one@example.com')) x 8)), {201 => 1, 409 => 7},
        '8 at once with one address: one does';
    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.users'), 25,
        'according to the database';
    is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.audit_events
        WHERE action = 'registered'}),
        25, 'and the audit';
};

$t->finish;


# one worker: if a hash blocked it, nothing else would be served
$t = Test::Autoflow->new(settings => {autoflow_password => undef})->start;
$t->register(email => 'ada@example.com');

subtest 'GET /health/live while 50 logins are hashing' => sub {
    my $timed = sub ($request) {
        my $start = time;
        my $tx = $t->ua->build_tx(@$request);
        return $t->ua->start_p($tx)->then(sub ($tx) { [$tx->res->code, time - $start] });
    };
    my $once = sub ($request) {
        my $result;
        $timed->($request)->then(sub ($got) { $result = $got })->wait;
        return $result->[1];
    };

    my $before = median(map { $once->([GET => '/health/live']) } 1 .. 50);

    my ($pending, @logins, @lives) = 50;
    my $logins = Mojo::Promise->all(map {
        $timed->(login('ada@example.com'))->then(sub ($got) { push @logins, $got; $pending-- })
    } 1 .. 50);
    my $live; $live = sub {
        return $timed->([GET => '/health/live'])->then(sub ($got) {
            push @lives, $got;
            return $pending ? $live->() : undef;
        });
    };
    Mojo::Promise->all($logins, $live->())->catch(sub ($error) { fail $error })->wait;

    is_deeply [grep { $_->[0] != 200 } @logins, @lives], [], 'all are answered with 200';
    my ($during, $login) = map { median(map { $_->[1] } @$_) } \@lives, \@logins;
    my $slowest = max(map { $_->[1] } @lives);
    note sprintf '/health/live: %.1f ms alone, %.1f ms meanwhile (%d requests), at most %.1f ms; '
        . 'a login then: %.1f ms', map({ 1000 * $_ } $before, $during), scalar @lives,
        map { 1000 * $_ } $slowest, $login;

    # compared with a time that is measured concurrently, whatever else the
    # machine does: in a loop that hashes, both would wait for the same hashes
    cmp_ok $slowest, '<', $login / 2, 'none of them waited for the hashes';
};

$t->finish;


# Bounds: if a queue is full the client gets a response at once, and nobody
# waits forever
$t = Test::Autoflow->new(
    main => 'thread_pool autoflow_hash threads=1 max_queue=2;
             thread_pool autoflow_io threads=1 max_queue=8;',
    settings => {autoflow_password => undef},
)->start;
$t->register(email => 'ada@example.com');

subtest 'more hashes than the queue holds' => sub {
    my @txs   = $t->at_once((login('ada@example.com')) x 20);
    my $count = statuses(@txs);
    is sum(values %$count), 20, 'all are answered';
    is_deeply [sort keys %$count], [200, 503], 'with 200 or 503';
    for my $tx (grep { $_->res->code == 503 } @txs) {
        $t->tx($tx)->problem_is(503, 'overloaded')->header_like('Retry-After' => qr/^\d+$/);
    }
    $t->post_ok(@{login('ada@example.com')}[1 .. 3])->status_is(200);
};

$t->finish;


$t = Test::Autoflow->new;
$t->settings({autoflow_database =>
    '"' . $t->postgresql->url('autoflow_app') . '" pool=1 inflight=2 queue=3 timeout=2s'})->start;
my $ada = $t->register(email => 'ada@example.com');

# sends requests while the table of accounts is locked
sub while_locked ($code) {
    my $other = $t->postgresql->connect;
    $other->begin_work;
    $other->do('LOCK TABLE autoflow.users');
    $code->($other);
    $other->rollback if !$other->{AutoCommit};
}

my @me = (GET => '/auth/me' => $t->bearer($ada));

subtest 'more queries than the queue holds' => sub {
    while_locked(sub ($lock) {
        my ($refused, @done) = 0;
        my @waiting = map {
            $t->ua->start_p($t->ua->build_tx(@me))->then(sub ($tx) {
                push @done, $tx;
                $lock->rollback if $tx->res->code == 503 && ++$refused == 5;
            })
        } 1 .. 10;
        Mojo::Promise->all(@waiting)->wait;
        is_deeply [map { $_->res->code } @done], [(503) x 5, (200) x 5],
            'two in flight and three in the queue wait, the others are refused at once';
        $t->tx($done[0])->problem_is(503, 'overloaded')->header_like('Retry-After' => qr/^\d+$/);
    });
};

subtest 'queries that take too long' => sub {
    while_locked(sub ($lock) {
        my @txs = $t->at_once((\@me) x 5);
        is_deeply statuses(@txs), {503 => 5}, 'are given up';
        $t->tx($txs[0])->problem_is(503, 'unavailable');
    });
    $t->ready;
    is_deeply statuses($t->at_once((\@me) x 5)), {200 => 5}, 'and then all is well again';
};

$t->finish;
done_testing;
