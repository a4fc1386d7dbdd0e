# How, and when, somebody was authenticated: what tokens say of it,
# autoflow_require aal= and fresh=, and POST /auth/reauth.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(decode_json);
use Mojo::Util qw(b64_decode);
use Test::Autoflow;
use Test::Autoflow::Visitor;
use Test::More;

my $good = 'correct horse battery staple';
my %common = (
    settings => {autoflow_registration => 'open', autoflow_leeway => '30s',
        autoflow_pages_dir => "$Test::Autoflow::root/pages"},
    server => q{
        autoflow_cookies on;
        autoflow_login /account/sign-in confirm=/account/confirm;
        location /account/ { autoflow_pages; }
        location /site/ {
            autoflow_auth on;
            add_header X-Status $autoflow_status always;
            error_page 404 =200 /fine;
            location /site/any/ { error_page 404 =200 /fine; }
            location /site/fresh/ { autoflow_require fresh=10m; error_page 404 =200 /fine; }
            location /site/aal1/ { autoflow_require aal=1; error_page 404 =200 /fine; }
            location /site/aal2/ { autoflow_require aal=2; error_page 404 =200 /fine; }
            location /site/both/ {
                autoflow_require fresh=1h aal=1; autoflow_require aal=2 fresh=10m error=403;
                error_page 404 =200 /fine;
            }
            location /site/role/ {
                autoflow_require fresh=10m role=admin; error_page 404 =200 /fine;
            }
        }
        location = /fine { return 200 fine; }
        location = /verify { autoflow_verify redirect; autoflow_require fresh=10m; }
        location /asked/ { auth_request /verify; error_page 404 =200 /fine; }
    },
);
my $t   = Test::Autoflow->new(%common)->start;
my $two = Test::Autoflow->new(%common, beside => $t, settings => {%{$t->settings}})->start;

my %browser = ('Sec-Fetch-Mode' => 'navigate', 'Sec-Fetch-Dest' => 'document');
my %account = (email => 'ada@example.com', password => $good);

sub claims ($pair) {
    return decode_json(b64_decode((split /\./, $pair->{access_token})[1] =~ tr{-_}{+/}r));
}

sub said ($pair) { my $claims = claims($pair); return [@$claims{qw(amr aal)}] }

sub login ($node = $t) {
    return $node->post_ok('/auth/login' => json => \%account)->status_is(200)->tx->res->json;
}

sub refresh ($pair) {
    return $t->post_ok('/auth/refresh' => json => {refresh_token => $pair->{refresh_token}})
        ->status_is(200)->tx->res->json;
}

# everyone was last authenticated some seconds earlier
sub age ($seconds) {
    $t->db->do(q{UPDATE autoflow.sessions
        SET authenticated_at = authenticated_at - ? * interval '1 second'}, {}, $seconds);
}

sub insufficient ($path, $pair, $params, $node = $t) {
    $node->get_ok($path => $node->bearer($pair))->status_is(401, $path)
        ->header_is('WWW-Authenticate' => 'Bearer realm="autoflow", '
            . 'error="insufficient_user_authentication", '
            . "error_description=\"reauthentication_required\", $params");
}

subtest 'what tokens say' => sub {
    my $before = int $t->db->selectrow_array('SELECT extract(epoch FROM now())');
    my $pair   = $t->register(%account);
    my $claims = claims($pair);
    cmp_ok $claims->{auth_time}, '>=', $before, 'when';
    cmp_ok $claims->{auth_time}, '<=', $claims->{iat}, 'not later than the token';
    is_deeply said($pair), [['pwd'], 1], 'by a password, after a registration';
    $pair = login();
    is_deeply said($pair), [['pwd'], 1], 'after a login';

    age(3000);
    my $then = claims($pair)->{auth_time} - 3000;
    for (1 .. 3) {
        $pair = refresh($pair);
        is claims($pair)->{auth_time}, $then, 'a refresh proves nothing';
    }
    is_deeply said($pair), [['pwd'], 1], 'and tells how it was';

    $t->get_ok('/auth/sessions' => $t->bearer($pair))->status_is(200)
        ->json_is('/data/0/amr' => ['pwd'])->json_is('/data/0/aal' => 1)
        ->json_like('/data/0/authenticated_at' => qr/^\d{4}-/);

    $t->db->do('UPDATE autoflow.sessions SET authenticated_at = NULL, amr = NULL, aal = NULL');
    $pair = refresh($pair);
    is_deeply said($pair), [['pwd'], 1], 'a session of before';
    is claims($pair)->{auth_time}, $t->db->selectrow_array('SELECT floor(extract(epoch
        FROM created_at)) FROM autoflow.sessions WHERE id = ?', {}, claims($pair)->{sid}),
        'was opened by a password';
};

