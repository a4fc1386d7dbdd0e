# POST /auth/register, /auth/signup

use Mojo::Base -strict, -signatures;
use MIME::Base64 qw(decode_base64url);
use Mojo::JSON qw(decode_json true false);
use Test::Autoflow;
use Test::More;

my $t = Test::Autoflow->new(settings => {autoflow_access_ttl => '10m'})->start;

my $uuid = qr/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
my $time = qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
my $good = 'correct horse battery staple';

sub register (%fields) {
    return $t->post_ok('/api/v1/auth/register' => json => {password => $good, %fields});
}

sub claims ($token) { decode_json(decode_base64url((split /\./, $token)[1])) }


subtest 'an account with all fields' => sub {
    my $before = time;
    register(email => ' Ada@Example.com ', username => 'ada', full_name => 'Ada Lovelace')
        ->status_is(201)->content_type_is('application/json')
        ->json_is('/token_type' => 'bearer')
        ->json_is('/expires_in' => 600)
        ->json_like('/message'       => qr/\w/)
        ->json_like('/refresh_token' => qr/^r[A-Za-z0-9_-]{113}$/)
        ->json_like('/user/id'       => $uuid)
        ->json_is('/user/email'          => 'Ada@Example.com')
        ->json_is('/user/pending_email'  => undef)
        ->json_is('/user/username'       => 'ada')
        ->json_is('/user/full_name'      => 'Ada Lovelace')
        ->json_is('/user/bio'            => undef)
        ->json_is('/user/is_active'      => true)
        ->json_is('/user/is_superuser'   => false)
        ->json_is('/user/email_verified' => false)
        ->json_is('/user/roles'          => [])
        ->json_like('/user/created_at' => $time)
        ->json_like('/user/updated_at' => $time);

    my $answer = $t->tx->res->json;
    is_deeply [sort keys %$answer],
        [qw(access_token expires_in message refresh_token token_type user)], 'the members';
    is_deeply [sort keys %{$answer->{user}}],
        [qw(bio created_at email email_verified full_name id is_active is_superuser
            last_login_at pending_email roles updated_at username)],
        'a user, and neither hash nor token';

    my $claims = claims($answer->{access_token});
    is $claims->{sub}, $answer->{user}{id}, 'sub';
    like $claims->{sid}, $uuid, 'sid';
    like $claims->{jti}, qr/./, 'jti';
    is $claims->{iss}, 'autoflow', 'iss';
    is $claims->{epoch}, 0, 'epoch';
    is $claims->{email}, 'Ada@Example.com', 'email';
    is_deeply [@$claims{qw(email_verified is_superuser roles)}], [false, false, []], 'rights';
    cmp_ok $claims->{iat}, '>=', $before - 1, 'iat';
    # a second may pass between the database's clock and ours
    ok grep({ $claims->{exp} == $claims->{iat} + $_ } 600, 601), 'exp';
    ok !exists $claims->{aud}, 'no aud is configured';

    my $header = decode_json(decode_base64url((split /\./, $answer->{access_token})[0]));
    is_deeply [@$header{qw(alg typ)}], ['HS256', 'JWT'], 'the header';
    like $header->{kid}, qr/./, 'kid';

    $t->get_ok('/auth/me' => $t->bearer($answer))->status_is(200)
        ->json_is('' => $answer->{user});

    my $row = $t->db->selectrow_hashref('SELECT * FROM autoflow.users
        WHERE username = ?', {}, 'ada');
    like $row->{password_hash}, qr/^\$argon2id\$v=19\$m=1024,t=1,p=1\$/, 'the stored hash';

    is_deeply [$t->db->selectrow_array('SELECT id, number FROM autoflow.sessions WHERE user_id = ?',
        {}, $row->{id})],
        [$claims->{sid}, 1], 'the session of both tokens';
    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.refresh_tokens'), 0,
        'the refresh token is stored nowhere';

    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.profiles WHERE user_id = ?', {},
        $row->{id}),
        1, 'there is a profile';
};

subtest 'the audit event' => sub {
    $t->post_ok('/auth/signup' => {'User-Agent' => "Agent/\t1", 'X-Request-ID' => 'audit-1'} =>
        json => {email => 'audited@example.com', password => $good})->status_is(201);
    my $event = $t->db->selectrow_hashref(
        'SELECT * FROM autoflow.audit_events WHERE request_id = ?', {}, 'audit-1');
    my $id = $t->tx->res->json('/user/id');
    is_deeply [@$event{qw(action actor_id target_id ip_address user_agent)}],
        ['registered', $id, $id, '127.0.0.1', 'Agent/?1'], 'who, from where, with what';
};

