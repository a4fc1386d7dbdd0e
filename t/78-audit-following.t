# Whoever follows the audit log by ?after= gets every event once, in whichever
# order transactions are committed, and wherever the database was before.

use Mojo::Base -strict, -signatures;
use Test::Autoflow;
use Test::More;

my $t     = Test::Autoflow->new->start;
my $zeros = '00000000-0000-0000-0000-000000000000';
my $good  = 'correct horse battery staple';

my $root = $t->register(email => 'root@example.com');
$t->db->do('UPDATE autoflow.users SET is_superuser = true');
$t->post_ok('/auth/login' => json => {email => 'root@example.com', password => $good});
my $as_root = $t->bearer($t->tx->res->json);

# the actions after this event, and the id of the last one
sub after ($id, $query = 'size=100') {
    $t->get_ok("/auth/audit?after=$id&$query" => $as_root)->status_is(200);
    my @events = @{$t->tx->res->json('/data')};
    return (join(' ', map { $_->{action} } @events), @events ? $events[-1]{id} : $id);
}

sub is_after ($id, $expected, $name) {
    my ($actions, $last) = after($id);
    is $actions, $expected, $name;
    return $last;
}

# an event, written by the owner; or in this connection
sub event ($action, $db = $t->db) {
    $db->do('INSERT INTO autoflow.audit_events (action) VALUES (?)', {}, $action);
}

# all transactions have ended, so that all events are shown
sub settled { $t->wait_for(sub { $t->db->selectrow_array(q{
    SELECT NOT EXISTS (SELECT FROM pg_stat_activity
                        WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid())}) }) }

my $last;

subtest 'from the first one on' => sub {
    settled();
    $last = is_after($zeros, 'registered logged_in', 'the earliest first');
    is_after($last, '', 'nothing after the last one');
    event($_) for 'a' .. 'e';
    settled();
    is_after($last, 'a b c d e', 'what follows');

    my ($first, $id) = after($last, 'size=2');
    is $first, 'a b', 'by pages';
    $t->json_is('/total' => 5)->json_is('/pages' => 3);
    is +(after($last, 'size=2&page=3'))[0], 'e';
    is +(after($last, 'size=2&page=4'))[0], '';
    is +(after($id, 'size=2'))[0], 'c d', 'the last of a page is the next to begin after';
    $t->get_ok("/auth/audit?after=$last&size=2" => $as_root);
    my @by_cursor;
    while (my $next = $t->tx->res->json('/next')) {
        push @by_cursor, map { $_->{action} } @{$t->tx->res->json('/data')};
        $t->get_ok("/auth/audit?after=$last&size=2&cursor=$next" => $as_root)->status_is(200);
    }
    is join(' ', @by_cursor, map { $_->{action} } @{$t->tx->res->json('/data')}), 'a b c d e',
        'or by cursors';
    $last = (after($last))[1];
};

subtest 'what it cannot be after' => sub {
    my $wrong = sub ($query, $errors) {
        $t->get_ok("/auth/audit?$query" => $as_root)->problem_is(422, 'validation_failed', $query)
            ->errors_are($errors);
    };
    $wrong->('after=x', {after => 'format'});
    $wrong->("after=$root->{user}{id}", {after => 'reference'});
    $wrong->("after=$last&action=a", {after => 'ambiguous'});
    $wrong->("after=$last&actor_id=$root->{user}{id}", {after => 'ambiguous'});
    $wrong->("after=$last&target_id=$root->{user}{id}", {after => 'ambiguous'});
};

subtest 'a transaction that began earlier and is committed later' => sub {
    my ($early, $late) = map { $t->postgresql->connect } 1, 2;
    $_->begin_work for $early, $late;
    event('early', $early);
    event('late', $late);
    $late->commit;
    event('later');
    is_after($last, '', 'holds back what was committed');
    $t->get_ok('/auth/audit?size=2' => $as_root)->json_is('/data/0/action' => 'later');
    event('early again', $early);
    $early->commit;
    settled();
    $last = is_after($last, 'early early again late later', 'and then nothing is missing');

    $early->begin_work;
    event('never', $early);
    event('x');
    is_after($last, '', 'one that is rolled back');
    $early->rollback;
    settled();
    $last = is_after($last, 'x', 'leaves nothing');

    $early->begin_work;
    event('outside', $early);
    $early->do('SAVEPOINT s');
    event('inside', $early);
    event('y');
    is_after($last, '', 'a savepoint');
    $early->commit;
    settled();
    my ($actions, $y) = after($last);
    like $actions, qr/^(?:outside inside|inside outside) y$/, 'is of its transaction';
    $last = $y;
};

