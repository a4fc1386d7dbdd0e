# DELETE /auth/me, /user/account: deletes the account, and ends everything that
# could be done in its name.

use Mojo::Base -strict, -signatures;
use Test::Autoflow;
use Test::Autoflow::Maildir;
use Test::More;

my $good  = 'correct horse battery staple';
my $t     = Test::Autoflow->new(workers => 2, clock => 1, server => 'autoflow_cookies on;
    location /app/ { autoflow_auth on; proxy_pass http://echo; }');
my $mails = Test::Autoflow::Maildir->new(t => $t);
$mails->configure;
$t->start;

sub login ($email) {
    return $t->post_ok('/auth/login' => json => {email => $email, password => $good});
}

subtest 'the account is deleted' => sub {
    for my $path ('/auth/me', '/api/user/account', '/api/v1/auth/me') {
        my $ada = $t->register(email => 'ada@example.com', username => 'ada', full_name => 'Ada');
        my $phone = login('ada@example.com')->tx->res->json;
        $t->delete_ok($path => $t->bearer($ada))->status_is(204)->content_is('');
        $t->header_is('Set-Cookie' => undef, 'whose cookies they might be');

        for my $pair ($ada, $phone) {
            for (1 .. 4) {
                $t->get_ok('/app/x' => {%{$t->bearer($pair)}, Connection => 'close'})
                    ->status_is(401);
                is $t->get_ok('/auth/me' => $t->bearer($pair))->tx->res->json('/code'),
                    'token_revoked', 'in every worker';
            }
            $t->post_ok('/auth/refresh' => json => {refresh_token => $pair->{refresh_token}})
                ->problem_is(401, 'invalid_token');
        }
        $t->delete_ok($path => $t->bearer($ada))->problem_is(401, 'token_revoked', 'once');
        login($_)->problem_is(401, 'invalid_credentials') for 'ada@example.com', 'ada';
        is_deeply $t->db->selectrow_arrayref(q{SELECT actor_id = target_id, ip_address,
            request_id IS NOT NULL
            FROM autoflow.audit_events WHERE action = 'deleted' AND target_id = ?}, undef,
            $ada->{user}{id}),
            [1, '127.0.0.1', 1], 'audited';
        is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.sessions
            WHERE user_id = ? AND ended_at IS NULL}, undef, $ada->{user}{id}), 0,
            'every session has ended';
    }
    is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.users
        WHERE email = 'ada@example.com'}), 3,
        'the rows stay; address and name were free for the next one';
};

subtest 'tokens in mails' => sub {
    my $email = 'bob@example.com';
    my $bob = $t->register(email => $email);
    $t->patch_ok('/auth/me' => $t->bearer($bob) => json => {email => 'new@example.com',
        current_password => $good})->status_is(200);
    $t->post_ok('/auth/forgot-password' => json => {email => $email})->status_is(202);
    my @verify = ($mails->token($email, 'verify-email'),
        $mails->token('new@example.com', 'verify-email'));
    my $reset = $mails->token($email, 'reset-password');
    $t->delete_ok('/auth/me' => $t->bearer($bob))->status_is(204);
    $t->register(email => $email);

    $t->post_ok('/api/user/verify-email' => json => {token => $_})->problem_is(400, 'invalid_token')
        for @verify;
    $t->post_ok('/auth/reset-password' => json => {token => $reset, password => 'a fresh battery'})
        ->problem_is(400, 'invalid_token');
    login($email)->status_is(200)->json_is('/user/email_verified' => Mojo::JSON->false,
        'the next one is untouched');
};

subtest 'unsent mails' => sub {
    $mails->configure(autoflow_mail => 'off');
    $t->reload->ready;
    my $who = $t->register(email => 'late@example.com');
    $t->db->do(q{INSERT INTO autoflow.outbox (kind, user_id, recipient) VALUES ('verify_email', ?,
        'late@example.com')}, undef, $who->{user}{id});
    $t->delete_ok('/auth/me' => $t->bearer($who))->status_is(204);
    $mails->configure;
    $t->reload->ready;
    $t->pass(15);
    $t->wait_for(
        sub { $t->db->selectrow_array(q{SELECT failed_at IS NOT NULL FROM autoflow.outbox
            WHERE recipient = 'late@example.com'}) });
    is $mails->to('late@example.com'), 0, 'are given up';
};

subtest 'concurrently' => sub {
    my $who = $t->register(email => 'race@example.com');
    my @txs = $t->at_once(map {
        [DELETE => '/auth/me' => $t->bearer($who)],
        [POST => '/auth/login' => json => {email => 'race@example.com', password => $good}],
        [PATCH => '/auth/me' => $t->bearer($who) => json => {bio => "bio $_"}]
    } 1 .. 6);
    ok !(grep { $_->res->code !~ /^(?:200|204|401)$/ } @txs), 'each is answered' or diag join ' ',
        map { $_->res->code } @txs;
    is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.audit_events
        WHERE action = 'deleted' AND target_id = ?}, undef, $who->{user}{id}), 1,
        'it is deleted once';
    for my $pair (map { $_->res->json }
        grep { $_->req->url =~ /login/ && $_->res->code == 200 } @txs) {
        $t->get_ok('/auth/me' => $t->bearer($pair))->status_is(401, 'no login outlives it');
        $t->post_ok('/auth/refresh' => json => {refresh_token => $pair->{refresh_token}})
            ->status_is(401);
    }
};

subtest 'with a cookie' => sub {
    my $who = $t->register(email => 'cookie@example.com');
    my $cookie = {Cookie => "af_access=$who->{access_token}"};
    $t->delete_ok('/auth/me' => {%$cookie, Origin => 'https://evil.example'})
        ->problem_is(403, 'csrf_refused', 'not for another site');
    $t->delete_ok('/auth/me' => {%$cookie, Origin => $t->url})->status_is(204);
    is_deeply {map { $_->name . '=' . $_->value => $_->max_age } @{$t->tx->res->cookies}},
        {'af_access=' => 0, 'af_csrf=' => 0, 'af_refresh=' => 0}, 'no cookie is left';
};

subtest 'the last superuser' => sub {
    my @both = map { $t->register(email => "root$_\@example.com") } 1, 2;
    $t->db->do(q{UPDATE autoflow.users SET is_superuser = true WHERE email LIKE 'root%'});
    @both = map { login($_->{user}{email})->tx->res->json } @both;
    $t->delete_ok('/auth/me' => $t->bearer($both[0]))->status_is(204);
    $t->delete_ok('/auth/me' => $t->bearer($both[1]))->problem_is(409, 'last_superuser');
    $t->get_ok('/auth/me' => $t->bearer($both[1]))->status_is(200, 'who is still there');
};

$t->finish;
done_testing;
