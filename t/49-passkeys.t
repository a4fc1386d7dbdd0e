# Passkeys and security keys: with a browser and an authenticator in software.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(false true);
use Mojo::Promise;
use Test::Autoflow;
use Test::Autoflow::Authenticator;
use Test::Autoflow::Maildir;
use Test::More;

my $good   = 'correct horse battery staple';
my $origin = 'https://login.example.com';
my $t      = Test::Autoflow->new(clock => 1);
my $mails  = Test::Autoflow::Maildir->new(t => $t);

$mails->configure(
    autoflow_seal_key => 'hex:' . 'a1' x 32,
    autoflow_webauthn => my $site = "rp_id=example.com origins=$origin name=Example",
    autoflow_attempts => 'address=100000/1m',
);
$t->start;

sub account ($name) {
    return $t->register(email => "$name\@example.com", username => $name,
        full_name => ucfirst $name);
}

sub device (%with) { Test::Autoflow::Authenticator->new(origin => $origin, %with) }

sub body { $t->tx->res->json }

sub login ($name, $password = $good) {
    return $t->post_ok('/auth/login' => json => {username => $name, password => $password});
}

# a right password, and the token for the factor
sub asked ($name) {
    login($name)->problem_is(401, 'mfa_required');
    return body()->{mfa_token};
}

sub options ($tokens, $type = 'passkey') {
    $t->post_ok('/auth/passkeys/options' => $t->bearer($tokens) => json => {type => $type})
        ->status_is(200);
    return body();
}

# these have the new access token then
sub add ($tokens, $credential, $name = 'laptop') {
    $t->post_ok('/auth/passkeys' => $t->bearer($tokens) => json =>
        {name => $name, credential => $credential});
    $tokens->{access_token} = body()->{access_token} // $tokens->{access_token};
    return $t;
}

# a new account with a passkey: its tokens, and more
sub keyed ($name, %with) {
    my $tokens = account($name);
    my $type   = delete $with{type} // 'passkey';
    my $device = device(%with);
    add($tokens, $device->create(options($tokens, $type)))->status_is(201);
    return {%$tokens, device => $device, %{body()}};
}

sub login_options {
    $t->post_ok('/auth/login/passkey/options')->status_is(200);
    return body();
}

sub enter ($credential) {
    return $t->post_ok('/auth/login/passkey' => json => {credential => $credential});
}

sub factor_options ($token) {
    $t->post_ok('/auth/mfa/passkey/options' => json => {mfa_token => $token})->status_is(200);
    return body();
}

sub verify ($token, %proof) {
    return $t->post_ok('/auth/mfa/verify' => json => {mfa_token => $token, %proof});
}

sub reauth_options ($tokens) {
    $t->post_ok('/auth/reauth/passkey/options' => $t->bearer($tokens))->status_is(200);
    return body();
}

sub reauth ($tokens, %proof) {
    return $t->post_ok('/auth/reauth' => $t->bearer($tokens) => json => {%proof});
}

sub session ($user) {
    return $t->db->selectrow_hashref(q{SELECT aal,
        jsonb_path_query_array(amr, '$[*].method') #>> '{}' AS amr
        FROM autoflow.sessions WHERE user_id = ? AND ended_at IS NULL
        ORDER BY created_at DESC, id DESC LIMIT 1}, {}, $user->{user}{id});
}

