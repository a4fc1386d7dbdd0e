# Another proof by a code of a second factor: what POST /auth/reauth makes of it,
# and what autoflow_require aal=2 fresh= requires.

use Mojo::Base -strict, -signatures;
use Mojo::Promise;
use Test::Autoflow;
use Test::Autoflow::Factors;
use Test::Autoflow::Maildir;
use Test::More;

my $good  = 'correct horse battery staple';
my $t     = Test::Autoflow->new(clock => 1, server => q{
    autoflow_cookies on;
    location /site/ {
        autoflow_auth on;
        location /site/fresh/ { autoflow_require fresh=10m; error_page 404 =200 /fine; }
        location /site/aal2/ { autoflow_require aal=2; error_page 404 =200 /fine; }
        location /site/both/ { autoflow_require fresh=10m aal=2; error_page 404 =200 /fine; }
        location /site/apart/ {
            autoflow_require aal=2; autoflow_require fresh=10m; error_page 404 =200 /fine;
        }
    }
    location = /fine { return 200 fine; }
});
my $mails = Test::Autoflow::Maildir->new(t => $t);
$mails->configure(autoflow_seal_key => 'hex:' . 'a1' x 32);
$t->start->hold;
factors_at($t);

sub may ($pair, %expected) {
    for my $place (sort keys %expected) {
        $t->get_ok("/site/$place/" => $t->bearer($pair))->status_is($expected{$place}, $place);
    }
}

sub events ($user, $action) {
    return $t->db->selectcol_arrayref(q{SELECT details::text FROM autoflow.audit_events
        WHERE action = ? AND target_id = ? ORDER BY id}, {}, $action, $user->{user}{id});
}

my $level2 = qr/insufficient_user_authentication.*acr_values="aal2", max_age="600"/;


subtest 'a password makes no second factor fresh' => sub {
    my $ada  = guarded('ada');
    my $pair = verify(asked('ada'), code => code($ada->{secret}))->status_is(200)->tx->res->json;
    is claims($pair)->{mfa_time}, claims($pair)->{auth_time}, 'a login gives both';
    may($pair, fresh => 200, aal2 => 200, both => 200, apart => 200);

    age(3000);
    $pair = refresh($pair);
    may($pair, fresh => 401, aal2 => 200, both => 401, apart => 401);
    my $then = claims($pair)->{mfa_time};

    my $new = prove($pair, current_password => $good)->status_is(200)->tx->res->json;
    # the node's clock stands still
    cmp_ok abs(claims($new)->{mfa_time} - $then), '<', 60,
        'a password changes nothing about the code';
    is claims($new)->{aal}, 2, 'which was given nevertheless';
    may($new, fresh => 200, aal2 => 200, both => 401, apart => 401);
    $t->get_ok('/site/both/' => $t->bearer($new))->header_like('WWW-Authenticate' => $level2);

    unused('ada');
    $new = prove($new, code => code($ada->{secret}))->status_is(200)->tx->res->json;
    cmp_ok claims($new)->{mfa_time}, '>', $then, 'but a code does';
    may($new, fresh => 200, aal2 => 200, both => 200, apart => 200);
    may($pair, both => 401);
    is claims(refresh($pair))->{mfa_time}, claims($new)->{mfa_time}, 'and remains so';
};

subtest 'a session of before the factor' => sub {
    my $weak = account('bob');
    my $other = login('bob')->status_is(200)->tx->res->json;
    is claims($weak)->{mfa_time}, undef, 'has no such time';
    my $added = add($weak);
    confirm($weak, $added)->status_is(200);
    my $codes = $t->tx->res->json->{recovery_codes};
    unused('bob');
    may($other, fresh => 200, aal2 => 401, both => 401);
    my $new = prove($other, code => code($added->{secret}))->status_is(200)->tx->res->json;
    is_deeply [@{claims($new)}{qw(amr aal)}], [[qw(pwd otp mfa)], 2], 'becomes one of two';
    may($new, fresh => 200, aal2 => 200, both => 200);
    is scalar(grep { /$added->{factor}{id}/ && /"totp"/ } @{events($weak, 'reauthenticated')}), 1,
        'audited, with the factor';
    $t->get_ok('/auth/mfa/factors' => $t->bearer($new))->status_is(200)
        ->json_like('/factors/0/last_used_at' => qr/^\d/);
    prove($other, code => code($added->{secret}))->problem_is(403, 'invalid_code', 'once');
    verify(asked('bob'), code => code($added->{secret}))
        ->problem_is(401, 'invalid_code', 'at a login, too');

    age(3000);
    $new = prove(refresh($other), recovery_code => lc $codes->[3])->status_is(200)->tx->res->json;
    may($new, both => 200);
    prove($other, recovery_code => $codes->[3])->problem_is(403, 'invalid_code', 'once');
    $mails->all_sent;
    is scalar(grep { /recovery code/ } $mails->read('bob@example.com')), 1, 'and mailed';
};