subtest 'what locations require' => sub {
    my $pair = login();
    $t->get_ok($_ => $t->bearer($pair))->status_is(200, $_)
        for '/site/any/', '/site/fresh/', '/site/aal1/', '/asked/x';
    insufficient('/site/aal2/', $pair, 'acr_values="aal2"');
    $t->header_is('X-Status' => 'insufficient');
    insufficient('/site/both/', $pair, 'acr_values="aal2", max_age="600"');
    $t->get_ok('/site/role/' => $t->bearer($pair))->status_is(403, 'no proof is a role');

    age(3000);
    $pair = refresh($pair);
    for my $node ($t, $two) {
        $node->get_ok('/site/any/' => $node->bearer($pair))->status_is(200);
        insufficient('/site/fresh/', $pair, 'max_age="600"', $node);
        insufficient($_, $pair, 'max_age="600"', $node) for '/verify', '/asked/x';
        $node->get_ok('/site/role/' => $node->bearer($pair))->status_is(403);
    }

    $t->get_ok('/site/fresh/' => {Authorization => 'Bearer x'})->status_is(401)
        ->header_like('WWW-Authenticate' => qr/"invalid_token"/);
    $t->get_ok('/site/fresh/')->status_is(401)
        ->header_is('WWW-Authenticate' => 'Bearer realm="autoflow"');
};

subtest 'at its edges' => sub {
    my $claims = claims(login());
    my $got    = sub ($path, $status, $name, %claims) {
        my $token = $t->token({%$claims, iat => int time, exp => time + 600, %claims});
        $t->get_ok($path => $t->bearer($token))->status_is($status, $name);
    };
    my $now = int time;
    $got->('/site/fresh/', 200, 'ten minutes', auth_time => $now - 599);
    $got->('/site/fresh/', 401, 'and the leeway', auth_time => $now - 631);
    $got->('/site/fresh/', 200, 'a clock that is ahead', auth_time => $now + 20);
    for my $none (undef, 0, -1, "$now", 1e300, [$now], {}) {
        $got->('/site/fresh/', 401, 'no time', auth_time => $none);
    }
    $got->('/site/aal2/', 200, 'a second level', aal => 2);
    $got->('/site/aal2/', 401, 'no level', aal => $_) for undef, 0, 3, 6, -2, '2', [2], 2.5;
    $got->('/site/aal1/', 401, 'of the former module', aal => undef);
    $got->('/site/both/', 200, 'both', aal => 2, mfa_time => $now);
    $got->('/site/both/', 401, 'a password alone', aal => 2, mfa_time => $_)
        for undef, $now - 631, "$now";
    $got->('/site/fresh/', 401, 'a token that is not ours', epoch => undef);
};

