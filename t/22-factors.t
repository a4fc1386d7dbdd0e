# Second factors: apps and recovery codes, and logins with them.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(true);
use Mojo::Promise;
use Test::Autoflow;
use Test::Autoflow::Factors;
use Test::Autoflow::Maildir;
use Test::More;

my $good  = 'correct horse battery staple';
my $t     = Test::Autoflow->new(clock => 1);
my $mails = Test::Autoflow::Maildir->new(t => $t);

# a code is of a time: the server's stands still
$mails->configure(autoflow_seal_key => 'hex:' . 'a1' x 32);
$t->start->hold;
factors_at($t);

# the token of a mail, whose request is answered after a while
sub forgotten ($name) {
    $t->go;
    $t->post_ok('/auth/forgot-password' => json => {email => "$name\@example.com"})
        ->status_is(202);
    $t->hold;
    return $mails->token("$name\@example.com", 'reset-password');
}


subtest 'an app is added and confirmed' => sub {
    my $ada = account('ada');
    $t->get_ok('/auth/mfa/factors' => $t->bearer($ada))
        ->json_is('' => {factors => [], recovery_codes => 0, has_password => true});
    $t->post_ok('/auth/mfa/factors' => $t->bearer($ada) => json => {name => ' '})
        ->problem_is(422, 'validation_failed');

    my $added = add($ada);
    like $added->{secret}, qr/^[A-Z2-7]{32}$/, 'a secret of 160 bits';
    my $parameters = "secret=$added->{secret}&issuer=";
    like $added->{uri}, qr{^otpauth://totp/[^/?:]+:ada%40example\.com\?\Q$parameters\E},
        'and what a QR code shows';
    is_deeply [@{$added->{factor}}{qw(type name)}], [qw(totp phone)];
    my $stored = $t->db->selectrow_array('SELECT sealed_seed FROM autoflow.factors');
    like $stored, qr/^\$sealed\$/, 'the seed is sealed';
    login('ada')->status_is(200, 'until it is confirmed, nothing asks for it');

    confirm($ada, $added, wrong($added->{secret}))->problem_is(403, 'invalid_code');
    confirm($ada, $added)->status_is(200)->json_has('/factor/id');
    my $codes = $t->tx->res->json->{recovery_codes};
    is scalar(grep { /^(?:[A-Z2-7]{4}-?){4}$/ } @$codes), 10, 'and recovery codes are shown';
    confirm($ada, $added)->status_is(404, 'once');
    is session($ada)->{aal}, 1, 'another session is what it was';
    is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.sessions WHERE aal = 2}), 1,
        'the one that gave the code is of the next level';

    my $second = add($ada, 'tablet');
    confirm($ada, $second)->status_is(200)->json_hasnt('/recovery_codes', 'the others are good');
    $t->get_ok('/auth/mfa/factors' => $t->bearer($ada))->json_is('/recovery_codes' => 10)
        ->json_is('/factors/0/name' => 'phone')->json_is('/factors/1/name' => 'tablet');

    $t->get_ok('/api/v1/user/export' => $t->bearer($ada))->status_is(200)
        ->json_is('/factors/1/name' => 'tablet')
        ->content_unlike(qr/sealed|\Q$stored\E/, 'an export has no seed');

    unused('ada');
    verify(asked('ada'), code => code($_->{secret}))->status_is(200, 'each logs in')
        for $added, $second;
    $mails->all_sent;
    is scalar(grep { /new way to sign in/ } $mails->read('ada@example.com')), 2,
        'the owner is told of each';
};

