# Passkeys and codes of somebody else: an authenticator and an app from npm.  What
# they make is accepted, whatever they are; what they are made to say wrongly is not.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(false true);
use Test::Autoflow;
use Test::Autoflow::Foreign;
use Test::Autoflow::Maildir;
use Test::More;

Test::Autoflow::npm() // plan skip_all => 'npm was not reached';

my $good   = 'correct horse battery staple';
my $origin = 'https://login.example.com';
my $t      = Test::Autoflow->new(clock => 1);
my $mails  = Test::Autoflow::Maildir->new(t => $t);

$mails->configure(
    autoflow_seal_key => 'hex:' . 'a1' x 32,
    autoflow_webauthn => "rp_id=example.com origins=$origin name=Example",
    autoflow_attempts => 'address=100000/1m',
);
$t->start;

sub account ($name) { $t->register(email => "$name\@example.com", username => $name) }

sub device (%with) { Test::Autoflow::Foreign->device(%with) }

sub body { $t->tx->res->json }

sub options ($tokens, $type = 'passkey') {
    $t->post_ok('/auth/passkeys/options' => $t->bearer($tokens) => json => {type => $type})
        ->status_is(200);
    return body();
}

sub add ($tokens, $credential) {
    return $t->post_ok('/auth/passkeys' => $t->bearer($tokens) => json =>
        {name => 'key', credential => $credential});
}

# a new account with a passkey of a device: its tokens, and more
sub keyed ($name, %with) {
    my $tokens = account($name);
    my $type   = delete $with{type} // 'passkey';
    my $device = device(%with);
    add($tokens, $device->create($origin, options($tokens, $type)))->status_is(201);
    return {%$tokens, device => $device, %{body()}};
}

sub login_options {
    $t->post_ok('/auth/login/passkey/options')->status_is(200);
    return body();
}

sub enter ($credential) {
    return $t->post_ok('/auth/login/passkey' => json => {credential => $credential});
}

