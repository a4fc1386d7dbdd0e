# autoflow_mfa: who must have a second factor, and how they get it.

use Mojo::Base -strict, -signatures;
use Test::Autoflow;
use Test::Autoflow::Factors;
use Test::Autoflow::Maildir;
use Test::More;

my $good  = 'correct horse battery staple';
my $t     = Test::Autoflow->new(clock => 1, server => q{
    autoflow_cookies on;
    location /site/ { autoflow_auth on; error_page 404 =200 /fine; }
    location = /fine { return 200 fine; }
    location = /verify { autoflow_verify; }
});
my $mails = Test::Autoflow::Maildir->new(t => $t);
my $key   = 'hex:' . 'a1' x 32;
$mails->configure(autoflow_seal_key => $key, autoflow_webauthn => 'off',
    autoflow_registration => 'open');
$t->start->hold;
factors_at($t);

sub policy ($policy) {
    $t->settings->{autoflow_mfa} = $policy;
    $t->reload->ready;
}

# a right password, and the token for setting up a factor
sub must_enrol ($name, $password = $good) {
    login($name, $password)->problem_is(401, 'mfa_enrolment_required')
        ->json_is('/types' => ['totp'])->json_hasnt('/mfa_token')
        ->header_is('Set-Cookie' => undef);
    return $t->tx->res->json->{enrolment_token};
}

sub enrol ($token, $name = 'phone') {
    return $t->post_ok('/auth/mfa/enrol' => json => {enrolment_token => $token, name => $name});
}

sub enrolled ($token, $added, $code = code($added->{secret})) {
    return $t->post_ok("/auth/mfa/enrol/$added->{factor}{id}/confirm" => json =>
        {enrolment_token => $token, code => $code});
}

sub renewed ($pair) {
    return $t->post_ok('/auth/refresh' => json => {refresh_token => $pair->{refresh_token}});
}

sub grant ($name, $role) {
    $t->db->do(q{INSERT INTO autoflow.roles (name) VALUES (?) ON CONFLICT DO NOTHING}, {}, $role);
    $t->db->do(q{INSERT INTO autoflow.user_roles (user_id, role_id)
        SELECT u.id, r.id FROM autoflow.users u, autoflow.roles r
         WHERE u.username = ? AND r.name = ?}, {}, $name, $role);
}


subtest 'everyone' => sub {
    my $ada  = account('ada');
    my $ben  = guarded('ben');
    policy('required');
    renewed($ada)->problem_is(401, 'mfa_enrolment_required', "a session of yesterday's policy");
    renewed($ben)->status_is(200, 'but not one of two factors');
    verify(asked('ben'), code => code($ben->{secret}))->status_is(200);

    my $token = must_enrol('ada');
    $t->get_ok($_ => {Authorization => "Bearer $token"})->status_is(401, "no token for $_")
        for '/auth/me', '/site/', '/verify', '/auth/mfa/factors';
    verify($token, code => '000000')->problem_is(400, 'invalid_token', 'nor for this');
    $t->post_ok('/auth/refresh' => json => {refresh_token => $token})
        ->problem_is(401, 'invalid_token');
    enrol(asked('ben'))->problem_is(400, 'invalid_token', 'nor the other way round');
    enrol("${token}A")->problem_is(400, 'invalid_token');
    enrol($token, ' ')->problem_is(422, 'validation_failed');

    my $added = enrol($token)->status_is(201)->tx->res->json;
    like $added->{secret}, qr/^[A-Z2-7]{32}$/, 'an app';
    enrolled($token, $added, wrong($added->{secret}))->problem_is(403, 'invalid_code');
    must_enrol('ada');
    my $pair = enrolled($token, $added)->status_is(200)->tx->res->json;
    is scalar @{$pair->{recovery_codes}}, 10, 'recovery codes';
    is_deeply [@{claims($pair)}{qw(amr aal)}], [[qw(pwd otp mfa)], 2], 'and a session, of two';
    is claims($pair)->{mfa_time}, claims($pair)->{auth_time}, 'just proved';
    $t->get_ok('/site/' => $t->bearer($pair))->status_is(200);
    renewed($pair)->status_is(200);
    is scalar(grep { /^[\w-]*af_access=[^;]/ } @{$t->tx->res->headers->every_header('Set-Cookie')}),
        1, 'in cookies, too';
    enrolled($token, $added)->status_is(404, 'once');
    enrol($token)->problem_is(401, 'reauthentication_required', 'there is a factor by now');
    unused('ada');
    verify(asked('ada'), code => code($added->{secret}))->status_is(200);
    verify(asked('ada'), recovery_code => $pair->{recovery_codes}[0])->status_is(200);
    $mails->all_sent;
    is scalar(grep { /new way to sign in/ } $mails->read('ada@example.com')), 1, 'it is mailed';
    is_deeply $t->db->selectcol_arrayref(q{SELECT DISTINCT action FROM autoflow.audit_events
        WHERE target_id = ? AND action ~ 'enrol|factor_' ORDER BY 1}, {}, $ada->{user}{id}),
        [qw(enrolment_requested factor_added factor_requested)], 'and audited';

    my $cora = $t->post_ok('/auth/register' => json =>
        {email => 'cora@example.com', username => 'cora', password => $good})->status_is(201)
        ->json_hasnt('/access_token')->json_like('/message' => qr/second factor/)->tx->res->json;
    my $first = must_enrol('cora');
    my $stale = must_enrol('cora');
    $t->db->do(q{UPDATE autoflow.users SET password_hash = (SELECT password_hash
        FROM autoflow.users WHERE username = 'ben') WHERE username = 'cora'});
    my $of_before = enrol($stale)->problem_is(400, 'invalid_token', 'another password ends it');
    my $ours = enrol(must_enrol('cora'))->status_is(201)->tx->res->json;
    enrolled($first, $ours)->problem_is(400, 'invalid_token');
    my $dave = enrol(must_enrol('cora'), 'other')->status_is(201)->tx->res->json;
    enrolled(must_enrol('cora'), $ours)->status_is(200);
    enrolled($stale, $dave)->problem_is(400, 'invalid_token');
};