subtest 'a time to come' => sub {
    my $now  = int time;
    my $pair = login();
    my %claims = %{claims($pair)};
    my $fresh = sub ($status, $name, $token) {
        $t->get_ok('/site/fresh/' => $t->bearer($token))->status_is($status, $name);
    };
    $fresh->(200, 'within the leeway',
        $t->token({%claims, iat => $now, exp => $now + 600, auth_time => $now + 20}));
    $fresh->(401, 'not within it',
        $t->token({%claims, iat => $now, exp => $now + 600, auth_time => $now + $_}))
        for 60, 3600, 1e9, 2**53;

    age(-30);
    $pair = refresh($pair);
    my $at = claims($pair)->{auth_time};
    cmp_ok $at, '>=', $now, 'a clock that is a little ahead';
    cmp_ok $at, '<=', time, 'but no later than this node knows';
    $fresh->(200, 'is fresh', $pair);

    for my $ahead (90, 3600) {
        my $ends = sub ($pair, $name) {
            cmp_ok claims($pair)->{auth_time}, '<=', 0, "$name, $ahead seconds ahead: nobody knows";
            $fresh->(401, 'which is not fresh', $pair);
            ok $t->db->selectrow_array('SELECT autoflow.proof_time(s) <= to_timestamp(0)
                FROM autoflow.sessions s WHERE id = ?', {}, claims($pair)->{sid}),
                'for any statement';
        };
        $pair = login();
        age(-$ahead);
        $ends->($pair = refresh($pair), 'a refresh');
        age($ahead + 60);
        $ends->($pair = refresh($pair), 'when that time has come');
        $pair = $t->post_ok('/auth/reauth' => $t->bearer($pair)
            => json => {current_password => $good})->status_is(200)->tx->res->json;
        $fresh->(200, 'until there is a proof', $pair);
    }

    $pair = login();
    $t->db->do(q{UPDATE autoflow.sessions SET authenticated_at = NULL,
        created_at = created_at + interval '1 hour' WHERE id = ?}, {}, claims($pair)->{sid});
    is claims($pair = refresh($pair))->{auth_time}, 0, 'one that was opened so';
};

subtest 'POST /auth/reauth' => sub {
    my $pair = login();
    my $sid  = claims($pair)->{sid};
    age(3000);
    $pair = refresh($pair);
    insufficient('/site/fresh/', $pair, 'max_age="600"');

    my $proves = sub ($body, $node = $t) {
        return $node->post_ok('/auth/reauth' => $node->bearer($pair) => json => $body);
    };
    $t->post_ok('/auth/reauth' => json => {current_password => $good})
        ->problem_is(401, 'token_required');
    $proves->({})->problem_is(422, 'validation_failed');
    $proves->({current_password => 'wrong'})->problem_is(403, 'wrong_password');
    my $then = claims($pair)->{auth_time};
    $pair = refresh($pair);
    is claims($pair)->{auth_time}, $then, 'which is no proof';
    insufficient('/site/fresh/', $pair, 'max_age="600"');

    my $new = $proves->({current_password => $good}, $two)->status_is(200)->tx->res->json;
    is_deeply [sort keys %$new], [qw(access_token expires_in token_type)], 'an access token';
    is claims($new)->{sid}, $sid, 'of the same session';
    is_deeply said($new), [['pwd'], 1], 'by the same method';
    $_->get_ok('/site/fresh/' => $_->bearer($new))->status_is(200, 'is fresh') for $t, $two;
    insufficient('/site/fresh/', $pair, 'max_age="600"');
    is claims(refresh($pair))->{auth_time}, claims($new)->{auth_time}, 'as what follows';
    is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.audit_events
        WHERE action = 'reauthenticated' AND details ->> 'session_id' = ?}, {}, $sid), 1,
        'audited';

    $t->db->do(q{UPDATE autoflow.sessions SET expires_at = now() WHERE id = ?}, {}, $sid);
    $proves->({current_password => $good})->problem_is(401, 'invalid_token');
};

subtest 'a browser' => sub {
    my $v = Test::Autoflow::Visitor->new(t => $t, base => '/account/');
    $v->get('sign-in')->submit(\%account);
    my $cookies = sub {
        return (Cookie => join '; ', map { "$_=$v->{cookies}{$_}" } keys %{$v->cookies});
    };
    $t->get_ok('/site/fresh/a?b' => {%browser, $cookies->()})->status_is(200, 'just signed in');
    age(3000);
    delete $v->cookies->{af_access};    # the next page renews it
    $v->get('profile')->is(200);
    $t->get_ok('/site/any/' => {%browser, $cookies->()})->status_is(200);
    $t->get_ok('/site/fresh/a?b' => {%browser, $cookies->()})->status_is(302)
        ->header_is(Location => '/account/confirm?return=%2Fsite%2Ffresh%2Fa%3Fb');
    $t->get_ok('/site/fresh/a' => {$cookies->()})->status_is(401, 'a script');
    $t->get_ok("/site/$_/" => {%browser, $cookies->()})->status_is(302)
        ->header_is(Location => "/account/confirm?aal=2&return=%2Fsite%2F$_%2F")
        for 'aal2', 'both';
    $t->get_ok('/verify' => {%browser, $cookies->(), 'X-Forwarded-Method' => 'GET',
        'X-Forwarded-Proto' => 'http', 'X-Forwarded-Host' => '127.0.0.1:' . $t->port,
        'X-Forwarded-Uri' => '/x'})->status_is(302)
        ->header_like(Location => qr{^/account/confirm\?return=});

    $v->get('confirm?return=%2Fsite%2Ffresh%2Fa%3Fb')->submit({current_password => 'no'})->is(403);
    $t->get_ok('/site/fresh/a?b' => {%browser, $cookies->()})->status_is(302, 'wrong');
    $v->submit({current_password => $good})->leads_to('/site/fresh/a?b');
    $t->get_ok('/site/fresh/a?b' => {%browser, $cookies->()})->status_is(200, 'and back');

    delete $v->cookies->{af_access};    # each location renews it
    age(-3600);
    $t->get_ok('/site/any/' => {%browser, $cookies->()})->status_is(200);
    age(3660);
    $_->get_ok('/site/fresh/a' => {%browser, $cookies->()})
        ->status_is(302, 'what was proved in the future') for $t, $two;
};

done_testing;