sub events ($user, $action) {
    return $t->db->selectrow_array('SELECT count(*) FROM autoflow.audit_events
        WHERE target_id = ? AND action = ?', {}, $user->{user}{id}, $action);
}

sub factors ($user) {
    return $t->db->selectrow_array('SELECT count(*) FROM autoflow.factors WHERE user_id = ?', {},
        $user->{user}{id});
}

# a token of long after the last proof
sub stale ($user) {
    $t->db->do(q{UPDATE autoflow.sessions SET authenticated_at = now() - interval '11 minutes'
        WHERE user_id = ?}, {}, $user->{user}{id});
    $t->post_ok('/auth/refresh' => json => {refresh_token => $user->{refresh_token}})
        ->status_is(200);
    @$user{qw(access_token refresh_token)} = @{body()}{qw(access_token refresh_token)};
}


subtest 'a passkey is added' => sub {
    my $ada     = account('ada');
    my $options = options($ada);
    is_deeply $options->{rp}, {id => 'example.com', name => 'Example'};
    is_deeply [@{$options->{user}}{qw(name displayName)}], ['ada@example.com', 'Ada'];
    unlike $options->{user}{id}, qr/[^\w-]/, 'the handle is base64url';
    is length $options->{user}{id}, 22, 'of 16 octets';
    is_deeply [map { $_->{alg} } @{$options->{pubKeyCredParams}}], [-7, -8, -257];
    is_deeply $options->{authenticatorSelection},
        {residentKey => 'required', requireResidentKey => true, userVerification => 'required'};
    is_deeply [@$options{qw(attestation timeout excludeCredentials)}], ['none', 600_000, []];

    my $made = device()->create($options);
    add($ada, $made)->status_is(201)->json_is('/factor/type' => 'webauthn')
        ->json_is('/factor/name' => 'laptop')->json_is('/factor/sign_in' => true)
        ->json_is('/factor/backed_up' => false)
        ->json_is('/factor/transports' => ['internal', 'hybrid']);
    is scalar @{body()->{recovery_codes}}, 10, 'and recovery codes are shown';
    my $id = body()->{factor}{id};
    is_deeply session($ada), {aal => 2, amr => '["pwd", "hwk", "user", "mfa"]'},
        'the session is of the next level';

    my $again = options($ada);
    is $again->{user}{id}, $options->{user}{id}, 'one account has one handle';
    is_deeply $again->{excludeCredentials}, [{type => 'public-key', id => $made->{id},
        transports => ['internal', 'hybrid']}], 'and no authenticator two of its passkeys';
    add($ada, device(alg => -8, eligible => 1, backed_up => 1)->create($again), 'phone')
        ->status_is(201)->json_hasnt('/recovery_codes', 'the others are good')
        ->json_is('/factor/backed_up' => true);
    add($ada, device(alg => -257, rk => 0)->create(options($ada, 'security_key')), 'key')
        ->status_is(201)->json_is('/factor/sign_in' => false);
    $t->get_ok('/auth/mfa/factors' => $t->bearer($ada))->status_is(200)
        ->json_is('/factors/0/name' => 'laptop')->json_is('/factors/2/name' => 'key');
    $t->patch_ok("/auth/mfa/factors/$id" => $t->bearer($ada) => json => {name => 'old laptop'})
        ->status_is(200)->json_is('/name' => 'old laptop')->json_is('/sign_in' => true);
    $t->get_ok('/api/v1/user/export' => $t->bearer($ada))->status_is(200)
        ->json_is('/factors/0/name' => 'old laptop');
    $mails->all_sent;
    is scalar(grep { /new way to sign in/ } $mails->read('ada@example.com')), 3,
        'the owner is told of each';
    is events($ada, 'factor_added'), 3;
};

subtest 'a login with a passkey alone' => sub {
    my $bob     = keyed('bob');
    my $options = login_options();
    is_deeply [@$options{qw(allowCredentials rpId userVerification)}],
        [[], 'example.com', 'required'];
    enter($bob->{device}->get($options))->status_is(200)->json_is('/user/username' => 'bob');
    my $tokens = body();
    is_deeply session($bob), {aal => 2, amr => '["hwk", "user", "mfa"]'};
    $t->get_ok('/auth/me' => $t->bearer($tokens))->status_is(200);
    is $t->db->selectrow_array(q{SELECT details ->> 'type' FROM autoflow.audit_events
        WHERE target_id = ? AND action = 'logged_in' ORDER BY at DESC LIMIT 1}, {},
        $bob->{user}{id}), 'webauthn', 'it is audited';

    my $synced = keyed('bess', eligible => 1);
    enter($synced->{device}->get(login_options(), backed_up => 1))->status_is(200);
    is session($synced)->{amr}, '["swk", "user", "mfa"]', 'a key that is copied is in software';
    $t->get_ok('/auth/mfa/factors' => $t->bearer(body()))
        ->json_is('/factors/0/backed_up' => true, 'it is backed up by now');
};

subtest 'what is refused' => sub {
    my $carl   = keyed('carl');
    my $device = $carl->{device};
    my $other  = keyed('cleo')->{device};
    my %wrong = (
        'another origin'     => [origin => 'https://login.example.org'],
        'a lookalike origin' => [origin => 'https://login.example.com.evil.example'],
        'no TLS'             => [origin => 'http://login.example.com'],
        'another port'       => [origin => "$origin:8443"],
        'a frame'            => [cross => 1],
        'another RP'         => [rp_id => 'login.example.com'],
        'nobody there'       => [present => 0],
        'no PIN'             => [verified => 0],
        'a challenge of its own' => [challenge => 'AAAA'],
        'another type'       => [type => 'webauthn.create'],
        'another signature'  => [signature => 'x' x 70],
        'no user handle'     => [handle => undef],
        "another's handle"   => [handle => $other->handle],
        'other backup flags' => [eligible => 1],
        'an impossible backup' => [backed_up => 1],
        'an unknown id'      => [id => 'x' x 32],
        "another's id"       => [id => $other->id],
    );
    for my $what (sort keys %wrong) {
        enter($device->get(login_options(), @{$wrong{$what}}))
            ->problem_is(401, 'invalid_passkey', $what);
    }
    like $t->error_log, qr/a passkey is refused: it is of another origin/, 'the log says why';
    enter($device->get(login_options()))->status_is(200, 'and nothing of it matters');
    is events($carl, 'login_failed'), scalar(keys %wrong) - 2, 'each is audited';

    my $used = $device->get(login_options());
    enter($used)->status_is(200);
    enter($used)->problem_is(401, 'invalid_passkey', 'once');
    my $options = login_options();
    enter($device->get($options))->status_is(200);
    enter($device->get($options))->problem_is(401, 'invalid_passkey', 'a challenge is used once');

    for my $challenge (options($carl), reauth_options($carl), factor_options(asked('carl'))) {
        enter($device->get($challenge))->problem_is(401, 'invalid_passkey', "one's own purpose");
    }
    my $credential = $device->get(login_options());
    for my $field (qw(clientDataJSON authenticatorData signature)) {
        my %response = %{$credential->{response}};
        delete $response{$field};
        enter({%$credential, response => \%response})->problem_is(422, 'validation_failed');
        enter({%$credential, response => {%response, $field => 'x='}})
            ->problem_is(422, 'validation_failed');
        enter({%$credential, response => {%response, $field => 'AAAA'}})
            ->problem_is(401, 'invalid_passkey');
    }
    enter({%$credential, type => 'password'})->problem_is(422, 'validation_failed');
    enter('x')->problem_is(422, 'validation_failed');
};

subtest 'passkeys that are removed' => sub {
    my $root = $t->superuser(account('root'));
    my $pia  = keyed('pia');
    $t->delete_ok("/auth/mfa/factors/$pia->{factor}{id}" => $t->bearer($pia))->status_is(204);
    enter($pia->{device}->get(login_options()))->problem_is(401, 'invalid_passkey');
    login('pia')->status_is(200, 'a password is enough again');
    $mails->all_sent;
    is scalar(grep { /was removed/ } $mails->read('pia@example.com')), 1, 'the owner is told';
    is $t->db->selectrow_array(q{SELECT details ->> 'last' FROM autoflow.audit_events
        WHERE target_id = ? AND action = 'factor_removed'}, {}, $pia->{user}{id}), 'true';

    my $quinn = keyed('quinn');
    $t->delete_ok("/auth/users/$quinn->{user}{id}/factors" => $t->bearer($root))->status_is(204);
    enter($quinn->{device}->get(login_options()))->problem_is(401, 'invalid_passkey');

    my $rosa = keyed('rosa');
    $t->delete_ok('/auth/me' => $t->bearer($rosa))->status_is(204);
    is factors($rosa), 0, 'with the account';
    enter($rosa->{device}->get(login_options()))->problem_is(401, 'invalid_passkey');

    # an address that was never verified is claimed, and one that was is not
    for my $case ([sven => 0], [tara => 1]) {
        my ($name, $verified) = @$case;
        my $user = keyed($name);
        $t->db->do('UPDATE autoflow.users SET email_verified = true WHERE username = ?', {}, $name)
            if $verified;
        $t->post_ok('/auth/forgot-password' => json => {email => "$name\@example.com"})
            ->status_is(202);
        my $reset = $mails->token("$name\@example.com", 'reset-password');
        $t->post_ok('/auth/reset-password' => json => {token => $reset, new_password => "$good!"})
            ->status_is(204);
        is factors($user), $verified, "$name";
    }
    login('tara', "$good!")->problem_is(401, 'mfa_required', 'a mail replaces a password alone');
};

# what is sent while an account is locked, and a session of it ends
subtest 'a session that ends meanwhile' => sub {
    my ($zara, $zeno, $zoe) = (account('zara'), map { keyed($_) } qw(zeno zoe));
    my $made = device()->create(options($zara));
    my %requests = (
        'a passkey' => [$zara, POST => '/auth/passkeys', {name => 'x', credential => $made}],
        'recovery codes' => [$zeno, POST => '/auth/mfa/recovery-codes'],
        'a factor'       => [$zoe, DELETE => "/auth/mfa/factors/$zoe->{factor}{id}"],
    );
    my $held = $t->postgresql->connect;
    for my $what (sort keys %requests) {
        my ($user, $method, $path, $body) = @{$requests{$what}};
        $held->begin_work;
        $held->do('SELECT FROM autoflow.users WHERE id = ? FOR UPDATE', {}, $user->{user}{id});
        my $code;
        my $sent = $t->ua->start_p($t->ua->build_tx($method => $path, $t->bearer($user),
            $body ? (json => $body) : ()))->then(sub ($tx) { $code = $tx->res->json->{code} });
        $t->wait_for(sub {
            Mojo::IOLoop->timer(0.02 => sub { });
            Mojo::IOLoop->one_tick;
            $t->blocked;
        });
        $held->do('UPDATE autoflow.sessions SET ended_at = now() WHERE user_id = ?', {},
            $user->{user}{id});
        $held->commit;
        $sent->wait;
        is $code, 'reauthentication_required', "$what remains as it was";
    }
    is_deeply [map { factors($_) } $zara, $zoe], [0, 1];
};

sub sign_up_options ($email, %fields) {
    return $t->post_ok('/auth/register/passkey/options' => json => {email => $email, %fields});
}

sub sign_up ($email, $credential, %fields) {
    return $t->post_ok('/auth/register/passkey' => json =>
        {email => $email, credential => $credential, %fields});
}

subtest 'an account with a passkey alone' => sub {
    my $email = 'xavier@example.com';
    sign_up_options($email, full_name => 'Xavier')->status_is(200)
        ->json_is('/user/name' => $email)->json_is('/user/displayName' => 'Xavier')
        ->json_is('/excludeCredentials' => []);
    my $device = device();
    my $made   = $device->create(body());
    sign_up($email, $made, username => 'xavier', passkey_name => 'phone')->status_is(201)
        ->json_is('/user/username' => 'xavier')->json_has('/refresh_token');
    my $xavier = body();
    is scalar @{$xavier->{recovery_codes}}, 10, 'and recovery codes are shown';
    is_deeply session($xavier), {aal => 2, amr => '["hwk", "user", "mfa"]'};
    $t->get_ok('/auth/mfa/factors' => $t->bearer($xavier))->json_is('/factors/0/name' => 'phone')
        ->json_is('/factors/0/sign_in' => true)->json_is('/recovery_codes' => 10)
        ->json_is('/has_password' => false);
    $t->post_ok('/auth/mfa/recovery-codes' => $t->bearer($xavier))->status_is(200);
    enter($device->get(login_options()))->status_is(200);
    login('xavier', $_)->problem_is(401, 'invalid_credentials') for $good, 'null';
    login('xavier', '')->problem_is(422, 'validation_failed');
    reauth($xavier, current_password => $good)->problem_is(403, 'wrong_password');
    reauth($xavier, credential => $device->get(reauth_options($xavier)))->status_is(200);

    sign_up('other@example.com', $made)->problem_is(403, 'invalid_passkey', 'once');
    sign_up_options($email)->status_is(200, 'whoever asks learns nothing of an account');
    my $second = device()->create(body());
    sign_up($email, $second)->problem_is(409, 'email_taken', 'before they register it');
    is factors($xavier), 1;
    sign_up_options('yves@example.com')->status_is(200);
    sign_up('yves@example.com', device()->create(body()), username => 'xavier')
        ->problem_is(409, 'username_taken');
    for my $wrong ([origin => 'https://example.org'], [verified => 0]) {
        sign_up_options('yves@example.com');
        sign_up('yves@example.com', device()->create(body(), @$wrong))
            ->problem_is(403, 'invalid_passkey');
    }
    my $options = login_options();
    sign_up('yves@example.com', device()->create({%$options, rp => {id => 'example.com'},
        user => {id => 'AAAA'}}))->problem_is(403, 'invalid_passkey', 'not any challenge');
    add($xavier, device()->create(do { sign_up_options('z@example.com'); body() }))
        ->problem_is(403, 'invalid_passkey', 'nor is theirs good for an account');
    sign_up('x', $second)->problem_is(422, 'validation_failed');
    is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.users
        WHERE email IN ('yves@example.com', 'other@example.com')}), 0, 'nothing is left of those';

    # whoever claims the address gets it without what a stranger has added
    $t->post_ok('/auth/forgot-password' => json => {email => $email})->status_is(202);
    my $reset = $mails->token($email, 'reset-password', 2);
    $t->post_ok('/auth/reset-password' => json => {token => $reset, new_password => $good})
        ->status_is(204);
    enter($device->get(login_options()))->problem_is(401, 'invalid_passkey');
    login('xavier')->status_is(200);
};

