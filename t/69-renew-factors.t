# Renewal by cookie of who must have a second factor: today's policy counts, for
# sessions of before, too.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(true);
use Test::Autoflow;
use Test::Autoflow::Factors;
use Test::Autoflow::Maildir;
use Test::More;

my $good = 'correct horse battery staple';
my $t    = Test::Autoflow->new(clock => 1, server => q{
    autoflow_cookies on;
    location /site/ {
        autoflow_auth on;
        autoflow_login /account/ confirm=/account/confirm;
        error_page 404 =200 /fine;
        location /site/chief/ { autoflow_require superuser; error_page 404 =200 /fine; }
        location /site/both/ { autoflow_require aal=2; error_page 404 =200 /fine; }
        location /site/fresh/ { autoflow_require fresh=10m; error_page 404 =200 /fine; }
        location /site/maybe/ { autoflow_auth optional; error_page 404 =200 /fine; }
    }
    location = /fine { return 200 "$autoflow_email"; }
});
my $mails = Test::Autoflow::Maildir->new(t => $t);
$mails->configure(autoflow_seal_key => 'hex:' . 'a1' x 32);
$t->start->hold;
factors_at($t);

sub policy ($policy) {
    $t->settings->{autoflow_mfa} = $policy;
    $t->reload->ready;
}

sub set {
    return {map { /^(?:\w+-)?af_(\w+)=([^;]+)/ ? ($1 => $2) : () }
        @{$t->tx->res->headers->every_header('Set-Cookie')}};
}

# a browser whose access cookie has expired: results are kept for some seconds
sub visits ($session, $status, $name, $place = 'x') {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $t->pass(11);
    $t->get_ok("/site/$place" => {Accept => 'text/html',
        Cookie => "af_refresh=$session->{refresh}"})->status_is($status, $name);
    my $made = set();
    is !!$made->{access}, $status == 200, 'with a new access token or without';
    is scalar(keys %$made), $status == 200 ? 1 : 0, 'and no other cookie';
    $t->header_is(Location => '/account/?return=%2Fsite%2F' . $place =~ s{/}{%2F}gr)
        if $status == 302;
    return $made->{access} && {access_token => $made->{access}};
}

sub entered ($name, %cookie) {
    login($name, $good, %cookie)->status_is(200);
    return {%{set()}, %{$t->tx->res->json}};
}


subtest 'a policy that is tightened' => sub {
    account('ada');
    my $ben = guarded('ben');
    my $weak = entered('ada');
    verify(asked('ben'), code => code($ben->{secret}))->status_is(200);
    my $strong = {%{set()}, %{$t->tx->res->json}};
    unused('ben');
    visits($weak, 200, 'as long as nobody must');
    policy('required');
    $t->get_ok('/site/x' => $t->bearer($weak))->status_is(200, 'its access token lives on');
    visits($weak, 302, 'but there is no other');
    $t->content_unlike(qr/ada\@/);
    $t->get_ok('/site/x' => {Cookie => "af_refresh=$weak->{refresh}"})->status_is(401);
    $t->get_ok('/site/maybe/x' => {Cookie => "af_refresh=$weak->{refresh}"})->status_is(200)
        ->content_is('', 'nor where it is optional');
    my $claims = claims(visits($strong, 200, 'two factors were given'));
    is_deeply [@$claims{qw(amr aal)}], [[qw(pwd otp mfa)], 2], 'which the new one says';
    is $claims->{$_}, claims($strong)->{$_}, "and since when: $_" for qw(auth_time mfa_time);
    visits($strong, 200, 'where both are needed', 'both/x');
    is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.sessions s JOIN autoflow.users u
        ON u.id = user_id WHERE username = 'ada' AND ended_at IS NULL}), 2, 'nothing has ended';
    policy('optional');
    visits($weak, 200, 'once nobody must again');
};

# of a password alone, as before there was a factor
sub entered_later ($name) {
    policy('optional');
    $t->db->do(q{UPDATE autoflow.factors SET confirmed_at = NULL WHERE user_id =
        (SELECT id FROM autoflow.users WHERE username = ?)}, {}, $name);
    my $session = entered($name);
    $t->db->do(q{UPDATE autoflow.factors SET confirmed_at = now() WHERE user_id =
        (SELECT id FROM autoflow.users WHERE username = ?)}, {}, $name);
    policy('required');
    return $session;
}

subtest 'a session that has given a factor since' => sub {
    account('cleo');
    my $session = entered('cleo');
    confirm($session, add($session))->status_is(200);
    policy('required');
    my $claims = claims(visits($session, 200, 'is one of two'));
    is $claims->{aal}, 2;
    my $late = entered_later('cleo');
    visits($late, 302, 'another one is not');
};

subtest 'a remembered browser' => sub {
    policy('optional remember=30d');
    my $dora = guarded('dora');
    verify(asked('dora'), code => code($dora->{secret}), remember => true)->status_is(200);
    my $device = set()->{device};
    my $session = entered('dora', Cookie => "af_device=$device");
    is_deeply [@{claims($session)}{qw(amr aal)}], [[qw(pwd device)], 1];
    policy('required remember=30d');
    my $claims = claims(visits($session, 200, 'is as good as a factor'));
    is_deeply [@$claims{qw(amr aal mfa_time)}], [[qw(pwd device)], 1, undef], 'but is none';
    $t->pass(11);
    $t->get_ok('/site/both/x' => {Accept => 'text/html',
        Cookie => "af_refresh=$session->{refresh}"})->status_is(302, 'where one is needed')
        ->header_like(Location => qr{^/account/confirm\?aal=2});
    policy('required');
    visits($session, 302, 'as long as browsers are remembered');
    policy('required remember=30d');
    visits($session, 200, 'and are again');
};

subtest 'a superuser, later' => sub {
    policy('optional superuser:required');
    my $emil = account('emil');
    my $session = entered('emil');
    visits($session, 200, 'nobody special');
    my $make = sub ($is) {
        $t->db->do('UPDATE autoflow.users SET is_superuser = ? WHERE username = ?', {}, $is,
            'emil');
        $t->wait_for(sub { $t->ua->get('/site/x' => $t->bearer($session))->res->code == 401 });
    };
    $make->(1);
    visits($session, 302, 'a right that was given since', $_) for 'x', 'chief/x';
    $make->(0);
    visits($session, 200, 'and taken again');
    $make->(1);
    login('emil')->problem_is(401, 'mfa_enrolment_required');
    my $asked = $t->tx->res->json->{enrolment_token};
    $t->post_ok('/auth/mfa/enrol' => json => {enrolment_token => $asked, name => 'x'})
        ->status_is(201);
    my $added = $t->tx->res->json;
    $t->post_ok("/auth/mfa/enrol/$added->{factor}{id}/confirm" => json =>
        {enrolment_token => $asked, code => code($added->{secret})})->status_is(200);
    my $strong = set();
    visits($strong, 200, 'who has set up a factor', 'chief/x');
    visits($session, 302, 'the session of before has not given it', 'chief/x');
};

subtest 'a renewal proves nothing' => sub {
    policy('optional');
    account('fay');
    my $session = entered('fay');
    age(700);
    $t->pass(11);
    $t->get_ok('/site/fresh/x' => {Accept => 'text/html',
        Cookie => "af_refresh=$session->{refresh}"})->status_is(302)
        ->header_like(Location => qr{^/account/confirm\?});
};

done_testing;
