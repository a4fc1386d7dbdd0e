# POST /auth/login

use Mojo::Base -strict, -signatures;
use Test::Autoflow;
use Test::More;
use Unicode::Normalize qw(NFD);

my $t = Test::Autoflow->new->start;
my $good = 'correct horse battery staple';
my $ada = $t->register(email => 'Ada@example.com', username => 'ada');

sub login (%fields) { $t->post_ok('/api/v1/auth/login' => json => {%fields}) }

sub form ($text) {
    return $t->post_ok('/auth/login' =>
        {'Content-Type' => 'application/x-www-form-urlencoded'} => $text);
}

# the last audit event, without the columns that the database sets
sub event {
    my $row = $t->db->selectrow_hashref(
        'SELECT action, target_id, details->>\'reason\' AS reason, details->>\'login\' AS login
           FROM autoflow.audit_events ORDER BY at DESC, id DESC LIMIT 1');
    return $row;
}


subtest 'by address or username, in either field' => sub {
    login(@$_, password => $good)->status_is(200, "@$_")
        ->json_is('/user/id' => $ada->{user}{id})
        ->json_is('/token_type' => 'bearer')->json_is('/expires_in' => 1800)
        ->json_like('/refresh_token' => qr/^r[A-Za-z0-9_-]{113}$/)
        for [email => 'ada@EXAMPLE.com'], [email => 'ADA'],
            [username => 'ada'], [username => 'Ada@example.com'];

    $t->get_ok('/auth/me' => $t->bearer($t->tx->res->json))->status_is(200)
        ->json_like('/last_login_at' => qr/Z$/);
};

subtest 'every login opens a session' => sub {
    my @tokens = map { login(email => 'ada', password => $good)->tx->res->json } 1 .. 2;
    isnt $tokens[0]{$_}, $tokens[1]{$_}, "another $_" for qw(access_token refresh_token);
    my @sessions = map { unpack 'x21H32',
        MIME::Base64::decode_base64url($_->{refresh_token}) } @tokens;
    isnt $sessions[0], $sessions[1];
    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.sessions WHERE id = ANY (?)', {},
        \@sessions), 2,
        'two sessions';
};

subtest 'as a form (OAuth 2)' => sub {
    form('username=ada&password=correct+horse%20battery%20staple')->status_is(200)
        ->json_is('/user/id' => $ada->{user}{id});
    form('grant_type=password&username=Ada%40example.com'
        . '&password=correct+horse+battery+staple&scope=')
        ->status_is(200);
    form('username=ada&password=wrong')->problem_is(401, 'invalid_credentials');
    form('username=ada')->problem_is(422, 'validation_failed')
        ->errors_are({password => 'required'});
    form($_)->status_is(400, $_) for 'username=%zz&password=x', 'username=a&username=b&password=x',
        'username=%00&password=x', 'username=%ff&password=x';
};

subtest 'refused' => sub {
    my @challenge;
    for my $login ([email => 'ada', password => 'wrong'],
        [email => 'nobody@example.com', password => $good],
        [email => 'x' x 1024, password => 'y' x 1024],
        [email => "a' OR '1'='1", password => "x' OR 'x'='x"])
    {
        login(@$login)->problem_is(401, 'invalid_credentials');
        push @challenge, {%{$t->tx->res->json}, request_id => ''};
    }
    is_deeply \@challenge, [($challenge[0]) x @challenge],
        'a wrong password and an unknown account look the same';

    login(email => 'ada', password => 'Correct horse battery staple')->status_is(401);
    login(email => 'ada', password => "$good ")->status_is(401);
};

