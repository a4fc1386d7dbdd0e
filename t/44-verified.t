# autoflow_require_verified_email: no session without a verified address.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(true false decode_json);
use Test::Autoflow;
use Test::Autoflow::Maildir;
use Test::More;

my $good  = 'correct horse battery staple';
my $t     = Test::Autoflow->new(server => 'autoflow_cookies on;
    location /app/ { autoflow_auth on; proxy_pass http://echo; }');
my $mails = Test::Autoflow::Maildir->new(t => $t);

sub require_verified ($on) {
    $mails->configure(autoflow_require_verified_email => $on);
    $t->reload->ready;
}

sub login ($email, $password = $good) {
    return $t->post_ok('/auth/login' => json => {email => $email, password => $password});
}

sub refresh ($pair) {
    $t->post_ok('/auth/refresh' => json => {refresh_token => $pair->{refresh_token}}) }

sub verify ($email) {
    return $t->post_ok(
        '/api/user/verify-email' => json => {token => $mails->token($email, 'verify-email')})
            ->status_is(204);
}

$mails->configure;
$t->start;
my $early = $t->register(email => 'early@example.com');
require_verified('on');

subtest 'a registration' => sub {
    my $ada = $t->register(email => 'ada@example.com', full_name => 'Ada');
    is_deeply [sort keys %$ada], [qw(message password user)], 'gives no tokens';
    like $ada->{message}, qr/verified/, 'and says why';
    is_deeply [@{$ada->{user}}{qw(email email_verified full_name last_login_at)}],
        ['ada@example.com', false, 'Ada', undef], 'but the account';
    is_deeply $t->tx ? $t->tx->res->cookies : [], [], 'nor cookies';
    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.sessions WHERE user_id = ?', undef,
        $ada->{user}{id}), 0, 'nor a session';
    $t->post_ok('/auth/signup' => json => {email => 'ADA@example.com', password => $good})
        ->problem_is(409, 'email_taken');

    login('ada@example.com')->problem_is(403, 'email_not_verified');
    is_deeply $t->tx->res->cookies, [], 'no cookies';
    login('ada@example.com', 'wrong')
        ->problem_is(401, 'invalid_credentials', 'nobody learns it who does not know the password');
    login('nobody@example.com')->problem_is(401, 'invalid_credentials');
    is_deeply [
        map { decode_json($_->[0])->{reason} } @{$t->db->selectall_arrayref(q{SELECT details
            FROM autoflow.audit_events
        WHERE action = 'login_failed' ORDER BY at, id})}],
        [qw(email_not_verified wrong_password unknown_account)], 'audited';

    verify('ada@example.com');
    login('ada@example.com')->status_is(200)->json_is('/user/email_verified' => true);
    refresh($t->tx->res->json)->status_is(200);
};

subtest 'a reset verifies the address, too' => sub {
    $t->register(email => 'bob@example.com');
    $t->post_ok('/auth/forgot-password' => json => {email => 'bob@example.com'})->status_is(202);
    my $fresh = 'a fresh battery for the horse';
    $t->post_ok('/auth/reset-password' => json =>
        {token => $mails->token('bob@example.com', 'reset-password'), new_password => $fresh})
        ->status_is(204);
    login('bob@example.com', $fresh)->status_is(200);
};

subtest 'existing sessions' => sub {
    $t->get_ok('/app/x' => $t->bearer($early))
        ->status_is(200, 'access tokens live as long as they do');
    refresh($early)->problem_is(403, 'email_not_verified');
    is_deeply $t->tx->res->cookies, [], 'what cookies there are stay';
    verify('early@example.com');
    refresh($early)->status_is(200)
        ->json_is('/user/email_verified' => true, 'then the same token is good again');
};

subtest 'disabled has precedence' => sub {
    $t->register(email => 'off@example.com');
    $t->db->do(q{UPDATE autoflow.users SET is_active = false WHERE email = 'off@example.com'});
    login('off@example.com')->problem_is(403, 'account_disabled');
};

subtest 'an address that is no longer verified' => sub {
    my $pair = login('ada@example.com')->tx->res->json;
    $t->db->do(q{UPDATE autoflow.users SET email_verified = false WHERE email = 'ada@example.com'});
    $t->wait_for(sub { $t->ua->get('/app/x' => $t->bearer($pair))->res->code == 401 });
    refresh($pair)->problem_is(403, 'email_not_verified');
    login('ada@example.com')->problem_is(403, 'email_not_verified');
};

subtest 'off again' => sub {
    require_verified('off');
    login('ada@example.com')->status_is(200)->json_is('/user/email_verified' => false);
    ok $t->register(email => 'free@example.com')->{access_token}, 'a registration gives tokens';
};

$t->finish;
done_testing;