subtest 'what is no proof' => sub {
    my ($cleo, $carl) = (guarded('cleo'), account('carl'));
    prove($carl)->errors_are({current_password => 'required'});
    prove($carl, current_password => $good, code => '000000')->errors_are({code => 'ambiguous'});
    prove($carl, code => '1', recovery_code => '1')->errors_are({recovery_code => 'ambiguous'});
    prove($carl, code => code($cleo->{secret}))->problem_is(403, 'invalid_code', "another's");
    prove($carl, recovery_code => $cleo->{codes}[0])->problem_is(403, 'invalid_code');
    my $added = add($carl);
    prove($carl, code => code($added->{secret}))
        ->problem_is(403, 'invalid_code', 'of a factor that nobody has confirmed');
    $t->db->do('UPDATE autoflow.sessions SET expires_at = now() WHERE user_id = ?', {},
        $cleo->{user}{id});
    prove($cleo, code => code($cleo->{secret}))->problem_is(401, 'invalid_token', 'a session ends');
};

subtest 'wrong codes count in the row of the account' => sub {
    my $dora  = guarded('dora');
    my $token = asked('dora');
    prove($dora, code => wrong($dora->{secret}))->problem_is(403, 'invalid_code') for 1 .. 3;
    verify($token, code => wrong($dora->{secret}))->problem_is(401, 'invalid_code') for 1 .. 2;
    prove($dora, code => code($dora->{secret}))->problem_is(429, 'too_many_attempts', 'a pause');
    cmp_ok $t->tx->res->headers->header('Retry-After'), '<=', 60, 'of a minute';
    verify($token, code => code($dora->{secret}))->problem_is(429, 'too_many_attempts');
    is scalar @{events($dora, 'reauthentication_failed')}, 3, 'audited as what they are';
    is scalar @{events($dora, 'login_failed')}, 2;
    prove($dora, recovery_code => $dora->{codes}[0])->status_is(200, 'a recovery code is good');
    prove($dora, code => code($dora->{secret}))->status_is(200, 'and ends the pause');
};

subtest 'one code at once' => sub {
    my $emma = guarded('emma');
    my $code = code($emma->{secret});
    my %statuses;
    my @sent = map { $t->ua->post_p('/auth/reauth' => $t->bearer($emma) => json =>
        {code => $code}) } 1 .. 32;
    Mojo::Promise->all(@sent)->then(sub { $statuses{$_->[0]->res->code}++ for @_ })->wait;
    is $statuses{200}, 1, 'one of them is a proof' or diag explain \%statuses;

    unused('emma');
    pause_over($emma);
    my $request = sub { $t->ua->post_p('/auth/reauth' => $t->bearer($emma) => json =>
        {code => $code}) };
    is_deeply [map { $_->code } meanwhile(emma => [$request, $request])], [200, 403],
        'of two that were both right';
};

subtest 'the cookies of another session' => sub {
    my ($finn, $gina) = map { account($_) } qw(finn gina);
    my $in = sub ($pair) {
        return join '; ', "af_access=$pair->{access_token}", "af_refresh=$pair->{refresh_token}";
    };
    my $set = sub {
        return grep { /^af_access=/ } @{$t->tx->res->headers->every_header('Set-Cookie')};
    };
    my $reauth = sub (%headers) {
        $t->post_ok('/auth/reauth' => {Origin => $t->url('') =~ s{/$}{}r, %headers} => json =>
            {current_password => $good})->status_is(200);
        return $t->tx->res->json;
    };
    my $new = $reauth->(%{$t->bearer($finn)}, Cookie => $in->($gina));
    is claims($new)->{sub}, $finn->{user}{id}, 'a token beside them';
    is scalar $set->(), 0, 'leaves them alone';
    $reauth->(%{$t->bearer($finn)}, Cookie => $in->($finn));
    is scalar $set->(), 1, 'those of its own session have the new token, too';
    $reauth->(Cookie => $in->($gina));
    is scalar $set->(), 1, 'as those by which it was asked for';
    $reauth->(%{$t->bearer($finn)});
    is scalar $set->(), 0, 'who has none gets none';
};

done_testing;
