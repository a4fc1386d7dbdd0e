# The audit log: an account's history, who may read it, filters, and its monthly
# partitions.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(false true);
use Test::Autoflow;
use Test::More;

my $t = Test::Autoflow->new(settings => {
    autoflow_attempts          => 'account=3/1h account_total=off address=off',
})->start;
my $good = 'correct horse battery staple';
my $better = 'seventeen purple elephants';

sub login ($email, $password = $good, %headers) {
    $t->post_ok('/auth/login' => {%headers} => json => {email => $email, password => $password});
    return $t->tx->res->json;
}

sub refresh ($pair) {
    $t->post_ok('/auth/refresh' => json => {refresh_token => $pair->{refresh_token}}) }

my $root = $t->register(email => 'root@example.com');
$t->db->do('UPDATE autoflow.users SET is_superuser = true');
my $root_id = $root->{user}{id};
my $as_root = $t->bearer(login('root@example.com'));

sub events ($query) {
    $t->get_ok("/auth/audit?$query" => $as_root)->status_is(200);
    return @{$t->tx->res->json('/data')};
}


my ($ada, $id);

subtest "an account's life" => sub {
    $ada = $t->register(email => 'ada@example.com', username => 'ada');
    $id  = $ada->{user}{id};
    my $path = "/auth/users/$id";
    $t->post_ok('/auth/roles' => $as_root => json => {name => 'editor'})->status_is(201);
    my $role = $t->tx->res->json('/id');

    login('ada@example.com', 'wrong');
    my $phone = login('ada', $good, 'User-Agent' => 'Phone/1', 'X-Request-ID' => 'from-the-phone');
    $t->put_ok('/auth/me/password' => $t->bearer($phone) => json => {current_password => $good,
        new_password => $better})->status_is(204);
    refresh($phone)->status_is(200);
    my $next = $t->tx->res->json;
    refresh($next)->status_is(200);
    refresh($phone)->problem_is(401, 'token_reused');
    $phone = login('ada', $better);
    $t->post_ok('/auth/logout' => $t->bearer($phone))->status_is(204);
    $t->post_ok('/auth/logout-all' => $t->bearer(login('ada', $better)))->status_is(204);
    $t->put_ok($path => $as_root => json => {full_name => 'Ada'})->status_is(200);
    $t->put_ok($path => $as_root => json => {email => 'new@example.com'})->status_is(200);
    $t->put_ok($path => $as_root => json => {email_verified => true})->status_is(200);
    $t->put_ok("$path/roles" => $as_root => json => {roles => ['editor']})->status_is(200);
    $t->put_ok("$path/superuser" => $as_root)->status_is(200) for 1 .. 2;
    $t->put_ok("$path/disable" => $as_root)->status_is(200);
    login('ada', $better);
    $t->put_ok("$path/enable" => $as_root)->status_is(200);
    $t->delete_ok("/auth/roles/$role" => $as_root)->status_is(204);
    login('ada', 'wrong') for 1 .. 4;
    $t->delete_ok($path => $as_root)->status_is(204);

    my @events = reverse events("target_id=$id&size=100");
    is_deeply [map { join ' ', $_->{action}, $_->{actor_id} ? $_->{actor_id} eq $id ? 'herself'
        : $_->{actor_id} eq $root_id ? 'root' : '?' : 'nobody' } @events], [
        'registered herself', 'login_failed nobody', 'logged_in herself',
            'password_changed herself', 'refresh_token_reused nobody',
        'logged_in herself', 'logged_out herself', 'logged_in herself', 'logged_out herself',
        'updated root', 'email_changed root',
        'email_verified root', 'roles_changed root', 'promoted root', 'demoted root',
        'disabled root', 'login_failed nobody', 'enabled root',
        'login_failed nobody', 'login_failed nobody', 'locked_out nobody', 'deleted root'],
        'reads as its history'
        or diag explain [map { $_->{action} } @events];

    my ($from_phone) = grep { ($_->{user_agent} // '') eq 'Phone/1' } @events;
    is_deeply $from_phone, {(map { $_ => $from_phone->{$_} } qw(id at trace_id)), actor_id => $id,
        action => 'logged_in', target_id => $id,
        ip_address => '127.0.0.1', user_agent => 'Phone/1', request_id => 'from-the-phone',
        details => {}}, 'who, what, whom, from where, by what';
    like $from_phone->{at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/, 'when';
    my %details = map { $_->{action} => $_->{details} } @events;
    is_deeply $details{email_changed}, {from => 'ada@example.com', to => 'new@example.com',
        verified => false}, 'the addresses';
    is_deeply $details{updated}, {fields => ['full_name']}, 'the fields';
    unlike $t->tx->res->body, qr/\Q$good\E|\Q$better\E|argon2/, 'no secret is in it';
};

subtest 'filters' => sub {
    my @all = events('size=100');
    is $t->tx->res->json('/total'), scalar @all, 'all of them';
    is_deeply [map { "$_->{at} $_->{id}" } @all], [reverse sort map { "$_->{at} $_->{id}" } @all],
        'the latest first';
    is_deeply [events('size=3&page=2')], [@all[3 .. 5]], 'by pages';
    is_deeply [events('size=100&action=login_failed')],
        [grep { $_->{action} eq 'login_failed' } @all], 'an action';
    is_deeply [events("size=100&actor_id=$id")], [grep { ($_->{actor_id} // '') eq $id } @all],
        'an actor';
    is_deeply [map { $_->{action} } events("actor_id=$root_id&target_id=" . uc($id)
        . '&action=disabled')], ['disabled'], 'all three';
    is_deeply [events('action=nothing')], [];
    $t->get_ok("/auth/audit?$_->[0]" => $as_root)->problem_is(422, 'validation_failed', $_->[0])
        ->errors_are($_->[1]) for
        ['actor_id=x&target_id=', {actor_id => 'format', target_id => 'format'}],
        ['size=0', {size => 'range'}], ['action=', {action => 'length'}];
    $t->get_ok('/auth/audit')->problem_is(401, 'token_required');
    $t->get_ok('/auth/audit' => $t->bearer($t->register))->problem_is(403, 'forbidden');
};

subtest 'refused requests are not audited as done' => sub {
    my $before = () = events('size=100');
    $t->delete_ok("/auth/users/$root_id" => $as_root)->problem_is(409, 'last_superuser');
    $t->put_ok("/auth/users/$root_id/roles" => $as_root => json => {roles => ['nobody']})
        ->status_is(422);
    $t->post_ok('/auth/users' => $as_root => json => {email => 'root@example.com',
        password => $good})->status_is(409);
    is scalar(() = events('size=100')), $before, 'no event';
};

subtest 'months are created' => sub {
    my $overdue = sub { $t->db->selectrow_array('SELECT autoflow.audit_is_overdue()') };
    $t->db->do(q{INSERT INTO autoflow.audit_events (at, action) VALUES ('2031-05-06', 'x')});
    is_deeply [map { $_->{action} } events('size=1')], ['x'], 'events without one show';
    is $overdue->(), 1, 'from the default partition';

    # a long transaction, like a dump
    my $dump = $t->postgresql->connect;
    $dump->begin_work;
    $dump->do('SELECT FROM autoflow.audit_events');
    $t->jobs_due('audit');
    my $log = qr/\[error\].*the job "audit" failed: canceling statement due to lock timeout/;
    ok $t->wait_for(sub { $t->error_log =~ $log }),
        'whoever reads for long is in the way, which the log tells';
    is $overdue->(), 1, 'and nothing changes';
    $dump->rollback;

    $t->jobs_due('audit');
    $t->wait_for(sub { !$overdue->() });
    pass 'a job makes them';
    my $indexes = sub ($table) {
        return $t->db->selectcol_arrayref(q{
            SELECT regexp_replace(pg_get_indexdef(indexrelid), '.* USING ', '') FROM pg_index
            WHERE indrelid = ?::regclass ORDER BY 1}, {}, "autoflow.$table");
    };
    is_deeply $indexes->('audit_events_2031_05'), $indexes->('audit_events'),
        'a new month has the indexes of all';
    is $t->db->selectrow_array(q{SELECT count(*) FROM pg_inherits WHERE inhrelid IN
        (SELECT indexrelid FROM pg_index
        WHERE indrelid = 'autoflow.audit_events_2031_05'::regclass)}),
        scalar @{$indexes->('audit_events')},
        'as parts of theirs';

    $t->db->do(q{INSERT INTO autoflow.audit_events (at, action) VALUES ('2001-05-06', 'old')});
    $t->db->do('SELECT autoflow.audit_maintain(NULL)');
    $t->db->do(q{SELECT autoflow.audit_maintain(interval '1 year')});
    is_deeply [events('action=old')], [], 'what is older than it shall be is gone';
};

$t->finish;
done_testing;