subtest 'where not everybody may register' => sub {
    sign_up_options('zita@example.com')->status_is(200);
    my $device = device();
    my $made   = $device->create(body());
    for my $door ('invite', 'closed') {
        $t->settings->{autoflow_registration} = $door;
        $t->reload->ready;
        sign_up_options('zita@example.com')->problem_is(403, 'registration_closed', $door);
        sign_up('zita@example.com', $made)->problem_is(403, 'registration_closed');
    }
    $t->settings->{autoflow_registration} = 'verified domains=example.com';
    $t->reload->ready;
    sign_up_options('zita@example.org')->errors_are({email => 'domain'});
    sign_up('zita@example.org', $made)->errors_are({email => 'domain'});
    sign_up('zita@example.com', $made)->status_is(201)->json_hasnt('/access_token');
    enter($device->get(login_options()))->problem_is(403, 'email_not_verified');
    my $token = $mails->token('zita@example.com', 'verify-email');
    $t->post_ok('/api/v1/user/verify-email' => json => {token => $token})->status_is(204);
    enter($device->get(login_options()))->status_is(200, 'once it is verified');
    delete $t->settings->{autoflow_registration};
    $t->reload->ready;
};

subtest 'one assertion at once' => sub {
    my $emma = keyed('emma', counter => undef);
    my $credential = $emma->{device}->get(login_options());
    my %statuses;
    my @sent = map { $t->ua->post_p('/auth/login/passkey' => json => {credential => $credential}) }
        1 .. 32;
    Mojo::Promise->all(@sent)->then(sub { $statuses{$_->[0]->res->code}++ for @_ })->wait;
    is_deeply \%statuses, {200 => 1, 401 => 31}, 'one of them logs in';
    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.sessions WHERE user_id = ?', {},
        $emma->{user}{id}), 2, 'once';
};