subtest 'a login with a code' => sub {
    my $bob = guarded('bob');
    login('bob', 'wrong')->problem_is(401, 'invalid_credentials');
    login('bob')->problem_is(401, 'mfa_required')
        ->json_is('/factors' => [{id => $bob->{factor}{id}, type => 'totp', name => 'phone'}])
        ->json_hasnt('/access_token')->header_is('Set-Cookie' => undef);
    my $token = $t->tx->res->json->{mfa_token};
    $t->get_ok('/auth/me' => {Authorization => "Bearer $token"})
        ->problem_is(401, 'invalid_token', 'the token is none for anything else');

    verify($token, code => wrong($bob->{secret}))->problem_is(401, 'invalid_code');
    verify($token, code => code($bob->{secret}, $_))->problem_is(401, 'invalid_code')
        for -3, 3;
    verify("${token}A", code => code($bob->{secret}))->problem_is(400, 'invalid_token');
    verify($token)->errors_are({code => 'required'});
    verify($token, code => '1', recovery_code => '1')->errors_are({recovery_code => 'ambiguous'});
    verify($token, code => code($bob->{secret}))->status_is(200)
        ->json_is('/user/username' => 'bob');
    is_deeply session($bob), {aal => 2, amr => '["pwd", "otp", "mfa"]'}, 'of two kinds';
    $t->get_ok('/auth/me' => $t->bearer($t->tx->res->json))->status_is(200);
    verify($token, code => code($bob->{secret}))->problem_is(401, 'invalid_code', 'once');
    verify(asked('bob'), code => code($bob->{secret}, -1))
        ->problem_is(401, 'invalid_code', 'nor an earlier one');
    verify(asked('bob'), code => code($bob->{secret}, 1))->status_is(200, 'but a later one');
};

subtest 'another password ends the token' => sub {
    my $carl  = guarded('carl');
    my $token = asked('carl');
    $t->put_ok('/auth/me/password' => $t->bearer($carl) => json =>
        {current_password => $good, new_password => "$good!"})->status_is(204);
    verify($token, code => code($carl->{secret}))->problem_is(400, 'invalid_token');
    my $other = guarded('cleo');
    login('carl', "$good!")->problem_is(401, 'mfa_required');
    verify($t->tx->res->json->{mfa_token}, code => code($other->{secret}))
        ->problem_is(401, 'invalid_code', "another account's code");

    my $dean = guarded('dean');
    $token = asked('dean');
    my $send = sub { $t->ua->post_p('/auth/mfa/verify' => json =>
        {mfa_token => $token, code => code($dean->{secret})}) };
    for my $change (q{password_hash = password_hash || ' '}, 'is_active = false') {
        my ($res) = meanwhile(dean => [$send], "UPDATE autoflow.users SET $change WHERE id = ?");
        is $res->json->{code}, 'invalid_code', "$change, while the code is compared";
        $t->db->do('UPDATE autoflow.users SET password_hash = rtrim(password_hash)');
    }
    verify($token, code => code($dean->{secret}))
        ->problem_is(400, 'invalid_token', 'and so does being disabled');
    $t->db->do('UPDATE autoflow.users SET is_active = true');
    verify($token, code => code($dean->{secret}))->status_is(200, 'as long as it lasts');
};

subtest 'recovery codes' => sub {
    my $dora  = guarded('dora');
    my $first = $dora->{codes}[0];
    verify(asked('dora'), recovery_code => 'AAAA-AAAA-AAAA-AAAA')->problem_is(401, 'invalid_code');
    verify(asked('dora'), recovery_code => 'nonsense')->problem_is(401, 'invalid_code');
    verify(asked('dora'), recovery_code => lc $first =~ s/-/ /gr)->status_is(200);
    my $tokens = $t->tx->res->json;
    verify(asked('dora'), recovery_code => $first)->problem_is(401, 'invalid_code', 'once');
    $t->get_ok('/auth/mfa/factors' => $t->bearer($tokens))->json_is('/recovery_codes' => 9);
    $t->post_ok('/auth/mfa/recovery-codes' => $t->bearer($tokens))->status_is(200);
    my $codes = $t->tx->res->json->{recovery_codes};
    verify(asked('dora'), recovery_code => $dora->{codes}[1])
        ->problem_is(401, 'invalid_code', 'those before are gone');
    verify(asked('dora'), recovery_code => $codes->[9])->status_is(200);
    $mails->all_sent;
    is scalar(grep { /recovery code/ } $mails->read('dora@example.com')), 3, 'each is mailed';
};

