# Ways into an account stay its owner's: what is kept, given and asked for where there
# is no password, and what a claimed address ends.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(false true);
use Mojo::Promise;
use Test::Autoflow;
use Test::Autoflow::Authenticator;
use Test::Autoflow::Factors;
use Test::Autoflow::Maildir;
use Test::More;

my $good   = 'correct horse battery staple';
my $origin = 'https://login.example.com';
my $t = Test::Autoflow->new(clock => 1, database => 'pool=4', server => 'autoflow_cookies on;');
my $mails = Test::Autoflow::Maildir->new(t => $t);

$mails->configure(
    autoflow_seal_key => 'hex:' . 'a1' x 32,
    autoflow_webauthn => "rp_id=example.com origins=$origin name=Example",
    autoflow_attempts => 'address=100000/1m',
    autoflow_mfa      => 'optional remember=30d',
    autoflow_registration => 'open',
);
$t->start->hold;
factors_at($t);

sub device (%with) { Test::Autoflow::Authenticator->new(origin => $origin, %with) }
sub body { $t->tx->res->json }
sub id ($user) { $user->{user}{id} }

sub asks ($path, %body) {
    $t->post_ok($path => json => \%body)->status_is(200);
    return body();
}

# an account without a password: its tokens, its device and its first passkey
sub bare ($name, $email = "$name\@example.com") {
    my $device = device();
    my $made = $device->create(asks('/auth/register/passkey/options', email => $email));
    $t->post_ok('/auth/register/passkey' => json =>
        {email => $email, username => $name, credential => $made})->status_is(201);
    my $user = {%{body()}, device => $device};
    $user->{passkey} = list($user)->[0]{id};
    return $user;
}

sub list ($user) {
    return $t->get_ok('/auth/mfa/factors' => $t->bearer($user))->status_is(200)
        ->tx->res->json->{factors};
}

sub options ($user, $type = 'passkey') {
    $t->post_ok('/auth/passkeys/options' => $t->bearer($user) => json => {type => $type})
        ->status_is(200);
    return body();
}

sub add_passkey ($user, $credential) {
    $t->post_ok('/auth/passkeys' => $t->bearer($user) => json =>
        {name => 'other', credential => $credential})->status_is(201);
    $user->{access_token} = body()->{access_token};
    return body()->{factor}{id};
}

sub enter ($device, %headers) {
    return $t->post_ok('/auth/login/passkey' => \%headers => json =>
        {credential => $device->get(asks('/auth/login/passkey/options'))});
}

sub removes ($user, $id) { $t->delete_ok("/auth/mfa/factors/$id" => $t->bearer($user)) }

sub with_passkey ($user) {
    my $options = $t->post_ok('/auth/reauth/passkey/options' => $t->bearer($user))
        ->status_is(200)->tx->res->json;
    prove($user, credential => $user->{device}->get($options))->status_is(200);
    $user->{access_token} = body()->{access_token};
    return $user;
}

# a token of long after the last proof
sub stale ($user) {
    age(700);
    @$user{qw(access_token refresh_token)} = @{refresh($user)}{qw(access_token refresh_token)};
    return $user;
}

sub of ($user, $what) {
    return $t->db->selectrow_array("SELECT $what FROM autoflow.users u WHERE id = ?", {},
        id($user));
}