subtest 'a copy of a passkey' => sub {
    my $finn  = keyed('finn');
    my $clone = $finn->{device}->clone;
    enter($finn->{device}->get(login_options()))->status_is(200);
    enter($clone->get(login_options()))->problem_is(401, 'invalid_passkey', 'the same number');
    enter($finn->{device}->get(login_options(), counter => 1))
        ->problem_is(401, 'invalid_passkey');
    enter($finn->{device}->get(login_options(), counter => 0))
        ->problem_is(401, 'invalid_passkey', 'nor is it reset');
    is events($finn, 'passkey_cloned'), 3, 'each is audited';
    $mails->all_sent;
    is scalar(grep { /seems to be a copy/ } $mails->read('finn@example.com')), 1,
        'the owner is told, once a day';
    $t->db->do(q{UPDATE autoflow.factors SET clone_told_at = now() - interval '25 hours'});
    enter($finn->{device}->get(login_options(), counter => 1))
        ->problem_is(401, 'invalid_passkey');
    $mails->all_sent;
    is scalar(grep { /seems to be a copy/ } $mails->read('finn@example.com')), 2, 'and again';
    my $token = asked('finn');
    verify($token, credential => $finn->{device}->get(factor_options($token), counter => 1))
        ->problem_is(401, 'invalid_passkey', 'with a password, too');
    reauth($finn, credential => $finn->{device}->get(reauth_options($finn), counter => 1))
        ->problem_is(403, 'invalid_passkey', 'and with a session');
    is events($finn, 'passkey_cloned'), 6;
    enter($finn->{device}->get(login_options(), counter => 100))->status_is(200);

    my $none = keyed('fay', counter => undef);
    enter($none->{device}->get(login_options()))->status_is(200, 'without a counter') for 1, 2;
};