subtest 'aliases of full_name' => sub {
    register(email => 'n1@example.com', name => 'Grace')->json_is('/user/full_name' => 'Grace');
    register(email => 'n2@example.com', first_name => 'Grace', last_name => 'Hopper')
        ->json_is('/user/full_name' => 'Grace Hopper');
    is_deeply [$t->db->selectrow_array('SELECT first_name, last_name FROM autoflow.profiles
        WHERE user_id = ?', {}, $t->tx->res->json('/user/id'))], ['Grace', 'Hopper'],
        'they fill the profile, too';
};

subtest 'taken addresses and usernames' => sub {
    register(email => 'ada@EXAMPLE.com')->problem_is(409, 'email_taken');
    register(email => 'other@example.com', username => 'ADA')->problem_is(409, 'username_taken');

    $t->db->do('UPDATE autoflow.users SET is_active = false WHERE username = ?', {}, 'ada');
    register(email => 'ada@example.com')
        ->problem_is(409, 'email_taken', 'a disabled account keeps them');
    $t->db->do('UPDATE autoflow.users SET deleted_at = now() WHERE username = ?', {}, 'ada');
    register(email => 'ada@example.com', username => 'ada')
        ->status_is(201, 'a deleted one frees them');
};

subtest 'addresses' => sub {
    my $n = 0;
    register(email => $_)->status_is(201, $_)->json_is('/user/email' => $_) for (
        'a@b.co', 'first.last+tag@sub.example.com', q{!#$%&'*+/=?^_`{|}~-@example.com},
        'joerg@exämple.com', 'a@' . 'x' x 63 . '.com',
        '1@2.co', 'a@xn--exmple-cua.com',
    );
    register(email => $_)->problem_is(422, 'validation_failed', "not $_")
        ->errors_are({email => 'format'}) for (
        'a', 'a@', '@b.co', 'a@b', 'a@@b.co', 'a@b..co', 'a@.b.co', 'a@b.co.', '.a@b.co',
        'a.@b.co', 'a..b@c.co', 'a b@c.co', 'a@b c.co', '"a"@b.co', 'a@[127.0.0.1]',
        'a@-b.co', 'a@b-.co', 'a@b_c.co', 'A <a@b.co>', 'a@b.co, c@d.co', "a\@b.co\x01",
        'jörg@example.com',
    );
};

subtest 'usernames' => sub {
    register(email => length($_) . '@example.com', username => $_)->status_is(201, $_)
        for 'abc', '0-._';
    register(email => 'u@example.com', username => $_)->status_is(422, "not $_")
        ->json_is('/errors/0/field' => 'username')
        for '.abc', '-abc', 'a b', 'a@b', 'jörg', "abc\n";
};

subtest 'passwords' => sub {
    my %refused = (
        'password'      => 'password_too_weak',
        'aaaaaaaaaaaa'  => 'password_too_weak',
        '12345678'      => 'password_too_weak',
        'qwertyuiop'    => 'password_too_weak',
        'grace-hopper-9' => 'password_too_similar',
        'Grace-Hopper-9@example.com' => 'password_too_similar',
        'the-username-1' => 'password_too_similar',
    );
    register(email => 'grace-hopper-9@example.com', username => 'The-Username-1', password => $_)
        ->status_is(422, substr "not $_", 0, 20)->errors_are({password => $refused{$_}})
        for sort keys %refused;

    my $n = 0;
    register(email => 'p' . $n++ . '@example.com', password => $_)->status_is(201, substr $_, 0, 20)
        for 'tr0ub4dor&3x', 'пароль и ещё слово', '  blanks at both ends  ',
            "tab\tand zwj \x{200d} inside";
};

subtest 'text' => sub {
    register(email => 't@example.com', full_name => $_)->status_is(422)
        ->json_is('/errors/0/field' => 'full_name') for "a\x01b", "a\x7fb";
    register(email => 't2@example.com', full_name => q{Robert'); DROP TABLE users;-- "\\/<b>})
        ->status_is(201)->json_is('/user/full_name' => q{Robert'); DROP TABLE users;-- "\\/<b>});
};

subtest "fields that a client can't set" => sub {
    register(email => 'sneaky@example.com', is_superuser => true, email_verified => true,
        roles => ['admin'], id => '00000000-0000-0000-0000-000000000000', token_epoch => 9)
        ->status_is(201)->json_is('/user/is_superuser' => false)
        ->json_is('/user/email_verified' => false)->json_is('/user/roles' => [])
        ->json_like('/user/id' => $uuid);
};

$t->finish;
done_testing;