subtest 'roles, and superusers' => sub {
    policy('optional');
    my %of = map { $_ => account($_) } qw(emma finn gina);
    grant(emma => 'admin');
    $t->db->do(q{UPDATE autoflow.users SET is_superuser = true WHERE username = 'gina'});
    renewed($of{$_})->status_is(200) for qw(finn);
    policy('optional role=admin:required role=a:b:required superuser:required');
    login('finn')->status_is(200, 'others need none');
    must_enrol('emma');
    must_enrol('gina');
    my $finn = login('finn')->status_is(200)->tx->res->json;
    grant(finn => 'a:b');
    renewed($finn)->problem_is(401, 'mfa_enrolment_required', 'a role that was given since');
    my $token = must_enrol('finn');
    $t->db->do(q{DELETE FROM autoflow.user_roles WHERE user_id = ?}, {}, $finn->{user}{id});
    renewed($finn)->status_is(200, 'or taken again');
    login('finn')->status_is(200);
};

subtest 'a role that is given during a login' => sub {
    my $hugo = account('hugo');
    my ($res) = meanwhile(hugo => [sub {
        $t->ua->post_p('/auth/login' => json => {username => 'hugo', password => $good});
    }], 'UPDATE autoflow.users SET is_superuser = true WHERE id = ?');
    is $res->json->{code}, 'mfa_enrolment_required', 'is known';
};

subtest 'a password that is replaced during an enrolment' => sub {
    my $kim   = account('kim');
    $t->db->do(q{UPDATE autoflow.users SET is_superuser = true WHERE username = 'kim'});
    my $token = must_enrol('kim');
    my $added = enrol($token)->status_is(201)->tx->res->json;
    my ($res) = meanwhile(kim => [sub {
        $t->ua->post_p("/auth/mfa/enrol/$added->{factor}{id}/confirm" => json =>
            {enrolment_token => $token, code => code($added->{secret})});
    }], q{UPDATE autoflow.users SET password_hash = (SELECT password_hash FROM autoflow.users
        WHERE username = 'emma') WHERE id = ?});
    is $res->json->{code}, 'not_found', 'ends it';
    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.factors WHERE user_id = ?
        AND confirmed_at IS NOT NULL', {}, $kim->{user}{id}), 0, 'and nothing is confirmed';
};

subtest 'off' => sub {
    my $ida  = guarded('ida');
    my $jane = account('jane');
    policy('off');
    $t->post_ok('/auth/mfa/factors' => $t->bearer($jane) => json =>
        {name => 'x'})->problem_is(409, 'mfa_off', 'none can be added');
    verify(asked('ida'), code => code($ida->{secret}))
        ->status_is(200, 'but whoever has one still needs it');
};

subtest 'what is configured wrongly' => sub {
    my %wrong = (
        'on'                             => 'must begin with "off", "optional" or "required"',
        'off superuser:required'         => 'is "off", and requires factors',
        'required role=admin'            => 'invalid parameter "role=admin"',
        'required role=:required'        => 'invalid parameter "role=:required"',
        'required role=Admin:required'   => 'invalid parameter "role=Admin:required"',
        'required; autoflow_mfa off'     => '"autoflow_mfa" directive is duplicate',
    );
    for my $policy (sort keys %wrong) {
        $t->settings->{autoflow_mfa} = $policy;
        like +($t->check)[1], qr/\Q$wrong{$policy}\E/, $policy;
    }
    delete $t->settings->{autoflow_seal_key};
    $t->settings->{autoflow_mfa} = 'optional superuser:required';
    like +($t->check)[1], qr/"autoflow_mfa" needs an "autoflow_seal_key" that seals/, 'no key';
    $t->settings->{autoflow_mfa} = 'optional';
    like +($t->check)[1], qr/\[warn\].*nobody can add an app by "autoflow_mfa" in \S+:\d+/,
        'nor an app: that is said';
    $t->settings->{autoflow_seal_key} = "$key use=open";
    like +($t->check)[1], qr/nobody can add an app/, 'by a key that only opens, either';
    $t->settings->{autoflow_seal_key} = $key;
    unlike +($t->check)[1], qr/nobody can add/, 'with a key that seals they can';
};

done_testing;