subtest 'a passkey after the password' => sub {
    my $gina = keyed('gina', type => 'security_key', verifies => 0, rk => 0);
    is $gina->{factor}{sign_in}, false;
    login('gina')->problem_is(401, 'mfa_required')->json_is(
        '/factors' => [{id => $gina->{factor}{id}, type => 'webauthn', name => 'laptop'}]);
    my $token   = body()->{mfa_token};
    my $options = factor_options($token);
    is_deeply [map { $_->{id} } @{$options->{allowCredentials}}],
        [$gina->{device}->get($options)->{id}], 'one of those';
    is $options->{userVerification}, 'preferred';
    verify($token, credential => $gina->{device}->get($options, handle => undef))->status_is(200);
    is_deeply session($gina), {aal => 2, amr => '["pwd", "hwk", "user", "mfa"]'};
    verify($token, credential => $gina->{device}->get($options))
        ->problem_is(401, 'invalid_passkey', 'once');

    my $device = $gina->{device};
    enter($device->get(login_options(), verified => 1))
        ->problem_is(401, 'invalid_passkey', 'it logs in beside a password alone');
    verify($token, credential => $device->get(factor_options($token), verified => 1))
        ->status_is(200, 'where a PIN is new');
    enter($device->get(login_options(), verified => 1))->status_is(200, 'and then counts');

    my $hugo = keyed('hugo');
    verify($token, credential => $hugo->{device}->get(factor_options($token)))
        ->problem_is(401, 'invalid_passkey', "not another account's");
    verify($token, credential => $device->get(factor_options(asked('hugo'))))
        ->problem_is(401, 'invalid_passkey', "nor another account's challenge");
    verify($token, credential => $device->get(login_options()))
        ->problem_is(401, 'invalid_passkey', 'nor one to log in alone');
    verify($token)->errors_are({code => 'required'});
    verify($token, code => '1', credential => $device->get($options))
        ->errors_are({credential => 'ambiguous'});
    $t->post_ok('/auth/mfa/passkey/options' => json => {mfa_token => "${token}A"})
        ->problem_is(400, 'invalid_token');
    verify($token, recovery_code => $gina->{recovery_codes}[0])
        ->status_is(200, 'and a recovery code is good');

    my $ida = account('ida');
    $t->post_ok('/auth/mfa/factors' => $t->bearer($ida) => json =>
        {name => 'app'})->status_is(201);
    $t->db->do('UPDATE autoflow.factors SET confirmed_at = now() WHERE user_id = ?', {},
        $ida->{user}{id});
    $t->post_ok('/auth/mfa/passkey/options' => json => {mfa_token => asked('ida')})
        ->status_is(404, 'an app is no passkey');
    $t->post_ok('/auth/reauth/passkey/options' => $t->bearer($ida))->status_is(404);
};