# a right password, and the token for the factor
sub asked ($name) {
    $t->post_ok('/auth/login' => json => {username => $name, password => $good})
        ->problem_is(401, 'mfa_required');
    return body()->{mfa_token};
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

sub reauth ($tokens, $credential) {
    return $t->post_ok('/auth/reauth' => $t->bearer($tokens) => json =>
        {credential => $credential});
}

sub events ($user, $action) {
    return $t->db->selectrow_array('SELECT count(*) FROM autoflow.audit_events
        WHERE target_id = ? AND action = ?', {}, $user->{user}{id}, $action);
}

# what a browser would not even ask its authenticator
sub browser_refuses ($name, $work, $what) {
    my $done = eval { $work->(); 1 };
    chomp(my $error = $done ? 'nothing' : $@);
    is $error, $name, $what;
}


my %number = (ES256 => -7, EdDSA => -8, RS256 => -257);

for my $alg (sort keys %number) {
    subtest "$alg, everywhere" => sub {
        my $name = lc $alg;
        my $user = keyed($name, alg => [$alg]);
        is_deeply $t->db->selectrow_hashref('SELECT algorithm, user_verified, backup_eligible,
            backed_up, discoverable, transports FROM autoflow.factors WHERE user_id = ?', {},
            $user->{user}{id}),
            {algorithm => $number{$alg}, user_verified => 1, backup_eligible => 1,
                backed_up => 1, discoverable => 1, transports => ['usb']}, 'as it says of itself';
        my $device = $user->{device};

        enter($device->get($origin, login_options()))->status_is(200, 'alone')
            ->json_is('/user/username' => $name);
        my $tokens = body();
        reauth($tokens, $device->get($origin, reauth_options($tokens)))
            ->status_is(200, 'as a proof')->json_has('/access_token');
        my $token = asked($name);
        verify($token, credential => $device->get($origin, factor_options($token)))
            ->status_is(200, 'after a password');
        enter($device->get($origin, login_options()))->status_is(200, 'and again');

        my $credential = $device->get($origin, login_options());
        my $last = substr $credential->{response}{signature}, 9, 1, '';
        substr $credential->{response}{signature}, 9, 0, $last eq 'A' ? 'B' : 'A';
        enter($credential)->problem_is(401, 'invalid_passkey', 'but not signed otherwise');
    };
}

subtest 'an account that is registered with one' => sub {
    my $device = device();
    $t->post_ok('/auth/register/passkey/options' => json => {email => 'new@example.com'})
        ->status_is(200);
    my $made = $device->create($origin, body());
    $t->post_ok('/auth/register/passkey' => json => {email => 'new@example.com',
        username => 'new', credential => $made})->status_is(201);
    enter($device->get($origin, login_options()))->status_is(200)
        ->json_is('/user/username' => 'new');
};

subtest 'a security key, which keeps nothing, has no counter, and asks for no PIN' => sub {
    my $user   = keyed('kim', type => 'security_key', stateless => 1, uv => 0);
    my $device = $user->{device};
    is_deeply $t->db->selectrow_hashref('SELECT counter, user_verified, backup_eligible,
        octet_length(credential_id) > 100 AS long FROM autoflow.factors WHERE user_id = ?', {},
        $user->{user}{id}),
        {counter => 0, user_verified => 0, backup_eligible => 0, long => 1},
        'its id has the private key, which only it can decrypt';
    for (1, 2) {
        my $token = asked('kim');
        my $used  = $device->get($origin, factor_options($token));
        is $used->{response}{userHandle}, undef, 'it knows no account';
        verify($token, credential => $used)->status_is(200, 'after a password');
    }
    my $tokens = body();
    my $proof  = $device->get($origin, reauth_options($tokens));
    reauth($tokens, $proof)->status_is(200, 'as a proof');
    browser_refuses('NotAllowedError', sub { $device->get($origin, login_options()) },
        'alone it finds nothing');
    my $options = login_options();
    my $listed  = {%$options, allowCredentials => [{type => 'public-key', id => $proof->{id}}]};
    enter($device->get($origin, $listed))
        ->problem_is(401, 'invalid_passkey', 'nor is it good for that, if it is told');
};

subtest 'nobody is there, or says who they are' => sub {
    my $user = keyed('uma');
    my %copy = map { $_ => $user->{device}->copy($_ => 0) } qw(uv up);
    enter($copy{$_}->get($origin, login_options()))->problem_is(401, 'invalid_passkey', $_)
        for sort keys %copy;
    my $token = asked('uma');
    verify($token, credential => $copy{up}->get($origin, factor_options($token)))
        ->problem_is(401, 'invalid_passkey', 'without anybody not after a password');

    # each of these has the number that is next
    verify($token, credential => $copy{uv}->get($origin, factor_options($token)))
        ->status_is(200, 'but without a PIN');
    my $vera = account('vera');
    add($vera, device($_ => 0)->create($origin, options($vera)))
        ->problem_is(403, 'invalid_passkey', "a new one: $_") for qw(uv up);
    add($vera, device(uv => 0)->create($origin, options($vera, 'security_key')))
        ->status_is(201, 'a security key may ask for nothing');
};

subtest 'other origins' => sub {
    my $user   = keyed('olaf');
    my $device = $user->{device};
    my $wilma  = account('wilma');
    for my $wrong ('https://login.example.org', 'https://example.com.evil.example') {
        browser_refuses('SecurityError', sub { $device->get($wrong, login_options()) },
            "$wrong: a browser says so first");
        enter($device->get($wrong, login_options(), $wrong))
            ->problem_is(401, 'invalid_passkey', 'and if it did not');
        add($wilma, device()->create($wrong, options($wilma), $wrong))
            ->problem_is(403, 'invalid_passkey', 'nor is one made');
    }
    # of the same RP id, so that a browser has no objection
    for my $other ('https://other.example.com', 'https://example.com', "$origin:8443",
        'http://login.example.com')
    {
        enter($device->get($other, login_options()))
            ->problem_is(401, 'invalid_passkey', "$other is not configured");
        add($wilma, device()->create($other, options($wilma)))
            ->problem_is(403, 'invalid_passkey');
    }
    enter($device->get($origin, login_options()))->status_is(200);
};

subtest 'another RP id' => sub {
    my $user  = keyed('rita');
    my $moved = $user->{device}->copy(rp_id => 'login.example.com');
    browser_refuses('NotAllowedError', sub { $moved->get($origin, login_options()) },
        'it has none for ours');
    enter($moved->get($origin, {%{login_options()}, rpId => 'login.example.com'}))
        ->problem_is(401, 'invalid_passkey', 'and that of the other is not ours');
    my $options = options($user);
    $options->{rp}{id} = 'login.example.com';
    add($user, device()->create($origin, $options))->problem_is(403, 'invalid_passkey');
};

subtest 'once' => sub {
    my $user = keyed('ruth', increment => 0);
    my $used = $user->{device}->get($origin, login_options());
    enter($used)->status_is(200);
    enter($used)->problem_is(401, 'invalid_passkey', 'an assertion');
    my $options = login_options();
    enter($user->{device}->get($origin, $options))->status_is(200, 'without a counter');
    enter($user->{device}->get($origin, $options))->problem_is(401, 'invalid_passkey',
        'a challenge');
    my $made = device()->create($origin, options($user));
    add($user, $made)->status_is(201);
    add($user, $made)->problem_is(403, 'invalid_passkey', 'what was made');
};

subtest 'two of one' => sub {
    my $user  = keyed('carl');
    my $clone = $user->{device}->copy;
    enter($user->{device}->get($origin, login_options()))->status_is(200);
    enter($clone->get($origin, login_options()))->problem_is(401, 'invalid_passkey');
    is events($user, 'passkey_cloned'), 1, 'it is audited';
    enter($clone->get($origin, login_options()))
        ->status_is(200, 'until the copy is ahead, which nobody can tell from the original');
    enter($user->{device}->get($origin, login_options()))->problem_is(401, 'invalid_passkey',
        'the other one then notices');
    is events($user, 'passkey_cloned'), 2;
    $mails->all_sent;
    is scalar(grep { /seems to be a copy/ } $mails->read('carl@example.com')), 1,
        'the owner is told';
};

subtest "somebody else's" => sub {
    my ($ann, $ben) = map { keyed($_) } qw(ann ben);
    my $token = asked('ann');
    browser_refuses('NotAllowedError',
        sub { $ben->{device}->get($origin, factor_options($token)) }, 'a browser is not asked');
    my $any = {%{factor_options($token)}, allowCredentials => []};
    verify($token, credential => $ben->{device}->get($origin, $any))
        ->problem_is(401, 'invalid_passkey', 'after the password');
    reauth($ann, $ben->{device}->get($origin, {%{reauth_options($ann)}, allowCredentials => []}))
        ->problem_is(403, 'invalid_passkey', 'as a proof');
    my $used = $ben->{device}->get($origin, login_options());
    $used->{$_} = $ann->{device}->public_key->{id} for qw(id rawId);
    enter($used)->problem_is(401, 'invalid_passkey', 'under a wrong name');
    browser_refuses('NotAllowedError',
        sub { $ann->{device}->create($origin, options($ann)) }, 'an account has it once');
};

subtest 'an app for codes' => sub {
    my $user = account('tom');
    $t->hold;
    $t->post_ok('/auth/mfa/factors' => $t->bearer($user) => json =>
        {name => 'app'})->status_is(201);
    my ($secret, $id) = (body()->{secret}, body()->{factor}{id});
    my $code = sub ($steps = 0, %with) {
        return Test::Autoflow::Foreign->code($secret, $t->now + 30 * $steps, %with);
    };
    $t->post_ok("/auth/mfa/factors/$id/confirm" => $t->bearer($user) => json =>
        {code => $code->()})->status_is(200);
    $t->pass(30);
    my $token = asked('tom');
    verify($token, code => $code->())->status_is(200, 'is right');
    verify($token, code => $code->())->problem_is(401, 'invalid_code', 'once');
    verify($token, code => $code->(1))->status_is(200, 'if its clock is ahead');
    $t->pass(90);
    verify($token, code => $code->(-1))->status_is(200, 'or behind');
    verify($token, code => $code->(2))->problem_is(401, 'invalid_code', 'but not far');
    verify($token, code => $code->(0, digits => 8))->problem_is(401, 'invalid_code');
    verify($token, code => $code->(0, algorithm => 'sha256'))->problem_is(401, 'invalid_code');
    verify($token, code => $code->())->status_is(200);
    $t->go;
};

# the last, as the node's clock is ahead then
subtest 'challenges that are too old' => sub {
    my $user   = keyed('otto', increment => 0);
    my $device = $user->{device};
    $t->hold;
    my $token  = asked('otto');
    my %old    = map { $_ => $device->get($origin, login_options()) } qw(young old);
    my $factor = $device->get($origin, factor_options($token));
    my $proof  = $device->get($origin, reauth_options($user));
    my $made   = device()->create($origin, options($user));
    $t->pass(590);
    enter($old{young})->status_is(200, 'ten minutes');
    $t->pass(11);
    enter($old{old})->problem_is(401, 'invalid_passkey', 'and no longer');
    verify(asked('otto'), credential => $factor)->problem_is(401, 'invalid_passkey');
    reauth($user, $proof)->problem_is(403, 'invalid_passkey');
    add($user, $made)->problem_is(401, 'reauthentication_required', 'nor is the proof recent');
    $t->go;
};

$t->finish;
done_testing;