subtest 'wrong codes' => sub {
    my $emma  = guarded('emma');
    my $token = asked('emma');
    verify($token, code => wrong($emma->{secret}))->problem_is(401, 'invalid_code') for 1 .. 5;
    verify($token, code => code($emma->{secret}))->problem_is(429, 'too_many_attempts', 'a pause');
    cmp_ok $t->tx->res->headers->header('Retry-After'), '<=', 60, 'of a minute';
    verify(asked('emma'), code => code($emma->{secret}))
        ->problem_is(429, 'too_many_attempts', 'a right password changes nothing');
    verify($token, recovery_code => $emma->{codes}[0])->status_is(200, 'a recovery code is good');
    verify($token, code => code($emma->{secret}))->status_is(200, 'and ends the pause');

    unused('emma');
    verify($token, code => wrong($emma->{secret}))->problem_is(401, 'invalid_code') for 1 .. 5;
    pause_over($emma);
    verify($token, code => wrong($emma->{secret}))->problem_is(401, 'invalid_code', 'one more');
    verify($token, code => code($emma->{secret}))->problem_is(429, 'too_many_attempts');
    cmp_ok $t->tx->res->headers->header('Retry-After'), '>', 60, 'the next pause is longer';
    pause_over($emma);
    verify($token, code => code($emma->{secret}))->status_is(200);
    is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.failed_attempts
        WHERE kind = 'code' AND account = ?}, {}, $emma->{user}{id}), 0, 'all is forgotten';
};

subtest 'one code at once' => sub {
    my $finn  = guarded('finn');
    my $token = asked('finn');
    my $code  = code($finn->{secret});
    my %statuses;
    my @sent = map { $t->ua->post_p('/auth/mfa/verify' => json =>
        {mfa_token => $token, code => $code}) } 1 .. 32;
    Mojo::Promise->all(@sent)->then(sub { $statuses{$_->[0]->res->code}++ for @_ })->wait;
    is $statuses{200}, 1, 'one of them logs in' or diag explain \%statuses;
    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.sessions WHERE user_id = ?
        AND aal = 2 AND created_at > (SELECT confirmed_at FROM autoflow.factors
        WHERE user_id = sessions.user_id)', {}, $finn->{user}{id}), 1, 'once';

    unused('finn');
    pause_over($finn);
    my $request = sub {
        $t->ua->post_p('/auth/mfa/verify' => json => {mfa_token => $token, code => $code});
    };
    is_deeply [map { $_->code } meanwhile(finn => [$request, $request])], [200, 401],
        'of two that were both right';
};

subtest 'wrong codes at once' => sub {
    my $gina  = guarded('gina');
    my $token = asked('gina');
    my %statuses;
    my @sent = map { $t->ua->post_p('/auth/mfa/verify' => json =>
        {mfa_token => $token, code => wrong($gina->{secret})}) } 1 .. 32;
    Mojo::Promise->all(@sent)->then(sub { $statuses{$_->[0]->res->code}++ for @_ })->wait;
    is_deeply \%statuses, {401 => 5, 429 => 27}, 'only five learn that they are';

    my $fifth = q{UPDATE autoflow.failed_attempts SET failures = 5,
        ends_at = now() + interval '7 days 1 minute' WHERE account = ? AND kind = 'code'};
    my $send = sub ($code) {
        pause_over($gina);
        my ($res) = meanwhile(gina => [sub {
            $t->ua->post_p('/auth/mfa/verify' => json => {mfa_token => $token, code => $code});
        }], $fifth);
        return $res->code;
    };
    is $send->(wrong($gina->{secret})), 429, 'and none that comes too late';
    is $send->(code($gina->{secret})), 429, 'nor is a right one good then';
};

subtest 'who has a factor must have given it' => sub {
    my $hugo  = account('hugo');
    login('hugo')->status_is(200);
    my $weak  = $t->tx->res->json;
    my $added = add($hugo);
    my $late  = add($weak, 'late');
    confirm($hugo, $added)->status_is(200);
    my $factor = "/auth/mfa/factors/$added->{factor}{id}";
    confirm($weak, $late)->problem_is(401, 'reauthentication_required');
    $t->post_ok('/auth/mfa/factors' => $t->bearer($weak) => json =>
        {name => 'x'})->problem_is(401, 'reauthentication_required');
    $t->delete_ok($factor => $t->bearer($weak))->problem_is(401, 'reauthentication_required');
    $t->post_ok('/auth/mfa/recovery-codes' => $t->bearer($weak))
        ->problem_is(401, 'reauthentication_required');

    my $other = account('ida');
    $t->delete_ok($factor => $t->bearer($other))->status_is(404, "not another's");
    $t->patch_ok($factor => $t->bearer($other) => json => {name => 'x'})->status_is(404);
    $t->patch_ok($factor => $t->bearer($hugo) => json => {name => 'old phone'})->status_is(200)
        ->json_is('/name' => 'old phone');
    $t->delete_ok($factor => $t->bearer($hugo))->status_is(204);
    login('hugo')->status_is(200, 'without a factor a password is enough');
    $t->get_ok('/auth/mfa/factors' => $t->bearer($hugo))->json_is('/recovery_codes' => 0);
    $mails->all_sent;
    is scalar(grep { /was removed/ } $mails->read('hugo@example.com')), 1, 'the owner is told';
};