subtest 'a passkey makes a session fresh' => sub {
    my $jane = keyed('jane');
    stale($jane);
    $t->post_ok('/auth/passkeys/options' => $t->bearer($jane))
        ->problem_is(401, 'reauthentication_required', 'after ten minutes');
    my $options = reauth_options($jane);
    reauth($jane, credential => $jane->{device}->get($options, origin => 'https://example.org'))
        ->problem_is(403, 'invalid_passkey');
    reauth($jane, credential => $jane->{device}->get($options))->status_is(200)
        ->json_has('/access_token');
    $jane->{access_token} = body()->{access_token};
    reauth($jane, credential => $jane->{device}->get($options))
        ->problem_is(403, 'invalid_passkey', 'once');
    is events($jane, 'reauthentication_failed'), 2, 'audited';
    $t->post_ok('/auth/passkeys/options' => $t->bearer($jane))->status_is(200);

    enter($jane->{device}->get(login_options()))->status_is(200);
    my $second = body();
    reauth($second, credential => $jane->{device}->get(reauth_options($jane)))
        ->problem_is(403, 'invalid_passkey', "not another session's challenge");
    my $kate = keyed('kate');
    reauth($kate, credential => $jane->{device}->get(reauth_options($kate)))
        ->problem_is(403, 'invalid_passkey', "nor another account's passkey");
    reauth($kate)->errors_are({current_password => 'required'});
    reauth($kate, current_password => $good, credential => $kate->{device}->get($options))
        ->errors_are({credential => 'ambiguous'});
};

