# The limit on an account's sessions, and the cost of ending many: one
# revocation, one audit row, and an acceptable response time.

use Mojo::Base -strict, -signatures;
use MIME::Base64 qw(decode_base64url);
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json encode_json);
use Test::Autoflow;
use Test::More;

my $t = Test::Autoflow->new(workers => 2, settings => {autoflow_sessions => 'account=5'})->start;
my $good = 'correct horse battery staple';
my $better = 'a better horse, a newer battery';
my $n = 0;

sub account { $n++; $t->register(email => "user$n\@example.com") }

sub credentials ($account, $password = $good) {
    {email => $account->{user}{email}, password => $password} }

sub login ($account, $password = $good) {
    $t->post_ok('/auth/login' => json => credentials($account, $password))->status_is(200);
    return $t->tx->res->json;
}

sub refresh ($pair) {
    $t->post_ok('/auth/refresh' => json => {refresh_token => $pair->{refresh_token}}) }
sub next_of ($pair) { refresh($pair)->status_is(200)->tx->res->json }
sub me ($pair) { $t->get_ok('/auth/me' => $t->bearer($pair)) }
sub claims ($pair) { decode_json(decode_base64url((split /\./, $pair->{access_token})[1])) }

sub living ($account) {
    return $t->db->selectrow_array('SELECT count(*) FROM autoflow.sessions
        WHERE user_id = ? AND ended_at IS NULL', {}, $account->{user}{id});
}

# sessions inserted by SQL, as from before there was a limit
sub crowd ($account, $count) {
    $t->db->do(q{INSERT INTO autoflow.sessions (user_id, number, last_used_at, expires_at,
        access_expires_at)
        SELECT ?, 1, now() - interval '1 hour', now() + interval '7 days',
        now() + interval '30 minutes'
          FROM generate_series(1, ?)}, {}, $account->{user}{id}, $count);
}

# [of sessions, of the account]
sub revocations ($account) {
    return [$t->db->selectrow_array('SELECT count(*) FILTER (WHERE epoch IS NULL),
        count(*) FILTER (WHERE epoch IS NOT NULL)
        FROM autoflow.revocations WHERE subject_id = $1 OR subject_id IN
            (SELECT id FROM autoflow.sessions WHERE user_id = $1)', {}, $account->{user}{id})];
}

# the details of the last audit event
sub details ($account, $action) {
    return [map { decode_json($_) } @{$t->db->selectcol_arrayref('SELECT details::text
        FROM autoflow.audit_events
        WHERE target_id = ? AND action = ? ORDER BY at, id', {}, $account->{user}{id}, $action)}];
}

sub change_password ($pair) {
    return $t->put_ok('/auth/me/password' => $t->bearer($pair) => json =>
        {current_password => $good, new_password => $better});
}


subtest 'a login beyond the limit' => sub {
    my $ada = account();
    my $eve = account();
    my @pairs = ($ada, map { login($ada) } 2 .. 5);
    me($_)->status_is(200) for @pairs;
    $pairs[0] = next_of($pairs[0]);

    push @pairs, login($ada);
    is living($ada), 5, 'as many as there may be';
    me($pairs[1])
        ->problem_is(401, 'token_revoked', 'the one that was not used for longest has ended');
    refresh($pairs[1])->problem_is(401, 'invalid_token');
    me($_)->status_is(200, 'no other one') for @pairs[0, 2 .. 5], $eve;
    is_deeply details($ada, 'logged_in')->[-1], {ended => 1}, 'audited';
    is_deeply details($ada, 'logged_in')->[0], {};

    # expired ones are removed first
    $t->db->do('UPDATE autoflow.sessions
    SET expires_at = now(), access_expires_at = now() - interval \'1 hour\'
        WHERE id = ?', {}, claims($pairs[-1])->{sid});
    login($ada);
    me($pairs[2])->status_is(200);
    is living($ada), 5;
};

subtest 'many concurrent logins' => sub {
    my $ada = account();
    my @txs = map {
        $t->at_once(([POST => '/auth/login' => json => credentials($ada)]) x 8) } 1 .. 3;
    is_deeply [grep { $_->res->code != 200 } @txs], [], 'all log in';
    is living($ada), 5, 'and as many are left';
};

subtest 'an overlapping login' => sub {
    my $ada = account();
    login($ada) for 2 .. 5;
    my $lock = $t->locked;
    my @logins = map { $t->client->send(Test::Autoflow::Client::request(POST => '/auth/login', {},
        encode_json(credentials($ada)))) } 1, 2;
    $t->wait_for(sub { $t->blocked == 2 });
    $lock->rollback;
    is $_->status, 200 for @logins;
    is living($ada), 5, 'sees the session of the one before';
};

subtest 'far beyond the limit' => sub {
    my $ada = account();
    my $kept = next_of($ada);
    crowd($ada, 300);
    my $new = login($ada);
    is living($ada), 5;
    is_deeply revocations($ada), [0, 1], 'by one revocation of the account';
    is claims($new)->{epoch}, claims($ada)->{epoch} + 1;
    me($new)->status_is(200, 'the new token is of the new epoch');
    me($kept)->problem_is(401, 'token_revoked', 'that of a session that is left is not');
    me(next_of($kept))->status_is(200, 'but is refreshed');
    is_deeply details($ada, 'logged_in')->[-1], {ended => 297};

    crowd($ada, 50);
    login($ada);
    is living($ada), 5;
    is_deeply revocations($ada), [51, 1], 'up to a hundred one by one';
};

for ([3, [3, 0]], [300, [0, 1]]) {
    my ($count, $revoked) = @$_;

    subtest "the $count others" => sub {
        my $ada = account();
        my $other = login($ada);
        crowd($ada, $count - 1);
        $t->post_ok('/auth/logout?scope=others' => $t->bearer($ada))->status_is(204);
        is living($ada), 1, 'have ended';
        is_deeply revocations($ada), $revoked, 'as many revocations as that takes';
        is_deeply details($ada, 'logged_out'), [{scope => 'others', count => $count}], 'one event';
        me($other)->problem_is(401, 'token_revoked');
        refresh($other)->problem_is(401, 'invalid_token');
        me(next_of($ada))->status_is(200);
    };

    subtest "a new password, and the $count others" => sub {
        my $ada = account();
        my $other = login($ada);
        crowd($ada, $count - 1);
        change_password($ada)->status_is(204);
        is living($ada), 1, 'have ended';
        is_deeply revocations($ada), $revoked, 'as many revocations as that takes';
        is_deeply details($ada, 'password_changed'), [{scope => 'others', count => $count}],
            'one event';
        me($other)->problem_is(401, 'token_revoked');
        refresh($other)->problem_is(401, 'invalid_token');
        me(next_of($ada))->status_is(200);
    };
}

subtest 'which is neither a reset nor a logout everywhere' => sub {
    my $ada = account();
    my $id  = $ada->{user}{id};
    $t->db->do(q{INSERT INTO autoflow.outbox (kind, user_id, recipient) VALUES ('reset_password', ?,
        ?)}, {}, $id, $ada->{user}{email});
    $t->db->do(q{UPDATE autoflow.users SET pending_email = 'ada@new.example'
        WHERE id = ?}, {}, $id);
    my $left = sub {
        return [$t->db->selectrow_array(q{SELECT pending_email, (SELECT count(*)
            FROM autoflow.outbox
            WHERE user_id = u.id AND kind = 'reset_password' AND used_at IS NULL)
            FROM autoflow.users u WHERE id = ?}, {}, $id)];
    };
    my $epoch = claims($ada)->{epoch};

    crowd($ada, 150);
    my $pair = login($ada);
    is claims($pair)->{epoch}, $epoch + 1, 'many have ended together';
    is_deeply $left->(), ['ada@new.example', 1], 'a login withdraws nothing';

    crowd($ada, 150);
    change_password($pair)->status_is(204);
    is claims(login($ada, $better))->{epoch}, $epoch + 2, 'again';
    is_deeply $left->(), [undef, 1], 'a new password leaves the owner the way back in';
};

subtest 'all of them' => sub {
    my $root = account();
    $t->db->do('UPDATE autoflow.users SET is_superuser = true WHERE id = ?', {}, $root->{user}{id});
    $root = login($root);
    my %ends = (
        logged_out => sub ($ada) { $t->post_ok('/auth/logout-all' => $t->bearer($ada)) },
        deleted    => sub ($ada) { $t->delete_ok('/auth/me' => $t->bearer($ada)) },
        disabled   =>
        sub ($ada) { $t->put_ok("/auth/users/$ada->{user}{id}/disable" => $t->bearer($root)) },
    );
    for my $action (sort keys %ends) {
        my $ada = account();
        crowd($ada, 200);
        $ends{$action}->($ada);
        is $t->tx->res->is_success, 1, $action;
        is living($ada), 0;
        is_deeply revocations($ada), [0, 1], 'one revocation';
        is_deeply details($ada, $action), [{scope => 'all', count => 201}],
            'one event, with their number';
    }
};

subtest 'an absurd number' => sub {
    my $ada = account();
    my $eve = account();
    crowd($ada, 50_000);
    crowd($eve, 50_000);
    $t->post_ok('/auth/logout?scope=others' => $t->bearer($ada))->status_is(204);
    change_password($eve)->status_is(204);
    is living($_), 1, 'all but one have ended' for $ada, $eve;
};

$t->finish;


# The schema change finds accounts beyond the limit

my $postgresql = Test::Autoflow::PostgreSQL->new(dir => $t->dir . '/upgraded')->start;
my $owner = $postgresql->connect;

subtest 'deployed on many sessions' => sub {
    $postgresql->sqitch_ok('revert', '-y', '--to', 'sessions_bounded^');
    my %id = map { $_ => scalar $owner->selectrow_array(q{INSERT INTO autoflow.users (email,
        password_hash)
        VALUES (?, 'x') RETURNING id}, {}, "$_\@example.com") } qw(ada eve);
    my $crowd = sub ($who, $count) {
        $owner->do(q{INSERT INTO autoflow.sessions (user_id, last_used_at, expires_at,
            access_expires_at, token_hash)
            SELECT ?, now() - i * interval '1 second', now() + interval '7 days',
            now() + interval '30 minutes',
                sha256(i::text::bytea) FROM generate_series(1, ?) AS i}, {}, $id{$who}, $count);
    };
    $crowd->(ada => 20_000);
    $crowd->(eve => 1000);
    $postgresql->sqitch_ok('deploy', '--verify');

    my $of = sub ($who, $column) { $owner->selectrow_array("SELECT $column FROM autoflow.sessions
        WHERE user_id = ? AND ended_at IS NULL", {}, $id{$who}) };
    is $of->(ada => 'count(*)'), 1000, 'the thousand that were used last are left';
    is $of->(ada => q{min(last_used_at) > now() - interval '1200 seconds'}), 1;
    is $of->(ada => q{count(*) FILTER (WHERE number = 0 AND random IS NULL)}), 1000,
        'legacy tokens';
    is $owner->selectrow_array('SELECT count(*) FROM autoflow.revocations'), 1, 'by one revocation';
    is $of->(eve => 'count(*)'), 1000, 'nobody else loses any';
    is $owner->selectrow_array('SELECT token_epoch FROM autoflow.users WHERE id = ?', {}, $id{eve}),
        0;

    $owner->do('INSERT INTO autoflow.sessions (user_id, number, expires_at, access_expires_at)
        VALUES (?, 1, now(), now())', {}, $id{eve});
    $postgresql->sqitch_ok('revert', '-y', '--to', 'sessions_bounded^');
    is $owner->selectrow_array('SELECT count(*) FROM autoflow.sessions WHERE user_id = ?', {},
        $id{eve}), 1000,
        'back again: sessions of the new form are gone';
};

$owner->disconnect;
$postgresql->stop;
done_testing;