subtest 'many at once' => sub {
    my @got;
    my $poll = sub {
        my $before = $last;
        my $data;
        do {
            $t->get_ok("/auth/audit?after=$last&size=7" => $as_root)->status_is(200);
            $data = $t->tx->res->json('/data');
            push @got, map { $_->{action} } @$data;
            $last = $data->[-1]{id} if @$data;
        } while @$data;
    };

    my @writers = map { $t->postgresql->connect } 1 .. 5;
    my %open;
    my $n = 0;
    srand 7;
    for (1 .. 150) {
        my $i = int rand @writers;
        if (!$open{$i}) { $writers[$i]->begin_work; $open{$i} = 1 }
        event('n' . ++$n, $writers[$i]);
        if (rand() < 0.5) { $writers[$i]->commit; delete $open{$i} }
        $poll->() if rand() < 0.15;
    }
    $writers[$_]->commit for keys %open;
    settled();
    $poll->();
    my %times;
    $times{$_}++ for @got;
    is_deeply \%times, {map { ("n$_" => 1) } 1 .. $n}, 'each is there once';
};

subtest 'events of before there was an order, and partitions' => sub {
    $t->db->do(q{UPDATE autoflow.audit_events SET cluster = 0, xid = '0'
        WHERE action IN ('registered', 'logged_in', 'x')});
    my ($all) = after($zeros, 'size=7');
    is $all, 'registered logged_in x a b c d', 'come first';
    $t->db->do(q{INSERT INTO autoflow.audit_events (at, action) VALUES ('2031-05-06', 'future')});
    settled();
    my $before = $last;
    $last = is_after($last, 'future', 'one in the default partition');
    $t->jobs_due('audit');
    $t->wait_for(sub { !$t->db->selectrow_array('SELECT autoflow.audit_is_overdue()') });
    settled();
    is is_after($before, 'future', 'that is moved'), $last, 'is the same';
    event('since');
    settled();
    $last = is_after($last, 'since', 'and is not the last because of its time');
};

subtest 'a database that was restored into another cluster' => sub {
    # which has had fewer transactions
    $t->db->do(q{UPDATE autoflow.audit_events SET cluster = 7, xid = ('1' || xid::text)::xid8
        WHERE cluster <> 0});
    is_after($last, '', 'the last event is as it was');
    event('new');
    settled();
    is_after($last, 'new', 'new ones follow, though their numbers are lower');
    my ($all) = after($zeros, 'size=4');
    is $all, 'registered logged_in x a', 'restored ones are not held back';
    my ($id) = $t->db->selectrow_array(q{SELECT id FROM autoflow.audit_events
        WHERE action = 'future'});
    $last = is_after($id, 'since new', 'from one to the other');

    # and once more
    $t->db->do(q{UPDATE autoflow.audit_events SET cluster = 3 WHERE action = 'new'});
    event('newer');
    settled();
    is_after($id, 'since new newer', 'twice');
};

subtest 'the cost' => sub {
    $t->db->do(q{INSERT INTO autoflow.audit_events (action, at)
        SELECT 'bulk', now() - n * interval '1 minute' FROM generate_series(1, 20000) n});
    $t->db->do('ANALYZE autoflow.audit_events');
    settled();
    my $reads = sub ($statement) {
        my $plan = join "\n",
            @{$t->db->selectcol_arrayref("EXPLAIN (ANALYZE, BUFFERS) $statement")};
        return ($plan =~ /Buffers: shared hit=(\d+)/)[0];
    };
    my ($cluster) = $t->db->selectrow_array('SELECT autoflow.cluster_id()');
    my ($id) = $t->db->selectrow_array(q{SELECT id FROM autoflow.audit_events
        WHERE action = 'newer'});
    my ($xid) = $t->db->selectrow_array('SELECT xid FROM autoflow.audit_events WHERE id = ?', {},
        $id);
    # the first time it reads the catalogs, too
    my (undef, $read) = map {
        $reads->("SELECT * FROM autoflow.audit_after($cluster, '$xid', '$id', 11)")
    } 1 .. 2;
    cmp_ok $read, '<', 200, "a page reads few blocks ($read), however many there are";
};

subtest 'traces' => sub {
    my $trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    $t->post_ok('/auth/login' => {traceparent => "00-$trace-00f067aa0ba902b7-01"} => json =>
        {email => 'root@example.com', password => 'wrong'})->status_is(401);
    $t->get_ok('/auth/audit?action=login_failed' => $as_root)
        ->json_is('/data/0/trace_id' => $trace);
    $t->register;
    $t->get_ok('/auth/audit?size=1&action=registered' => $as_root)
        ->json_like('/data/0/trace_id' => qr/^[0-9a-f]{32}$/);
};

$t->finish;
done_testing;
