# Lanes: a point statement never waits for one whose cost grows with the data,
# nor for maintenance; and no account has more than two of the former in flight.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(decode_json encode_json);
use Test::Autoflow;
use Test::More;
use Time::HiRes qw(sleep);

my $good = 'correct horse battery staple';
my ($t, $ada, $root, $other);

sub request { Test::Autoflow::Client::request(@_) }
sub as ($pair, $path) { $t->client->send(request(GET => $path, $t->bearer($pair))) }
sub me { as($ada, '/auth/me') }
sub list ($pair = $root) { as($pair, '/auth/audit') }

sub statement_timeout ($time) {
    $t->db->do("ALTER ROLE autoflow_app SET statement_timeout = '$time'");
    $t->reload->ready;
}

# superusers, with their tokens
sub superusers (@names) {
    $t->register(email => "$_\@example.com") for @names;
    $t->db->do('UPDATE autoflow.users SET is_superuser = true WHERE email = ?', {},
        "$_\@example.com") for @names;
    return map {
        $t->ua->post($t->url('/auth/login') => json => {email => "$_\@example.com",
            password => $good})->res->json } @names;
}

# blocked requests stay so for as long as the test likes
sub autoflow (%options) {
    $t = Test::Autoflow->new(clock => 1, %options)->start;
    $ada = $t->register(email => 'ada@example.com');
    ($root, $other) = superusers('root', 'other');
}

# how many lists wait for a lock of their table
sub held { $t->db->selectrow_array(q{SELECT count(*) FROM pg_stat_activity
    WHERE application_name = 'autoflow wide' AND wait_event_type = 'Lock'}) }

sub are_refused ($name, @clients) {
    my @answers = map { $_->answer } @clients;
    my $is = sub ($answer) { join ' ', $answer->{status}, decode_json($answer->{body})->{code},
        $answer->{headers}{'retry-after'} };
    is_deeply [map { $is->($_) } @answers], [('429 too_many_requests 1') x @clients], $name;
}

# so many concurrent lists of an account: two wait, all others are refused at
# once
sub crowd ($number, $pair = $root) {
    my @clients = map { list($pair) } 1 .. $number;
    $t->wait_for(sub { grep({ $_->waits } @clients) >= $number - 2 });
    my @held = grep { !$_->waits } @clients;
    my %held = map { $_ => 1 } @held;
    are_refused('who comes third is refused', grep { !$held{$_} } @clients);
    return @held;
}

# two lists in flight, which respond when the lock is released
sub two_lists {
    my $lock = $t->locked('audit_events');
    my @clients = crowd(3);
    $t->wait_for(sub { held() });
    return ($lock, @clients);
}

# the account may have two again
sub may_again ($name) {
    my ($lock, @clients) = two_lists();
    $lock->rollback;
    is_deeply [map { $_->status } @clients], [200, 200], $name;
}


autoflow(workers => 2, database => 'pool=1 wide=1');

subtest 'connections' => sub {
    my $now = sub {
        return join ', ', map { "@$_" } @{$t->db->selectall_arrayref(q{
            SELECT count(*), application_name FROM pg_stat_activity
             WHERE usename = 'autoflow_app' GROUP BY 2 ORDER BY 2})};
    };

    # the node's own two connect when they are needed, not before requests are
    # served
    my $come = sub ($pool, $wide, $name) {
        my $all = "$pool autoflow, 1 autoflow feed, 1 autoflow jobs, $wide autoflow wide";
        ok $t->ready->wait_for(sub { $now->() eq $all }), $name;
    };
    $come->(2, 2, 'workers × (pool + wide), and two of the node');
    $t->database('pool=3 wide=2')->reload;
    $come->(6, 4, 'as configured');
    $t->database('')->reload;
    $come->(4, 2, 'by default two and one');
    $t->database('pool=1 wide=1')->reload->ready;
};

subtest 'lists that take long' => sub {
    my ($lock, @clients) = two_lists();
    is me()->status, 200, 'who asks for one row does not wait' for 1 .. 10;
    are_refused('again and again', map { list() } 1 .. 10);
    my @others = crowd(12, $other);
    is scalar @others, 2, 'another one has two, too';
    $lock->rollback;
    is_deeply [map { $_->status } @clients, @others], [(200) x 4], 'all are answered in the end';
    is list()->status, 200, 'one after another' for 1 .. 10;
};

subtest "an account's slots are free again" => sub {
    my ($lock, @clients) = two_lists();
    $_->close for @clients;
    $lock->rollback;
    $t->wait_for(sub { list()->status == 200 });
    may_again('after clients that went away');

    statement_timeout('200ms');
    ($lock, @clients) = two_lists();
    is_deeply [map { $_->status } @clients], [503, 503], 'the server ends them';
    $lock->rollback;
    statement_timeout('60s');
    may_again('after errors');

    $t->database('pool=1 wide=1 timeout=1s')->reload->ready;
    ($lock, @clients) = two_lists();
    $t->pass(1);
    is_deeply [map { $_->status } @clients], [503, 503], 'they take too long';
    $lock->rollback;
    $t->wait_for(sub { list()->status == 200 });
    $t->database('pool=1 wide=1')->reload->ready;
    may_again('after time-outs');

    ($lock, @clients) = two_lists();
    $t->db->do(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'autoflow wide'});
    $lock->rollback;
    is_deeply [map { $_->status } @clients], [200, 200], 'cut, and asked for again';
    $t->ready;
    may_again('then, too');
};

subtest 'maintenance' => sub {
    # also when what metrics tell of it is read first
    my $waiting = sub { $t->db->selectcol_arrayref(q{SELECT application_name FROM pg_stat_activity
        WHERE usename = 'autoflow_app' AND wait_event_type = 'Lock'}) };
    for my $table ('refresh_tokens', 'outbox') {
        my $lock = $t->locked($table);
        $t->jobs_due;
        $t->pass_until(0.5, sub { @{$waiting->()} });
        is_deeply $waiting->(), ['autoflow jobs'], "of $table: is the node's connection's alone";
        is me()->status, 200, 'nobody waits for it' for 1 .. 10;
        $lock->rollback;
    }
    $t->db->do(q{INSERT INTO autoflow.outbox (kind, user_id, recipient, created_at, failed_at)
        SELECT 'verify_email', id, 'x@example.com', now() - interval '31 days', now()
        FROM autoflow.users, generate_series(1, 1200)});
    $t->jobs_due;
    $t->pass_until(
        0.1, sub { !$t->db->selectrow_array(q{SELECT count(*) FROM autoflow.outbox
            WHERE created_at < now() - interval '30 days'}) });
    pass 'old mails go, a batch after another, also where none are sent';
};

$t->finish;


autoflow(workers => 2, database => 'timeout=8s',
    allow => ['worker process \d+ exited on signal 9']);

subtest 'workers killed with lists in flight' => sub {
    my ($lock, @clients) = two_lists();
    my @pids = $t->worker_pids;
    kill 'KILL', @pids;
    $t->wait_for(sub { $t->workers_are(@pids) });
    are_refused('nobody knows yet', list());
    $lock->rollback;
    $t->pass_until(1, sub { list()->status == 200 });
    $t->ready;
    $t->wait_for(sub { my @two = (list(), list()); !grep { $_->status != 200 } @two });
    may_again('what they had is over soon');
};

$t->finish;
done_testing;