subtest 'who may add one' => sub {
    my $lena = account('lena');
    login('lena')->status_is(200);
    my $weak    = body();
    my $options = options($weak);
    my $device  = device();
    my $made    = $device->create(options($lena));
    add($weak, $made)->problem_is(403, 'invalid_passkey', "not another session's challenge");
    add($lena, $made)->status_is(201);
    add($lena, $made)->problem_is(403, 'invalid_passkey', 'once');
    $t->post_ok('/auth/passkeys/options' => $t->bearer($weak))
        ->problem_is(401, 'reauthentication_required', 'not without the factor that there is');
    add($weak, device()->create($options))
        ->problem_is(401, 'reauthentication_required', 'even if it came later');

    my $twin = $device->clone;
    my $mona = account('mona');
    my $mine = $twin->create(options($mona));
    add($lena, device()->create(options($mona)))->problem_is(403, 'invalid_passkey');
    add($mona, $mine)->status_is(201);
    my $nora = account('nora');
    my $copy = $twin->create(options($nora));
    $t->db->do(q{UPDATE autoflow.factors SET credential_id = decode(?, 'hex')
        WHERE user_id = ?}, {}, unpack('H*', $twin->id), $mona->{user}{id});
    add($nora, $copy)->problem_is(409, 'passkey_taken', 'a credential has one account');

    my %wrong = (
        'another origin' => [origin => 'https://example.org'],
        'another RP'     => [rp_id => 'example.org'],
        'nobody there'   => [present => 0],
        'no PIN'         => [verified => 0],
        'another type'   => [type => 'webauthn.get'],
        'no key'         => [public_key => "\xa0"],
        'no data'        => [data => 'x' x 37],
        'an attestation nobody knows' => [format => 'tpm'],
    );
    for my $what (sort keys %wrong) {
        add($nora, device()->create(options($nora), @{$wrong{$what}}))
            ->problem_is(403, 'invalid_passkey', $what);
    }
    add($nora, device()->create(options($nora), format => 'packed'))
        ->status_is(201, 'one that attests itself');
    add($nora, device()->create(options($nora)), $_)->problem_is(422, 'validation_failed')
        for '', 'x' x 101;
    $t->post_ok('/auth/passkeys/options' => $t->bearer($nora) => json => {type => 'x'})
        ->problem_is(422, 'validation_failed');
};

subtest 'twenty factors' => sub {
    my $olga = account('olga');
    $t->db->do(q{INSERT INTO autoflow.factors (user_id, kind, name, sealed_seed)
        SELECT ?, 'totp', 'n', 'x' FROM generate_series(1, 19)}, {}, $olga->{user}{id});
    my @options = map { options($olga) } 1, 2;
    add($olga, device()->create($options[0]))->status_is(201);
    add($olga, device()->create($options[1]))->problem_is(409, 'limit_reached');
    $t->post_ok('/auth/passkeys/options' => $t->bearer($olga))->problem_is(409, 'limit_reached');
    is factors($olga), 20;
};