subtest 'the authentication method is recorded' => sub {
    my $sid = login(email => 'ada', password => $good)->tx->res->json;
    my ($amr, $aal) = $t->db->selectrow_array(
        'SELECT amr, aal FROM autoflow.sessions ORDER BY created_at DESC, id DESC LIMIT 1');
    like $amr, qr/^\[\{"at": "[^"]+Z", "method": "pwd"\}\]$/, 'by a password';
    is $aal, 1, 'which is one factor';
};

subtest 'an account without a password' => sub {
    my $bob  = $t->register(email => 'bob@example.com');
    $t->db->do('UPDATE autoflow.users SET password_hash = NULL WHERE id = ?', undef,
        $bob->{user}{id});
    login(email => 'bob@example.com', password => $_)->problem_is(401, 'invalid_credentials')
        for $bob->{password}, '*';
    my $auth = $t->bearer($bob);
    $t->put_ok('/auth/me/password' => $auth =>
        json => {current_password => $bob->{password}, new_password => 'a horse of another colour'})
        ->problem_is(403, 'wrong_password');
    $t->put_ok('/auth/me' => $auth =>
        json => {email => 'bobby@example.com', current_password => $bob->{password}})
        ->problem_is(403, 'wrong_password');
    $t->put_ok('/auth/me' => $auth => json => {bio => 'of few words'})->status_is(200);
};

subtest 'fields' => sub {
    login()->problem_is(422, 'validation_failed');
    login(email => 'ada')->errors_are({password => 'required'});
    login(email => 'ada', username => 'ada', password => $good)
        ->problem_is(422, 'validation_failed');
    login(email => '', password => '')->errors_are({email => 'length', password => 'length'});
    login(email => 1, password => [])->errors_are({email => 'type', password => 'type'});
};

subtest 'a disabled account' => sub {
    my $eve = $t->register(username => 'eve');
    my $set = sub ($set) { $t->db->do("UPDATE autoflow.users SET $set WHERE username = 'eve'") };

    $set->('is_active = false');
    login(email => 'eve', password => 'wrong')->problem_is(401, 'invalid_credentials');
    login(email => 'eve', password => $good)->problem_is(403, 'account_disabled');
    is event()->{reason}, 'account_disabled', 'is audited';

    $set->('is_active = true');
    login(email => 'eve', password => $good)->status_is(200);

    $set->('deleted_at = now()');
    login(email => 'eve', password => $good)->problem_is(401, 'invalid_credentials');
};

subtest 'audited' => sub {
    login(email => 'ada', password => $good);
    is_deeply event(), {action => 'logged_in', target_id => $ada->{user}{id}, reason => undef,
        login => undef};

    login(email => 'Ada@example.com', password => 'wrong');
    is_deeply event(), {action => 'login_failed', target_id => $ada->{user}{id},
        reason => 'wrong_password', login => 'Ada@example.com'};

    login(email => $good, password => 'ada');
    is_deeply event(), {action => 'login_failed', target_id => undef,
        reason => 'unknown_account', login => undef},
        'what was typed for an unknown account is not kept';

    unlike join('', map { join '|', map { $_ // '' } @$_ } @{$t->db->selectall_arrayref(
        'SELECT * FROM autoflow.audit_events')}), qr/correct horse|wrong\b(?!_)/,
            'no password anywhere';
};

subtest 'hashes with other costs are replaced' => sub {
    my $hash = sub { $t->db->selectrow_array('SELECT password_hash FROM autoflow.users
        WHERE username = ?', {}, 'ada') };
    my $before = $hash->();

    login(email => 'ada', password => $good)->status_is(200);
    is $hash->(), $before, 'the same cost: the same hash';

    $t->settings({autoflow_password => 'memory=2m time=2'})->reload->ready;
    login(email => 'ada', password => 'wrong')->status_is(401);
    is $hash->(), $before, 'not by a wrong password';
    login(email => 'ada', password => $good)->status_is(200);
    like $hash->(), qr/\$m=2048,t=2,p=1\$/, 'by a right one';
    login(email => 'ada', password => $good)->status_is(200);
};

# so many syllables, of two or three code points each
sub hangul ($n) { NFD(join '', map { chr 0xac00 + 1237 * $_ % 11172 } 1 .. $n) }

subtest 'passwords are normalized' => sub {
    my ($composed, $decomposed) = ("caf\x{e9} au lait, sans sucre",
        "cafe\x{301} au lait, sans sucre");
    $t->register(email => 'one@example.com', password => $composed);
    $t->register(email => 'two@example.com', password => $decomposed);
    for my $email ('one@example.com', 'two@example.com') {
        login(email => $email, password => $_)->status_is(200) for $composed, $decomposed;
        login(email => $email, password => 'cafe au lait, sans sucre')->status_is(401);
    }

    # 8 and 128 characters, of the normalized text
    for my $n (7, 129) {
        $t->post_ok('/auth/register' => json => {email => "n$n\@example.com",
            password => hangul($n)})->status_is(422)
            ->errors_are({password => 'length'}, "$n characters");
    }
    $t->register(email => "n$_\@example.com", password => hangul($_)) for 8, 128;

    # made by a version that hashed the password without normalization
    my $old = '$argon2id$v=19$m=1024,t=1,p=1$nyPhwxxIRZNCBgunrw5MfA'
        . '$QUiMFuvdryd0YgQrBZBX/fndLcxRhTuZinLxEk9T2CM';
    my @row = ('SELECT password_hash FROM autoflow.users WHERE email = ?', undef,
        'one@example.com');
    $t->db->do('UPDATE autoflow.users SET password_hash = ? WHERE email = ?', undef, $old,
        'one@example.com');
    login(email => 'one@example.com', password => $composed)
        ->status_is(200, 'found, and made anew');
    isnt $t->db->selectrow_array(@row), $old, 'by the first login';
    login(email => 'one@example.com', password => $_)->status_is(200) for $composed, $decomposed;
};

subtest 'a stored hash with excessive costs' => sub {
    $t->db->do(q{UPDATE autoflow.users SET password_hash = '$argon2id$v=19$m=1048576,t=100000,p=1'
            || '$Dt49sxFoyH0zf6ASuYYyWg$B5yIMsM6vQnCWLvMXh9PFcSoYHeLw7wBh8Iiyl7a/DY'
                  WHERE email = 'two@example.com'});
    login(email => 'two@example.com', password => $good)->problem_is(401, 'invalid_credentials');
    like $t->error_log, qr/\[error\].*an account's stored hash has excessive costs/,
        'is not computed, and the log says so';
};

$t->finish;
done_testing;