subtest 'a factor that is confirmed while somebody logs in' => sub {
    my $jane  = account('jane');
    my $added = add($jane);
    my ($res) = meanwhile(jane => [sub {
        $t->ua->post_p('/auth/login' => json => {username => 'jane', password => $good});
    }], 'UPDATE autoflow.factors SET confirmed_at = now() WHERE user_id = ?');
    is $res->json->{code}, 'mfa_required', 'is asked for';
    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.factors WHERE id = ?
        AND confirmed_at IS NOT NULL', {}, $added->{factor}{id}), 1;

    my $weak = account('jim');
    add($weak, 'of the owner');
    my %request = (json => {name => 'of a thief', current_password => $good});
    ($res) = meanwhile(jim => [sub {
        $t->ua->post_p('/auth/mfa/factors' => $t->bearer($weak) => %request);
    }], 'UPDATE autoflow.factors SET confirmed_at = now() WHERE user_id = ?');
    is $res->json->{code}, 'reauthentication_required', 'nor is another one added without it';
};

subtest 'twenty factors' => sub {
    my $kate = account('kate');
    $t->db->do(q{INSERT INTO autoflow.factors (user_id, kind, name, sealed_seed, created_at)
        SELECT ?, 'totp', 'n', 'x', now() - interval '2 hours' FROM generate_series(1, 20)}, {},
        $kate->{user}{id});
    $t->db->do(q{INSERT INTO autoflow.factors (user_id, kind, name, sealed_seed)
        SELECT ?, 'totp', 'n', 'x' FROM generate_series(1, 19)}, {}, $kate->{user}{id});
    my $last = add($kate);
    $t->post_ok('/auth/mfa/factors' => $t->bearer($kate) => json =>
        {name => 'x'})->problem_is(409, 'limit_reached');
    $t->post_ok('/auth/mfa/factors' => $t->bearer($kate) => json =>
        {name => $_})->problem_is(422, 'validation_failed')
        for '', 'x' x 101;
    $t->patch_ok("/auth/mfa/factors/$last->{factor}{id}" => $t->bearer($kate) => json =>
        {name => 'x' x 100})->status_is(200);
    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.factors WHERE user_id = ?', {},
        $kate->{user}{id}), 20, 'what nobody has confirmed in an hour is gone';
};