subtest 'accounts that may not log in' => sub {
    my $uma = keyed('uma');
    $t->db->do(q{UPDATE autoflow.users SET is_active = false WHERE username = 'uma'});
    enter($uma->{device}->get(login_options(), signature => 'x'))
        ->problem_is(401, 'invalid_passkey', 'whoever has no passkey learns nothing');
    enter($uma->{device}->get(login_options()))->problem_is(403, 'account_disabled');

    my $other = keyed('wanda');
    my $vera  = keyed('vera');
    my $held  = $t->postgresql->connect;
    $held->begin_work;
    $held->do(q{SELECT FROM autoflow.users WHERE username = 'vera' FOR UPDATE});
    my $code;
    my $login = $t->ua->post_p('/auth/login/passkey' => json =>
        {credential => $vera->{device}->get(login_options())})
        ->then(sub ($tx) { $code = $tx->res->json->{code} });
    $t->wait_for(sub {
        Mojo::IOLoop->timer(0.02 => sub { });
        Mojo::IOLoop->one_tick;
        $t->blocked;
    });
    $held->do('DELETE FROM autoflow.factors WHERE user_id = ?', {}, $vera->{user}{id});
    $held->commit;
    $login->wait;
    is $code, 'invalid_passkey', 'a passkey that is removed meanwhile';

    $t->settings->{autoflow_require_verified_email} = 'on';
    $t->reload->ready;
    enter($other->{device}->get(login_options()))->problem_is(403, 'email_not_verified');
    $t->settings->{autoflow_require_verified_email} = 'off';
    $t->reload->ready;
};

subtest 'used challenges are forgotten' => sub {
    $t->db->do(q{UPDATE autoflow.used_challenges
        SET expires_at = expires_at - interval '2 hours'});
    $t->db->do(q{INSERT INTO autoflow.used_challenges
        SELECT now() - interval '50 minutes', '\x01'});
    $t->jobs_due('purge');
    $t->wait_for(sub {
        $t->db->selectrow_array('SELECT count(*) FROM autoflow.used_challenges') == 1;
    });
    pass 'an hour after they have expired';
};

subtest 'a key that is replaced' => sub {
    my $xena    = keyed('xena');
    my $options = login_options();
    $t->settings->{autoflow_secret} = join '; autoflow_secret ', map { "hex:$_" }
        'b2' x 32, '0f' x 32;
    $t->reload->ready;
    enter($xena->{device}->get($options))->status_is(200, 'its challenges are good');
    $options = login_options();
    delete $t->settings->{autoflow_secret};
    $t->reload->ready;
    enter($xena->{device}->get($options))->problem_is(401, 'invalid_passkey', 'and only its');
};

subtest 'passkeys that are off' => sub {
    my $yara  = keyed('yara');
    my $token = asked('yara');
    my ($options, $new) = (login_options(), options($yara));
    $t->settings->{autoflow_webauthn} = 'off';
    $t->reload->ready;
    enter($yara->{device}->get($options))->problem_is(409, 'passkeys_off');
    add($yara, $yara->{device}->create($new))->problem_is(409, 'passkeys_off');
    verify($token, credential => $yara->{device}->get($options))->problem_is(409, 'passkeys_off');
    reauth($yara, credential => $yara->{device}->get($options))->problem_is(409, 'passkeys_off');
    $t->post_ok($_->[0] => @$_[1 .. $#$_])->problem_is(409, 'passkeys_off')
        for ['/auth/login/passkey/options'], ['/auth/passkeys/options' => $t->bearer($yara)],
        ['/auth/reauth/passkey/options' => $t->bearer($yara)],
        ['/auth/mfa/passkey/options' => json => {mfa_token => $token}];
    verify($token, recovery_code => $yara->{recovery_codes}[0])
        ->status_is(200, 'recovery codes are good');
    $t->settings->{autoflow_webauthn} = $site;
    $t->reload->ready;
};

# the last, as the node's clock is ahead then
subtest 'challenges expire' => sub {
    my $dora = keyed('dora');
    $t->hold;
    my ($first, $second) = map { login_options() } 1, 2;
    $t->pass(599);
    enter($dora->{device}->get($first))->status_is(200);
    $t->pass(2);
    enter($dora->{device}->get($second))->problem_is(401, 'invalid_passkey', 'after ten minutes');
    $t->go;
};

$t->finish;
done_testing;
