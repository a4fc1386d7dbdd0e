# POST /auth/refresh, /auth/logout, /auth/logout-all; GET and DELETE
# /auth/sessions

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(encode_json false true);
use Test::Autoflow;
use Test::More;

my $t = Test::Autoflow->new(workers => 2,
    server   => 'location /app/ { autoflow_auth on; proxy_pass http://echo; }',
    settings => {autoflow_refresh_grace => '1m'})->start;
my $good = 'correct horse battery staple';
my $n = 0;

sub account (%fields) {
    $n++;
    return $t->register(email => "user$n\@example.com", username => "user$n", %fields);
}

sub login ($account, %headers) {
    $t->post_ok('/auth/login' => {%headers} => json =>
        {email => $account->{user}{email}, password => $good})->status_is(200);
    return $t->tx->res->json;
}

sub refresh ($pair) {
    return $t->post_ok('/auth/refresh' => json => {refresh_token => ref $pair
        ? $pair->{refresh_token} : $pair});
}

sub me ($pair) { $t->get_ok('/auth/me' => $t->bearer($pair)) }

sub claims ($pair) {
    Mojo::JSON::decode_json(
        MIME::Base64::decode_base64url((split /\./, $pair->{access_token})[1])) }

sub events ($account, $action) {
    return $t->db->selectrow_array('SELECT count(*) FROM autoflow.audit_events
        WHERE target_id = ? AND action = ?', {}, $account->{user}{id}, $action);
}


subtest 'a refresh token is exchanged' => sub {
    my $ada = account();
    my $new = refresh($ada)->status_is(200)->json_is('/token_type' => 'bearer')
        ->json_is('/expires_in' => 1800)->json_is('/user/email' => $ada->{user}{email})
        ->json_like('/refresh_token' => qr/^r[A-Za-z0-9_-]{113}$/)->tx->res->json;
    isnt $new->{refresh_token}, $ada->{refresh_token}, 'for another one';
    is claims($new)->{sid}, claims($ada)->{sid}, 'of the same session';
    me($_)->status_is(200, 'both access tokens are good') for $ada, $new;

    my $next = refresh($new)->status_is(200)->tx->res->json;
    $t->post_ok('/auth/refresh' => $t->bearer($next->{refresh_token}))
        ->status_is(200, 'as a bearer token, without a body');
    $t->post_ok('/api/v1/auth/refresh/' => {Authorization => 'Bearer nonsense'} =>
        json => {refresh_token => $t->tx->res->json('/refresh_token')})
        ->status_is(200, 'the body counts first');
};

subtest 'the same token again' => sub {
    my $ada = account();
    my @new = map { refresh($ada)->status_is(200)->tx->res->json } 1 .. 3;
    is $new[$_]{refresh_token}, $new[0]{refresh_token}, 'within the grace: the same successor'
        for 1, 2;
    me($_)->status_is(200) for @new;
    is $t->db->selectrow_array('SELECT expires_at - rotated_at FROM autoflow.sessions
        WHERE id = ?', {}, claims($ada)->{sid}), '7 days', 'whose time is not longer';

    my $next = refresh($new[0])->status_is(200)->tx->res->json;
    refresh($ada)->problem_is(401, 'token_reused', 'after its successor was used')
        ->header_like(
        'WWW-Authenticate' => qr/error="invalid_token", error_description="token_reused"/);
    refresh($next)->problem_is(401, 'invalid_token', 'the session has ended');
    me($_)->problem_is(401, 'token_revoked') for $ada, @new, $next;
    is events($ada, 'refresh_token_reused'), 1, 'that is audited';
    refresh($ada)->problem_is(401, 'invalid_token', 'once');
};

subtest 'after the grace period' => sub {
    my $ada = account();
    my $new = refresh($ada)->status_is(200)->tx->res->json;
    $t->db->do(q{UPDATE autoflow.sessions SET rotated_at = rotated_at - interval '1 minute'});
    refresh($ada)->problem_is(401, 'token_reused');
    refresh($new)->problem_is(401, 'invalid_token');
    me($new)->problem_is(401, 'token_revoked')
        ->header_like('WWW-Authenticate' => qr/error_description="token_revoked"/);
};

subtest 'concurrently' => sub {
    my $ada = account();
    my %said;
    $said{join ' ', $_->res->code, $_->res->json('/refresh_token') // $_->res->body}++
        for $t->at_once(
        (['POST', '/auth/refresh', {}, json => {refresh_token => $ada->{refresh_token}}]) x 10);
    is_deeply [values %said], [10], '10 times the same successor' or diag explain \%said;
    is $t->db->selectrow_array('SELECT number FROM autoflow.sessions WHERE id = ?', {},
        claims($ada)->{sid}), 2, 'one was made';
};

subtest 'refused' => sub {
    my $ada = account();
    $t->post_ok('/auth/refresh')->problem_is(401, 'token_required');
    $t->post_ok('/auth/refresh' => json => {})->problem_is(401, 'token_required');
    refresh($_)->problem_is(401, 'invalid_token', 'unknown: ' . substr $_, 0, 20)
        for 'x', 'A' x 43, $ada->{access_token};
    $t->post_ok('/auth/refresh' => $t->bearer($ada))
        ->problem_is(401, 'invalid_token', 'an access token');
    $t->post_ok('/auth/refresh' => json => {refresh_token => $_})
        ->problem_is(422, 'validation_failed')
        ->errors_are({refresh_token => ref $_ ? 'type' : 'length'}) for '', [], 'x' x 1025;
    $t->post_ok('/auth/refresh' => '{')->problem_is(415, 'unsupported_media_type');
    $t->post_ok('/auth/refresh' => {'Content-Type' => 'application/json'} => '{')
        ->problem_is(400, 'invalid_json');

    $t->db->do(q{UPDATE autoflow.sessions SET expires_at = now() WHERE id = ?}, {},
        claims($ada)->{sid});
    refresh($ada)->problem_is(401, 'token_expired');
    my $eve = account();
    $t->db->do('UPDATE autoflow.users SET is_active = false WHERE id = ?', {}, $eve->{user}{id});
    refresh($eve)->problem_is(401, 'invalid_token', 'disabled');
};

subtest 'a new token is up to date' => sub {
    my $ada = account();
    $t->db->do(q{INSERT INTO autoflow.roles (name) VALUES ('editor')});
    my $role = q{INSERT INTO autoflow.user_roles (user_id, role_id)
        SELECT ?, id FROM autoflow.roles WHERE name = 'editor'};
    $t->db->do($role, {}, $ada->{user}{id});
    $t->wait_for(sub { $t->ua->get('/auth/me' => $t->bearer($ada))->res->code == 401 });
    me($ada)->problem_is(401, 'token_revoked', 'a role was added');
    my $new = refresh($ada)->status_is(200)->tx->res->json;
    is_deeply claims($new)->{roles}, ['editor'], 'which the new one has';
    is claims($new)->{epoch}, claims($ada)->{epoch} + 1, 'in another epoch';
    me($new)->status_is(200)->json_is('/roles' => ['editor']);
    is claims(login($ada))->{epoch}, claims($new)->{epoch}, 'as a login has';
};

subtest 'logout' => sub {
    my $ada = account();
    my $other = login($ada);
    $t->post_ok('/auth/logout' => $t->bearer($ada))->status_is(204)->content_is('');
    for (1 .. 12) {
        my $tx = Mojo::UserAgent->new->get($t->url('/auth/me') => $t->bearer($ada));
        is $tx->res->json('/code'), 'token_revoked', 'in every worker' or last;
    }
    refresh($ada)->problem_is(401, 'invalid_token', 'its refresh token is dead, too');
    $t->get_ok('/app/x' => $t->bearer($ada))->status_is(401)
        ->header_like('WWW-Authenticate' => qr/token_revoked/);
    me($other)->status_is(200, 'another session lives');
    is events($ada, 'logged_out'), 1, 'audited';
    $t->post_ok('/auth/logout' => $t->bearer($ada))->problem_is(401, 'token_revoked');
};

subtest 'logout with only a refresh token' => sub {
    my $ada = account();
    my %session = map { $_ => login($ada) } 1 .. 5;
    $t->post_ok('/auth/logout' => json => {refresh_token => $session{1}{refresh_token}})
        ->status_is(204);
    me($session{1})->problem_is(401, 'token_revoked');
    $t->post_ok('/auth/logout' => $t->bearer($session{2}{refresh_token}))->status_is(204);
    me($session{2})->problem_is(401, 'token_revoked');

    my $expired = $t->bearer($t->token({%{claims($session{3})}, exp => time - 1}));
    $t->post_ok('/auth/logout' => $expired)->problem_is(401, 'token_expired');
    $t->post_ok('/auth/logout' => $expired => json => {refresh_token => $session{3}{refresh_token}})
        ->status_is(204, 'beside an access token that has expired');
    me($session{3})->problem_is(401, 'token_revoked');

    $t->post_ok(
        '/auth/logout?scope=others' => json => {refresh_token => $session{4}{refresh_token}})
            ->status_is(204);
    me($session{4})->status_is(200);
    me($_)->problem_is(401, 'token_revoked') for $session{5}, $ada;

    $t->post_ok('/auth/logout')->problem_is(401, 'token_required');
    $t->post_ok('/auth/logout' => $t->bearer('x' x 43))->problem_is(401, 'invalid_token');
    $t->post_ok('/auth/logout' => json => {refresh_token => $session{1}{refresh_token}})
        ->problem_is(401, 'invalid_token', 'one that has ended');
};

subtest 'logout of the other sessions' => sub {
    my $ada = account();
    my $eve = account();
    my @others = map { login($ada) } 1 .. 3;
    $t->post_ok('/auth/logout?scope=others' => $t->bearer($ada))->status_is(204);
    me($_)->problem_is(401, 'token_revoked') for @others;
    refresh($_)->problem_is(401, 'invalid_token') for @others;
    me($_)->status_is(200) for $ada, $eve;
    $t->post_ok('/auth/logout?scope=others' => $t->bearer($ada))
        ->status_is(204, 'there are none any more');
    $t->post_ok('/auth/logout?scope=all' => $t->bearer($ada))->problem_is(422, 'validation_failed')
        ->errors_are({scope => 'format'});
    $t->post_ok('/auth/logout?scope=%zz' => $t->bearer($ada), json => $_)
        ->problem_is(400, 'invalid_query')->json_hasnt('/errors') for {}, {refresh_token => 1};
    me($ada)->status_is(200);
};

subtest 'logout everywhere' => sub {
    my $ada = account();
    my $eve = account();
    my @all = ($ada, map { login($ada) } 1 .. 3);
    $t->post_ok('/auth/logout-all' => $t->bearer($ada))->status_is(204);
    me($_)->problem_is(401, 'token_revoked') for @all;
    refresh($_)->problem_is(401, 'invalid_token') for @all;
    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.revocations
        WHERE subject_id = ANY (?)', {},
        [$ada->{user}{id}, map { claims($_)->{sid} } @all]), 1, 'by one revocation';
    me($eve)->status_is(200);
    me(login($ada))->status_is(200, 'who logs in again is in');
    $t->post_ok('/auth/logout-all')->problem_is(401, 'token_required');
};

subtest 'the list of sessions' => sub {
    my $ada = account();
    my $phone = login($ada, 'User-Agent' => 'Phone/1');
    my $gone  = login($ada);
    $t->post_ok('/auth/logout' => $t->bearer($gone))->status_is(204);
    my $past = login($ada);
    $t->db->do(q{UPDATE autoflow.sessions
        SET expires_at = now(), access_expires_at = now() - interval '1 day'
        WHERE id = ?}, {}, claims($past)->{sid});

    $t->get_ok('/auth/sessions' => $t->bearer($phone))->status_is(200)
        ->json_is('/total' => 2)->json_is('/page' => 1)->json_is('/size' => 10)
        ->json_is('/pages' => 1)
        ->json_is('/data/0/id' => claims($phone)->{sid})->json_is('/data/0/is_current' => true)
        ->json_is('/data/0/device_info' => 'Phone/1')->json_is('/data/0/ip_address' => '127.0.0.1')
        ->json_is('/data/1/id' => claims($ada)->{sid})->json_is('/data/1/is_current' => false);
    is_deeply [sort keys %{$t->tx->res->json('/data/0')}],
        [qw(aal amr authenticated_at created_at device_info expires_at id ip_address
            is_current last_used_at)], 'its fields';
    my $used = $t->tx->res->json('/data/1/last_used_at');

    refresh($ada)->status_is(200);
    $t->get_ok('/auth/sessions?size=1' => $t->bearer($phone))->json_is('/total' => 2)
        ->json_is('/pages' => 2)
        ->json_is('/data/0/id' => claims($ada)->{sid}, 'a refresh is a use');
    cmp_ok $t->tx->res->json('/data/0/last_used_at'), 'gt', $used, 'last_used_at';
    is scalar @{$t->tx->res->json('/data')}, 1, 'one a page';
    $t->get_ok('/auth/sessions?page=2&size=1' => $t->bearer($phone))
        ->json_is('/data/0/id' => claims($phone)->{sid});
    $t->get_ok('/auth/sessions?page=9' => $t->bearer($phone))->json_is('/data' => [])
        ->json_is('/total' => 2);
    $t->get_ok("/auth/sessions?$_->[0]" => $t->bearer($phone))
        ->problem_is(422, 'validation_failed', $_->[0])
        ->errors_are($_->[1]) for
        ['page=0', {page => 'range'}], ['size=101', {size => 'range'}],
        ['page=x&size=', {page => 'type', size => 'type'}],
        ['page=1.5', {page => 'type'}], ['page=1e3', {page => 'type'}],
        ['size=-1', {size => 'range'}],
        ['page=99999999999999999999', {page => 'type'}];
    $t->get_ok('/auth/sessions?page=1&page=2' => $t->bearer($phone))
        ->problem_is(400, 'invalid_query');
    $t->get_ok('/auth/sessions')->problem_is(401, 'token_required');
};

subtest 'an access token that outlives the refresh token' => sub {
    my $ada = account();
    my %session = map { $_ => login($ada) } qw(logout others session);
    my $expire = sub {
        $t->db->do('UPDATE autoflow.sessions SET expires_at = now() WHERE user_id = ?', {},
            $ada->{user}{id});
    };
    $expire->();
    $t->get_ok('/auth/sessions' => $t->bearer($ada))
        ->json_is('/total' => 4, 'is of a session that lives');
    $t->post_ok('/auth/logout' => $t->bearer($session{logout}))->status_is(204);
    me($session{logout})->problem_is(401, 'token_revoked', 'logout');
    $t->delete_ok('/auth/sessions/' . claims($session{session})->{sid} => $t->bearer($ada))
        ->status_is(204);
    me($session{session})->problem_is(401, 'token_revoked', 'its end');
    $t->post_ok('/auth/logout?scope=others' => $t->bearer($ada))->status_is(204);
    me($session{others})->problem_is(401, 'token_revoked', 'logout of the others');
    my $other = login($ada);
    $expire->();
    $t->put_ok('/auth/me/password' => $t->bearer($ada) => json =>
        {current_password => $good, new_password => 'a better horse, a newer battery'})
        ->status_is(204);
    me($other)->problem_is(401, 'token_revoked', 'another password');
    me($ada)->status_is(200);
};

# a login that has opened its session when the others are about to be ended
subtest 'an overlapping login' => sub {
    my $ends = sub ($method, $path, $body) {
        my $ada = account();
        my $request = sub { $t->client->send(Test::Autoflow::Client::request(@_)) };
        my $lock  = $t->locked;
        my $login = $request->(POST => '/auth/login', {},
            encode_json({email => $ada->{user}{email}, password => $good}));
        $t->wait_for(sub { $t->blocked == 1 });
        my $end = $request->($method => $path, $t->bearer($ada), encode_json($body));
        $t->wait_for(sub { $t->blocked == 2 });
        $lock->rollback;
        is $end->status, 204, $path;
        my $pair = Mojo::JSON::decode_json($login->answer->{body});
        me($pair)->problem_is(401, 'token_revoked', 'its session has ended, too');
        refresh($pair)->problem_is(401, 'invalid_token');
    };
    $ends->(PUT => '/auth/me/password',
        {current_password => $good, new_password => 'a better horse, a newer battery'});
    $ends->(POST => '/auth/logout-all', {});
};

subtest 'an overlapping change of roles' => sub {
    my $ada = account();
    $t->db->do(q{INSERT INTO autoflow.roles (name) VALUES ('overlapping')});
    my $db = $t->postgresql->connect;
    $db->begin_work;
    $db->do(q{INSERT INTO autoflow.user_roles (user_id, role_id)
        SELECT ?, id FROM autoflow.roles WHERE name = 'overlapping'}, {}, $ada->{user}{id});
    my $refresh = $t->client->send(Test::Autoflow::Client::request(POST => '/auth/refresh', {},
        encode_json({refresh_token => $ada->{refresh_token}})));
    $t->wait_for(sub { $t->blocked == 1 });
    $db->commit;
    my $pair = Mojo::JSON::decode_json($refresh->answer->{body});
    is claims($pair)->{epoch}, claims($ada)->{epoch} + 1, 'a token of the next epoch';
    is_deeply claims($pair)->{roles}, ['overlapping'], 'has its roles';
    is_deeply $pair->{user}{roles}, ['overlapping'], 'as the user beside it';
    me($pair)->status_is(200);
};

subtest 'a session is ended' => sub {
    my ($ada, $eve) = (account(), account());
    my $other = login($ada);
    my $sid = claims($other)->{sid};
    $t->delete_ok("/auth/sessions/$sid" => $t->bearer($eve))
        ->problem_is(404, 'not_found', "another's");
    $t->delete_ok("/auth/sessions/$sid" => $t->bearer($ada))->status_is(204);
    me($other)->problem_is(401, 'token_revoked');
    refresh($other)->problem_is(401, 'invalid_token');
    $t->delete_ok("/auth/sessions/$sid" => $t->bearer($ada))
        ->problem_is(404, 'not_found', 'that has ended');
    $t->delete_ok('/auth/sessions/x' => $t->bearer($ada))->problem_is(404, 'not_found', 'no id');
    $t->delete_ok('/auth/sessions/' . claims($ada)->{sid} => $t->bearer($ada))
        ->status_is(204, 'the own');
    me($ada)->problem_is(401, 'token_revoked');
};

subtest 'expired rows are purged' => sub {
    my $ada = account();
    my $old = claims(login($ada))->{sid};
    $t->db->do(q{UPDATE autoflow.sessions SET expires_at = now() - interval '8 days',
        access_expires_at = now() - interval '8 days' WHERE id = ?}, {}, $old);
    $t->db->do(q{INSERT INTO autoflow.refresh_tokens VALUES (sha256('x'), ?, now(),
        now() - interval '8 days')}, {}, $old);
    $t->db->do(q{INSERT INTO autoflow.revocations VALUES (gen_random_uuid(), NULL, now(),
        now() - interval '2 days')});
    is $t->db->selectrow_array('SELECT autoflow.purge()'), 0, 'nothing is left';
    my $count = sub ($from) { $t->db->selectrow_array("SELECT count(*) FROM autoflow.$from") };
    is $count->("sessions WHERE id = '$old'"), 0, 'the session';
    is $count->("refresh_tokens WHERE session_id = '$old'"), 0, 'its tokens';
    is $count->('revocations WHERE expires_at < now()'), 0, 'revocations';
    me($ada)->status_is(200);
    refresh($ada)->status_is(200, 'and nothing else');
};

$t->finish;
done_testing;