subtest 'notices about factors' => sub {
    my $nina = guarded('nina');
    my $sent = sub ($kind) {
        $t->db->selectrow_array('SELECT count(*) FROM autoflow.outbox
            WHERE user_id = ? AND kind = ?', {}, $nina->{user}{id}, $kind);
    };
    my $codes = sub {
        $t->post_ok('/auth/mfa/recovery-codes' => $t->bearer($nina))->status_is(200);
    };
    $codes->() for 1 .. 11;
    is $sent->('recovery_codes'), 10, 'ten of a kind an hour';
    confirm($nina, add($nina, 'tablet'))->status_is(200);
    is $sent->('factor_added'), 2, 'which leaves the others alone';
    $mails->elapse('61 minutes');
    $codes->();
    is $sent->('recovery_codes'), 11, 'an hour later there are more';
};

subtest 'a superuser, a deleted account, and an address that is claimed' => sub {
    my $root = $t->superuser(account('root'));
    my $lena = guarded('lena');
    my $path = "/auth/users/$lena->{user}{id}/factors";
    $t->delete_ok($path => $t->bearer($lena))->status_is(403);
    $t->delete_ok($path => $t->bearer($root))->status_is(204);
    login('lena')->status_is(200, 'factors that are lost are removed by a superuser');
    $mails->all_sent;
    is scalar(grep { /was removed/ } $mails->read('lena@example.com')), 1, 'the owner is told';

    my $olaf = $t->superuser(account('olaf'));
    my $weak = {%$olaf};
    confirm($olaf, add($olaf))->status_is(200);
    for my $id ($olaf->{user}{id}, uc $olaf->{user}{id}) {
        $t->delete_ok("/auth/users/$id/factors" => $t->bearer($weak))
            ->problem_is(401, 'reauthentication_required', "one's own take one of them")
            ->header_like('WWW-Authenticate' => qr/acr_values="aal2", max_age="600"/);
    }
    $t->delete_ok("/auth/users/$olaf->{user}{id}/factors" => $t->bearer($olaf))->status_is(204);

    my $mona = guarded('mona');
    $t->delete_ok('/auth/me' => $t->bearer($mona))->status_is(204);

    my $nora = guarded('nora');
    my $reset = forgotten('nora');
    $t->post_ok('/auth/reset-password' => json => {token => $reset, new_password => "$good!"})
        ->status_is(204);
    login('nora', "$good!")->status_is(200, 'somebody else may have added it before');

    my $olga = guarded('olga');
    $t->db->do(q{UPDATE autoflow.users SET email_verified = true WHERE username = 'olga'});
    $reset = forgotten('olga');
    $t->post_ok('/auth/reset-password' => json => {token => $reset, new_password => "$good!"})
        ->status_is(204);
    login('olga', "$good!")->problem_is(401, 'mfa_required', 'a mail replaces a password alone');

    is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.factors f JOIN autoflow.users u
        ON u.id = user_id WHERE username IN ('lena', 'mona', 'nora')}), 0, 'nothing is left';
    is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.recovery_codes c
        JOIN autoflow.users u ON u.id = user_id WHERE username IN ('lena', 'mona', 'nora')}), 0;
};

subtest 'seeds that nothing opens' => sub {
    my ($pia, $quinn) = map { guarded($_) } qw(pia quinn);
    $t->db->do(q{UPDATE autoflow.factors f SET sealed_seed = other.sealed_seed
        FROM autoflow.factors other WHERE f.user_id = ? AND other.user_id = ?}, {},
        map { $_->{user}{id} } $pia, $quinn);
    verify(asked('pia'), code => code($quinn->{secret}))->problem_is(503, 'codes_unavailable',
        "a seed is of no use in another account's row");

    my $seal = sub { $t->db->selectrow_array('SELECT left(sealed_seed, 13) FROM
        autoflow.factors WHERE user_id = ?', {}, $quinn->{user}{id}) };
    my $former = $seal->();
    $t->job_off('seals');
    $t->settings->{autoflow_seal_key} =
        join '; autoflow_seal_key ', map { 'hex:' . $_ x 32 } qw(b2 a1);
    $t->reload->ready;
    is $seal->(), $former, 'with another key it is what it was';
    verify(asked('quinn'), code => code($quinn->{secret}))->status_is(200);
    isnt $seal->(), $former, 'until it is used';
    $t->settings->{autoflow_seal_key} = 'hex:' . 'b2' x 32;
    $t->reload->ready;
    unused('quinn');
    verify(asked('quinn'), code => code($quinn->{secret}))->status_is(200);
    unused('quinn');

    $t->settings->{autoflow_seal_key} .= ' use=open';
    $t->settings->{autoflow_cookies} = 'on';
    $t->reload->ready;
    $t->post_ok('/auth/mfa/factors' => $t->bearer($quinn) => json =>
        {name => 'x'})->problem_is(409, 'mfa_off', 'no key seals');
    my $token = asked('quinn');
    $t->header_is('Set-Cookie' => undef, 'no cookie before the factor');
    verify($token, code => code($quinn->{secret}))->status_is(200, 'but it opens');
    is scalar(grep { /^[\w-]*af_(?:access|refresh|csrf)=[^;]/ }
        @{$t->tx->res->headers->every_header('Set-Cookie')}), 3, 'in cookies, too';
};

done_testing;