# sent while the account is locked, and then let go
my @bodies;
sub at_once ($user, @requests) {
    my $held = $t->postgresql->connect;
    $held->begin_work;
    $held->do('SELECT FROM autoflow.users WHERE id = ? FOR UPDATE', {}, id($user));
    my @answers;
    @bodies = ();
    my @sent = map {
        $t->ua->start_p($t->ua->build_tx(@$_))->then(sub ($tx) {
            push @bodies, $tx->res->json;
            push @answers, join ' ', $tx->res->code, ($tx->res->json // {})->{code} // ();
        });
    } @requests;
    $t->wait_for(sub {
        Mojo::IOLoop->timer(0.02 => sub { });
        Mojo::IOLoop->one_tick;
        $t->blocked == @requests;
    });
    $held->commit;
    Mojo::Promise->all(@sent)->wait;
    return join ', ', sort @answers;
}


subtest 'the last way in' => sub {
    my $ada = bare('ada');
    removes($ada, $ada->{passkey})->problem_is(409, 'last_way_in');
    confirm($ada, add($ada, 'app'))->status_is(200);
    my $key = add_passkey($ada, device(rk => 0)->create(options($ada, 'security_key')));
    removes($ada, $ada->{passkey})->problem_is(409, 'last_way_in',
        'neither an app nor a security key is one');
    removes($ada, $key)->status_is(204, 'so they may go');
    my $other = device();
    my $second = add_passkey($ada, $other->create(options($ada)));
    removes($ada, $ada->{passkey})->status_is(204, 'another passkey is one');
    removes($ada, $second)->problem_is(409, 'last_way_in');
    enter($other)->status_is(200);

    $t->put_ok('/auth/me/password' => $t->bearer($ada) => json => {new_password => $good})
        ->status_is(204);
    removes($ada, $second)->status_is(204, 'and a password is');
    verify(asked('ada'), recovery_code => $ada->{recovery_codes}[0])->status_is(200);

    my $ann = bare('ann');
    $t->db->do('UPDATE autoflow.factors SET user_verified = false WHERE user_id = ?', {}, id($ann));
    removes($ann, $ann->{passkey})->status_is(204, 'what is no way in may go');

    my $bob = account('bob');
    my $only = add_passkey($bob, device()->create(options($bob)));
    removes($bob, $only)->status_is(204, 'whoever has one may remove all');
};

subtest 'two passkeys that are removed at once' => sub {
    my $cleo = bare('cleo');
    my $second = add_passkey($cleo, device()->create(options($cleo)));
    is at_once($cleo, map { [DELETE => "/auth/mfa/factors/$_", $t->bearer($cleo)] }
        $cleo->{passkey}, $second), '204, 409 last_way_in', 'one of them remains';
    is scalar @{list($cleo)}, 1;
};

subtest 'a passkey that is removed while a password is set' => sub {
    my $dora = bare('dora');
    my $answers = at_once($dora,
        [PUT => '/auth/me/password', $t->bearer($dora), json => {new_password => $good}],
        [DELETE => "/auth/mfa/factors/$dora->{passkey}", $t->bearer($dora)]);
    like $answers, qr/^204, (?:204|409 last_way_in)$/;
    is of($dora, q{password_hash IS NOT NULL}), 1, 'never neither';
};

subtest 'without a password any recent proof is one' => sub {
    my $emil = bare('emil');
    stale($emil);
    $t->post_ok('/auth/mfa/factors' => $t->bearer($emil) => json => {name => 'app'})
        ->problem_is(401, 'reauthentication_required');
    my %change = (
        'a first password' => [put => '/auth/me/password', {new_password => $good}],
        'an address'       => [patch => '/auth/me', {email => 'new@example.com'}],
    );
    my $send = sub ($what, %more) {
        my ($method, $path, $fields) = @{$change{$what}};
        $method .= '_ok';
        return $t->$method($path => $t->bearer($emil) => json => {%$fields, %more});
    };
    for my $what (sort keys %change) {
        $send->($what)->problem_is(401, 'reauthentication_required', $what);
        $send->($what, current_password => $good)
            ->problem_is(401, 'reauthentication_required', 'nor does a password help');
    }
    $t->delete_ok('/auth/me' => $t->bearer($emil))->problem_is(401, 'reauthentication_required');

    with_passkey($emil);
    confirm($emil, add($emil, 'app'))->status_is(200);
    $send->('an address', current_password => $good)->problem_is(403, 'wrong_password');
    $send->('an address')->status_is(200)->json_is('/pending_email' => 'new@example.com');
    $send->('an address', email => 'emil@example.com')->status_is(200)
        ->json_is('/pending_email' => undef);
    my $other = enter($emil->{device})->status_is(200)->tx->res->json;
    $send->('a first password')->status_is(204);
    $t->get_ok('/auth/me' => $t->bearer($other))->status_is(401, 'which ends the other sessions');
    $mails->all_sent;
    is scalar(grep { /has a new password/ } $mails->read('emil@example.com')), 1, 'and is mailed';
    login('emil')->problem_is(401, 'mfa_required');
    $send->('a first password')->errors_are({current_password => 'required'});
    $send->('an address')->errors_are({current_password => 'required'});
    $t->patch_ok('/auth/me' => $t->bearer($emil) => json => {full_name => 'Emil'})->status_is(200);
    $t->delete_ok('/auth/me' => $t->bearer($emil))->status_is(204);

    my $fay = bare('fay');
    $t->delete_ok('/auth/me' => $t->bearer($fay))->status_is(204);
};

subtest 'a change without a password is no guess' => sub {
    my $gus = bare('gus');
    $t->patch_ok('/auth/me' => $t->bearer($gus) => json => {email => 'gus@example.com'})
        ->status_is(200) for 1 .. 12;
    $t->put_ok('/auth/me/password' => $t->bearer($gus) => json => {new_password => $good})
        ->status_is(204);
    $t->put_ok('/auth/me/password' => $t->bearer($gus) => json => {new_password => $good})
        ->errors_are({current_password => 'required'}) for 1 .. 12;
};

# what its owner does meanwhile: the thief has sent it before
subtest 'a session that ends meanwhile' => sub {
    for my $change ([PUT => '/auth/me/password', {new_password => $good}],
        [PATCH => '/auth/me', {email => 'thief@example.com'}])
    {
        my ($method, $path, $fields) = @$change;
        my $gina = bare('gina' . lc $method);
        my $held = $t->postgresql->connect;
        $held->begin_work;
        $held->do('SELECT FROM autoflow.users WHERE id = ? FOR UPDATE', {}, id($gina));
        my $code;
        my $sent = $t->ua->start_p($t->ua->build_tx($method => $path, $t->bearer($gina),
            json => $fields))->then(sub ($tx) { $code = $tx->res->json->{code} });
        $t->wait_for(sub {
            Mojo::IOLoop->timer(0.02 => sub { });
            Mojo::IOLoop->one_tick;
            $t->blocked;
        });
        $held->do('UPDATE autoflow.sessions SET ended_at = now() WHERE user_id = ?', {}, id($gina));
        $held->commit;
        $sent->wait;
        is $code, 'reauthentication_required', "$method $path";
        is of($gina, 'password_hash IS NULL AND pending_email IS NULL'), 1;
    }
};

subtest 'one user handle' => sub {
    my $hugo = account('hugo');
    my ($first, $second) = map { options($hugo) } 1, 2;
    is $first->{user}{id}, $second->{user}{id}, 'of two first passkeys at once';
    my @devices = map { device() } 1, 2;
    my @made = ($devices[0]->create($first), $devices[1]->create($second));
    add_passkey($hugo, $_) for @made;
    enter($_)->status_is(200) for @devices;
    is $t->db->selectrow_array('SELECT count(DISTINCT user_handle) FROM autoflow.factors
        WHERE user_id = ?', {}, id($hugo)), 1;
    removes($hugo, $_->{id})->status_is(204) for @{list($hugo)};
    is options($hugo)->{user}{id}, $first->{user}{id}, 'it remains when all are gone';

    my $ida = account('ida');
    like at_once($ida, map { [POST => '/auth/passkeys/options', $t->bearer($ida)] } 1, 2),
        qr/^200, 200$/;
    is $bodies[0]{user}{id}, $bodies[1]{user}{id}, 'of two that ask at the same time';
    my $xavier = bare('xavier');
    is of($xavier, q{(SELECT f.user_handle FROM autoflow.factors f WHERE f.user_id = u.id) =
        u.user_handle}), 1, 'that of a registration';

    # from before accounts had one: that of the first one goes on
    my $jane = account('jane');
    my ($old, $odd) = (device(), device());
    add_passkey($jane, $_->create(options($jane))) for $old, $odd;
    $t->db->do(q{UPDATE autoflow.factors SET user_handle = '\x0102030405060708090a0b0c0d0e0f10'
        WHERE id = (SELECT id FROM autoflow.factors WHERE user_id = ? ORDER BY id DESC LIMIT 1)},
        {}, id($jane));
    $t->db->do('UPDATE autoflow.users SET user_handle = NULL WHERE id = ?', {}, id($jane));
    $odd->handle(join '', map { chr } 1 .. 16);
    my $new = device();
    add_passkey($jane, $new->create(options($jane)));
    is $new->handle, $old->handle;
    enter($_)->status_is(200, 'and all of them log in') for $old, $odd, $new;

    my $kim = account('kim');
    my $strange = device();
    add_passkey($kim, $strange->create(options($kim)));
    $strange->handle('x' x 64);
    $t->db->do(q{UPDATE autoflow.factors SET user_handle = decode(repeat('78', 64), 'hex')
        WHERE user_id = ?}, {}, id($kim));
    $t->db->do('UPDATE autoflow.users SET user_handle = NULL WHERE id = ?', {}, id($kim));
    my $ours = device();
    add_passkey($kim, $ours->create(options($kim)));
    is length $ours->handle, 16, 'but not that of another server';
    isnt $ours->handle, 'x' x 16, 'nor a part of it';
    enter($_)->status_is(200) for $strange, $ours;
};

subtest 'recovery codes' => sub {
    my $kate = bare('kate');
    is scalar @{$kate->{recovery_codes}}, 10, 'are shown with a registration';
    prove($kate, recovery_code => $kate->{recovery_codes}[0])->status_is(200);
    prove($kate, recovery_code => $kate->{recovery_codes}[0])->problem_is(403, 'invalid_code');

    my $otto = bare('otto');
    is at_once($otto, map { [POST => '/auth/reauth', $t->bearer($otto), json =>
        {recovery_code => $otto->{recovery_codes}[0]}] } 1, 2), '200, 403 invalid_code',
        'nor twice at once';

    # by use_code() of before, which was being executed while it was replaced
    my $kurt = bare('kurt');
    $t->db->do('UPDATE autoflow.recovery_codes SET used_at = now() WHERE user_id = ?', {},
        id($kurt));
    prove($kurt, recovery_code => $kurt->{recovery_codes}[0])
        ->problem_is(403, 'invalid_code', 'none that is marked as used');

    # its passkey is lost, and the address is its owner's
    $t->db->do(q{UPDATE autoflow.users SET email_verified = true WHERE id = ?}, {}, id($kate));
    $t->go;
    $t->post_ok('/auth/forgot-password' => json => {email => 'kate@example.com'})->status_is(202);
    $t->hold;
    $t->post_ok('/auth/reset-password' => json => {new_password => $good,
        token => $mails->token('kate@example.com', 'reset-password')})->status_is(204);
    verify(asked('kate'), recovery_code => $kate->{recovery_codes}[1])->status_is(200);
    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.recovery_codes WHERE user_id = ?', {},
        id($kate)), 8, 'those that were used are gone';

    $t->settings->{autoflow_registration} = 'verified';
    $t->reload->ready;
    my $device = device();
    my $made = $device->create(asks('/auth/register/passkey/options', email => 'lena@example.com'));
    $t->post_ok('/auth/register/passkey' => json => {email => 'lena@example.com',
        credential => $made})->status_is(201)->json_hasnt('/access_token');
    is scalar @{body()->{recovery_codes}}, 10, 'even without a session';
    $t->post_ok('/auth/register/passkey' => json => {email => 'lena@example.com',
        credential => device()->create(asks('/auth/register/passkey/options',
        email => 'lena@example.com'))})->problem_is(409, 'email_taken')
        ->json_hasnt('/recovery_codes');
    $t->settings->{autoflow_registration} = 'open';
    $t->reload->ready;
    $t->register(email => 'mia@example.com');
    ok !exists body()->{recovery_codes}, 'but none beside a password';
};

subtest 'in which language it was' => sub {
    my %german = ('Accept-Language' => 'de');
    my $nora = bare('nora');
    is of($nora, 'language'), undef;
    enter($nora->{device}, %german)->status_is(200);
    is of($nora, 'language'), 'de', 'a login with a passkey';
    enter($nora->{device}, 'Accept-Language' => 'tlh')->status_is(200);
    is of($nora, 'language'), 'de', 'no other language of ours';

    my $olga = guarded('olga');
    my $token = asked('olga');
    $t->post_ok('/auth/mfa/verify' => {%german} => json =>
        {mfa_token => $token, code => wrong($olga->{secret})})->status_is(401);
    is of($olga, 'language'), undef, 'not for a wrong code';
    $t->post_ok('/auth/mfa/verify' => {%german} => json =>
        {mfa_token => $token, code => code($olga->{secret})})->status_is(200);
    is of($olga, 'language'), 'de', 'a login with a code';
};

# somebody has registered it who can't read its mails, with all that there is
subtest 'an address that is claimed' => sub {
    my $pia = bare('pia');
    confirm($pia, add($pia, 'app'))->status_is(200);
    $t->put_ok('/auth/me/password' => $t->bearer($pia) => json => {new_password => $good})
        ->status_is(204);
    verify(asked('pia'), recovery_code => $pia->{recovery_codes}[0], remember => true)
        ->status_is(200);
    my $strange = body();
    my ($cookie) = map { /^(af_device=[^;]+)/ } @{$t->tx->res->headers->every_header('Set-Cookie')};
    login('pia', $good, Cookie => $cookie)->status_is(200, 'a remembered browser');
    my $weak = body();

    $t->go;
    $t->post_ok('/auth/forgot-password' => json => {email => 'pia@example.com'})->status_is(202);
    $t->hold;
    $t->post_ok('/auth/reset-password' => json => {new_password => "$good!",
        token => $mails->token('pia@example.com', 'reset-password')})->status_is(204);
    $t->get_ok('/auth/me' => $t->bearer($_))->status_is(401)
        ->json_is('/code' => 'token_revoked') for $pia, $strange, $weak;
    $t->post_ok('/auth/refresh' => json => {refresh_token => $_->{refresh_token}})
        ->problem_is(401, 'invalid_token') for $pia, $strange, $weak;
    enter($pia->{device})->problem_is(401, 'invalid_passkey');
    login('pia', $good)->problem_is(401, 'invalid_credentials');
    is $t->db->selectrow_array("SELECT count(*) FROM autoflow.$_ WHERE user_id = ?", {}, id($pia)),
        0, "no $_" for qw(factors recovery_codes devices);
    my $owner = login('pia', "$good!", Cookie => $cookie)->status_is(200)->tx->res->json;
    is_deeply [@{claims($owner)}{qw(amr aal)}], [['pwd'], 1], 'its owner begins anew';
    confirm($owner, add($owner))->status_is(200, 'with what they add');
};

subtest 'where factors are off' => sub {
    my $user = account('wim');
    my $options = options($user);
    $t->settings->{autoflow_mfa} = 'off';
    $t->reload->ready;
    $t->post_ok('/auth/passkeys/options' => $t->bearer($user))->problem_is(409, 'mfa_off');
    $t->post_ok('/auth/passkeys' => $t->bearer($user) => json =>
        {name => 'x', credential => device()->create($options)})->problem_is(409, 'mfa_off');
    my $bare = bare('wanda');
    enter($bare->{device})->status_is(200, 'but a passkey may be all that there is');
    $t->settings->{autoflow_mfa} = 'optional remember=30d';
    $t->reload->ready;
};

subtest 'the first factor of who must have one may be a passkey' => sub {
    my $must = sub ($name, @types) {
        login($name)->problem_is(401, 'mfa_enrolment_required')->json_is('/types' => [@types]);
        return body()->{enrolment_token};
    };
    my $enrol = sub ($token, $credential) {
        $t->post_ok('/auth/mfa/enrol/passkey' => json =>
            {enrolment_token => $token, name => 'key', credential => $credential});
    };
    my $for = sub ($token, %more) {
        asks('/auth/mfa/enrol/passkey/options', enrolment_token => $token, %more);
    };
    my $policy = sub ($policy) {
        $t->settings->{autoflow_mfa} = $policy;
        $t->reload->ready;
    };
    account('ulla');
    $policy->('required remember=30d');
    $must->('ulla', 'totp', 'webauthn');
    delete $t->settings->{autoflow_seal_key};
    $policy->('optional');
    my ($quinn, $rosa) = map { account($_) } qw(quinn rosa);
    $policy->('required remember=30d');
    my $token = $must->('quinn', 'webauthn');
    $t->post_ok('/auth/mfa/enrol' => json => {enrolment_token => $token, name => 'x'})
        ->problem_is(409, 'mfa_off', 'no key seals an app');
    $t->post_ok('/auth/mfa/enrol/passkey/options' => json => {enrolment_token => "${token}A"})
        ->problem_is(400, 'invalid_token');
    $t->post_ok('/auth/mfa/enrol/passkey/options' => json => {enrolment_token => $token,
        type => 'x'})->problem_is(422, 'validation_failed');

    my ($options, $twice) = map { $for->($token) } 1, 2;
    is $options->{user}{id}, $twice->{user}{id};
    is_deeply [@{$options->{authenticatorSelection}}{qw(residentKey userVerification)}],
        ['required', 'required'];
    $enrol->($token, device()->create($options, origin => 'https://example.org'))
        ->problem_is(403, 'invalid_passkey');
    $enrol->($must->('rosa', 'webauthn'), device()->create($options))
        ->problem_is(403, 'invalid_passkey', "another account's challenge");
    my $device = device();
    my $made = $device->create($options);
    my $pair = $enrol->($token, $made)->status_is(200)->tx->res->json;
    is scalar @{$pair->{recovery_codes}}, 10;
    is_deeply [@{claims($pair)}{qw(amr aal)}], [[qw(pwd hwk user mfa)], 2];
    is claims($pair)->{mfa_time}, claims($pair)->{auth_time};
    refresh($pair);
    $enrol->($token, device()->create($twice))->problem_is(401, 'reauthentication_required',
        'there is a factor by now');
    $t->post_ok('/auth/mfa/enrol/passkey/options' => json => {enrolment_token => $token})
        ->problem_is(401, 'reauthentication_required');
    verify(asked('quinn'), recovery_code => $pair->{recovery_codes}[0])->status_is(200);
    enter($device)->status_is(200, 'it logs in alone');

    $token = $must->('rosa', 'webauthn');
    my $key = device(rk => 0, verifies => 0);
    $enrol->($token, $key->create($for->($token, type => 'security_key')))->status_is(200);
    enter($key)->problem_is(401, 'invalid_passkey', 'a security key does not');
    my $asked = asked('rosa');
    verify($asked, credential => $key->get(asks('/auth/mfa/passkey/options',
        mfa_token => $asked)))->status_is(200, 'but beside a password');
    is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.audit_events
        WHERE target_id = ? AND action = 'factor_added'}, {}, id($rosa)), 1, 'it is audited';
    $mails->all_sent;
    is scalar(grep { /was added to/ } $mails->read('rosa@example.com')), 1, 'and mailed';

    my $zoe = account_of('zoe');
    $token = $must->('zoe', 'webauthn');
    my @two = map { device()->create($for->($token)) } 1, 2;
    is at_once($zoe, map { [POST => '/auth/mfa/enrol/passkey', json =>
        {enrolment_token => $token, name => 'key', credential => $_}] } @two),
        '200, 401 reauthentication_required', 'of two at once one is added';

    # as long as the password is the one that was given
    my $sven = account_of('sven');
    $token = $must->('sven', 'webauthn');
    $made = device()->create($for->($token));
    $t->db->do(q{UPDATE autoflow.users SET password_hash = (SELECT password_hash
        FROM autoflow.users WHERE username = 'rosa') WHERE username = 'sven'});
    $enrol->($token, $made)->problem_is(400, 'invalid_token', 'another password ends it');

    my $tara = bare('tara');
    ok $tara->{access_token}, 'whoever registers with a passkey has one';
    delete $t->settings->{autoflow_webauthn};
    $t->settings->{autoflow_link_base} = 'http://192.0.2.1';
    like +($t->check)[1], qr/"autoflow_mfa" needs an "autoflow_seal_key" that seals, or an/,
        'neither of both';
};

# of whom a factor is demanded
sub account_of ($name) {
    $t->post_ok('/auth/register' => json =>
        {email => "$name\@example.com", username => $name, password => $good})->status_is(201)
        ->json_hasnt('/access_token');
    return body();
}

$t->finish;
done_testing;
