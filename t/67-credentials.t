# Which credential of a request is used, and whose cookies a response expires.

use Mojo::Base -strict, -signatures;
use MIME::Base64 qw(decode_base64url);
use Mojo::JSON qw(decode_json);
use Test::Autoflow;
use Test::More;

my $good = 'correct horse battery staple';
my $echo = q{ proxy_pass http://echo; proxy_set_header X-Session-Id $autoflow_session_id; };

my $t = Test::Autoflow->new(
    settings => {autoflow_environment => 'testing', autoflow_require_https => 'off'},
    server => qq{
        autoflow_cookies on;
        location /app/ { autoflow_auth on; $echo }
        location /maybe/ { autoflow_auth optional; $echo }
        location /bearer/ { autoflow_cookies off; autoflow_auth on; $echo }
        location /ask/ { auth_request /verify; $echo }
        location = /verify { autoflow_verify; }
        location /mine/ { autoflow_auth off token=\$cookie_mine; autoflow_api; }
    },
)->start;

my $own = {Origin => $t->url =~ s{/$}{}r};
my $ada = $t->register(email => 'ada@example.com')->{user}{id};
my $expired = $t->token({exp => time - 10});

# a session: its token pair and id, and its cookies as one header
sub session ($email = 'ada@example.com') {
    $t->post_ok('/auth/login' => json => {email => $email, password => $good})->status_is(200);
    return pair();
}

# those of the last response
sub pair {
    my $pair = $t->tx->res->json;
    my @cookies = map { /^([^=]+=[^;]+);/ ? $1 : () } @{
        $t->tx->res->headers->every_header('Set-Cookie')};
    return {%$pair, id => claims($pair->{access_token})->{sid}, cookies => join '; ', @cookies};
}

sub claims ($token) { return decode_json(decode_base64url((split /\./, $token)[1])) }

sub bearer ($token) { return (Authorization => "Bearer $token") }

sub refresh_cookie (@tokens) {
    return (Cookie => join '; ', map { "__Host-af_refresh=$_" } @tokens) }

sub lives ($session) { return $t->db->selectrow_array('SELECT ended_at IS NULL
    FROM autoflow.sessions WHERE id = ?', undef, $session->{id}) }

sub expires ($name) {
    my @expired = grep { /=; Path=\/; Max-Age=0/ } @{
        $t->tx->res->headers->every_header('Set-Cookie')};
    is_deeply [sort map { s/=.*//r } @expired],
        [qw(__Host-af_access __Host-af_csrf __Host-af_refresh af_csrf)], $name;
}

sub keeps ($name) { $t->header_is('Set-Cookie' => undef, $name) }


subtest 'an access token' => sub {
    my ($a, $b) = (session(), session());
    my %cookies = (Cookie => $a->{cookies});

    for my $path (qw(/app/x /maybe/x /ask/x)) {
        $t->get_ok($path => {%cookies, bearer($b->{access_token})})->status_is(200)
            ->json_is('/session_id' => $b->{id}, "$path: Authorization comes first");
        $t->get_ok($path => {%cookies, bearer($b->{refresh_token})})->status_is(200)
            ->json_is('/session_id' => $a->{id}, 'but not with a token of another kind');
        $t->post_ok($path => {%cookies, bearer($b->{refresh_token})})
            ->status_is(403, 'then a cookie speaks, as it does for any page');
        $t->post_ok($path => {%cookies, %$own, bearer($b->{refresh_token})})->status_is(200);
        $t->get_ok($path => {%cookies, bearer($_)})->status_is(401) for 'x', 'x.y.z',
            'x' x 100, $expired;
        $t->get_ok($path => {bearer($b->{refresh_token})})
            ->status_is(401, 'it is nothing by itself');
    }
    $t->get_ok('/auth/me' => {%cookies, bearer($b->{refresh_token})})->status_is(200);
    $t->get_ok('/auth/me' => {bearer($b->{refresh_token})})->problem_is(401, 'invalid_token');
    $t->get_ok('/bearer/x' => {%cookies, bearer($b->{refresh_token})})
        ->status_is(401, 'where there are no cookies');
};

subtest 'a refresh token' => sub {
    my ($a, $b, $c) = (session(), session(), session());
    my $refresh = sub ($session, $name, %request) {
        $t->post_ok('/auth/refresh' => {%$own, %{$request{headers}}} => $request{body}
            ? (json => {refresh_token => $request{body}}) : ())
            ->status_is(200, $name);
        my $new = pair();
        is $new->{id}, $session->{id}, 'it is of that session';
        %$session = %$new;
    };
    my $cookies = sub { Cookie => $a->{cookies} };
    $refresh->($a, 'an access token in Authorization is none',
        headers => {$cookies->(), bearer($a->{access_token})});
    $refresh->($a, 'nor is another one', headers => {$cookies->(), bearer($_)}) for $expired, 'x';
    $refresh->($b, 'one in Authorization comes before a cookie',
        headers => {$cookies->(), bearer($b->{refresh_token})});
    $refresh->($c, 'one in the body before both',
        headers => {$cookies->(), bearer($b->{refresh_token})}, body => $c->{refresh_token});

    $t->post_ok('/auth/refresh' => {$cookies->(), bearer($a->{access_token})})
        ->problem_is(403, 'csrf_refused', 'a cookie is used');
    $t->post_ok('/auth/refresh' => {$cookies->(), %$own} => json => {refresh_token => 'x'})
        ->problem_is(401, 'invalid_token');
    keeps('cookies that nobody asked');
    $t->post_ok('/auth/refresh' => {bearer($a->{access_token})})->problem_is(401, 'invalid_token');
    $t->post_ok('/auth/refresh' => {%$own})->problem_is(401, 'token_required');
};

subtest 'a logout' => sub {
    my ($a, $b, $c) = (session(), session(), session());
    my %cookies = (Cookie => $a->{cookies});
    my $logout = sub ($headers, $token = undef) {
        $t->post_ok('/auth/logout' => $headers => $token ? (json => {refresh_token => $token})
            : ());
    };
    my $living = sub { is join('', map { lives($_) ? 1 : 0 } $a, $b, $c), $_[0], $_[1] };

    $logout->({%cookies, bearer($b->{access_token})}, $c->{refresh_token})->status_is(204);
    $living->(110, 'by the body');
    keeps('the cookies of another session');
    $logout->({%cookies, bearer($b->{refresh_token})})->status_is(204);
    $living->(100, 'or Authorization, by either kind');
    keeps('the cookies of another session');
    $b = session();
    $logout->({%cookies, bearer($b->{access_token})})->status_is(204);
    $living->(100);
    keeps('those of another session');
    $logout->({%cookies})->problem_is(403, 'csrf_refused');
    $logout->({%cookies, %$own}, 'x')
        ->problem_is(401, 'invalid_token', 'the first that there is, not the first that is good');
    $living->(100);
    $logout->({%cookies, bearer($a->{access_token})})->status_is(204);
    $living->('000');
    expires('those of the session that ends, whatever spoke for it');

    for my $kind (qw(access_token refresh_token)) {
        my $s = session();
        $logout->({bearer($s->{$kind}), Cookie => $s->{cookies} =~ s/__Host-af_refresh=[^;]+; //r})
            ->status_is(204);
        expires('as the readable one tells');
    }
    my $s = session();
    $logout->({%$own, Cookie => $s->{cookies} =~ s/__Host-af_access=[^;]+; //r})->status_is(204);
    expires('a refresh cookie spoke');
    $s = session();
    $logout->({%$own, Cookie => "__Host-af_access=$s->{access_token}"})->status_is(204);
    expires('an access cookie did');

    ($a, $b) = (session(), session());
    $t->post_ok('/mine/auth/logout' => {%$own, Cookie => "$a->{cookies}; mine=$b->{access_token}"})
        ->status_is(204);
    keeps('another cookie than ours did');
    $t->post_ok('/mine/auth/logout' => {%$own, Cookie => "$a->{cookies}; mine=$a->{access_token}"})
        ->status_is(204);
    expires('it was of the same session');
};

subtest 'the end of all sessions' => sub {
    my ($a, $b) = (session(), session());
    my $other = $t->register;
    $t->post_ok('/auth/login' => json => {email => $other->{user}{email},
        password => $other->{password}})->status_is(200);
    my $stranger = pair();
    $t->post_ok('/auth/logout-all' => {Cookie => $stranger->{cookies}, bearer($b->{access_token})})
        ->status_is(204);
    keeps('the cookies of another account');
    $a = session();
    $t->post_ok('/auth/logout-all' => {Cookie => $a->{cookies}, bearer($a->{access_token})})
        ->status_is(204);
    expires('those of its own');
    $a = session();
    $t->post_ok('/auth/logout-all' => {
        Cookie => $a->{cookies} =~ s/__Host-af_refresh=[^;]+; //r, bearer($a->{access_token}),
    })->status_is(204);
    expires('as the readable one tells');
};

subtest 'a session ended by its id' => sub {
    my ($a, $b) = (session(), session());
    my %own = (Cookie => $a->{cookies}, bearer($a->{access_token}));
    $t->delete_ok("/auth/sessions/$b->{id}" => \%own)->status_is(204);
    keeps('of another one');
    $t->delete_ok("/auth/sessions/$a->{id}" => \%own)->status_is(204);
    expires('of this one');
};

subtest 'an expired refresh token ends nothing' => sub {
    my $s = session();
    $t->db->do(q{UPDATE autoflow.sessions SET expires_at = now() - interval '1 second'
        WHERE id = ?},
        undef, $s->{id});
    my $cookie = $s->{cookies} =~ s/__Host-af_access=[^;]+; //r;
    $t->post_ok("/auth/$_" => {%$own, Cookie => $cookie})->problem_is(401, 'token_expired', $_)
        && keeps('and is kept') for qw(refresh logout);
    ok lives($s), 'the session is as before';
};

subtest 'a refused cookie' => sub {
    my $refused = sub ($session, $code, $name) {
        $t->post_ok('/auth/refresh' => {%$own, Cookie => $session->{cookies}})
            ->problem_is(401, $code, $name);
    };
    $t->post_ok('/auth/refresh' => {%$own, refresh_cookie($_)})->problem_is(401, 'invalid_token')
        && keeps('junk')
        for 'x', 'x' x 43, 'r' . 'x' x 107, 'a.b.c';

    my $s = session();
    $t->post_ok('/auth/logout-all' => {bearer($s->{access_token})})->status_is(204);
    $refused->($s, 'invalid_token', 'the session has ended');
    expires('its cookies');
    $t->post_ok('/auth/refresh' => {Cookie => $s->{cookies}} => json => {
        refresh_token => $s->{refresh_token}})->problem_is(401, 'invalid_token');
    keeps('cookies that were not asked');

    my $eve = $t->register(email => 'eve@example.com');
    $s = session('eve@example.com');
    $t->db->do('UPDATE autoflow.users SET is_active = false WHERE id = ?', undef, $eve->{user}{id});
    $refused->($s, 'invalid_token', 'the account is disabled');
    expires('its cookies');

    $s = session();
    $t->post_ok('/auth/refresh' => {%$own, Cookie => $s->{cookies}})->status_is(200);
    my $next = pair();
    $t->post_ok('/auth/refresh' => {%$own, Cookie => $next->{cookies}})->status_is(200);
    $refused->($s, 'token_reused', 'a stolen one');
    expires('its cookies');
};

# what a session's refresh cookie is exchanged for, with other cookies
sub rotate ($session) {
    $t->post_ok('/auth/refresh' => {%$own, refresh_cookie($session->{refresh_token})})
        ->status_is(200);
    return pair();
}

# two paths, or a sibling host that planted one
subtest 'several cookies of one name' => sub {
    my $first = session();
    my $old = rotate($first);
    my $new = rotate($old);
    my $later = session();
    my $junk = substr($later->{refresh_token}, 0, 50) . 'A' x 64;

    my $counts = sub ($session, $name, @tokens) {
        $t->post_ok('/auth/refresh' => {%$own, refresh_cookie(@tokens)})->status_is(200, $name);
        my $pair = pair();
        is $pair->{id}, $session->{id};
        ($session == $later ? $later : $new) = $pair;
    };
    $counts->($new, 'the newest number', $old->{refresh_token}, $new->{refresh_token},
        $first->{refresh_token});
    $counts->($new, 'in any order', $new->{refresh_token}, $old->{refresh_token});
    $counts->($new, 'junk is nothing', $junk, 'x', 'a.b.c', $new->{refresh_token}, 'y' x 43);
    $counts->($later, 'the newest session', $new->{refresh_token}, $later->{refresh_token},
        $old->{refresh_token});
    $counts->($new, 'what a former module set comes behind', ('y' x 43) . "; __Secure-af_refresh="
        . 'y' x 43, $new->{refresh_token});
    ok lives($_), 'none was taken for stolen' for $new, $later;

    my @access = map { session()->{access_token} } 1, 2;
    $t->get_ok('/app/x' => {Cookie => join '; ', map { "__Host-af_access=$_" } 'x', $expired,
        $access[0], 'x.y.z'})->status_is(200);
    my $newest = $t->token({%{claims($access[1])}, iat => claims($access[1])->{iat} + 1,
        exp => time + 60});
    $t->wait_for(sub { time > claims($newest)->{iat} });
    for my $cookies ([$newest, $access[0]], [$access[0], $newest]) {
        $t->get_ok('/app/x' => {Cookie => join '; ', map { "__Host-af_access=$_" } @$cookies})
            ->json_is('/session_id' => claims($newest)->{sid},
            'of good access tokens that which was issued last');
    }
    $t->get_ok('/app/x' => {Cookie => '__Host-af_access=x; ' x 40 . "__Host-af_access=$access[0]"})
        ->status_is(401, 'but not any number');
};

# set by the previous version, with legacy tokens
subtest 'cookies of version 0.1' => sub {
    my $former = sub (@more) {
        my ($session, $token) = (session(), join '', map { ('a' .. 'z')[rand 26] } 1 .. 43);
        $t->db->do(q{UPDATE autoflow.sessions SET number = 0, random = NULL, token_hash = sha256(?)
            WHERE id = ?}, undef, $token, $session->{id});
        $t->db->do(q{INSERT INTO autoflow.refresh_tokens (token_hash, session_id, expires_at)
            VALUES (sha256(?), ?, now() + interval '1 day')},
            undef, $token, $session->{id});
        return {%$session, refresh_token => $token};
    };
    my ($a, $b) = ($former->(), $former->());
    $t->post_ok('/auth/refresh' => {Cookie => "__Secure-af_refresh=$a->{refresh_token}"})
        ->problem_is(403, 'csrf_refused');
    $t->post_ok('/auth/refresh' => {Cookie => "__Secure-af_refresh=$a->{refresh_token}; af_csrf=x",
        'X-CSRF-Token' => 'y'})->problem_is(403, 'csrf_refused');
    $t->post_ok(
        '/auth/refresh' => {Cookie => "__Secure-af_refresh=$a->{refresh_token}; af_csrf=xyz",
            'X-CSRF-Token' => 'xyz'})->status_is(200, 'still count');
    my $new = pair();
    is length $new->{refresh_token}, 114, 'a token of today';
    is_deeply [sort grep { /af_refresh=;|af_csrf=;/ }
        map { s/; Max-Age.*//r } @{$t->tx->res->headers->every_header('Set-Cookie')}],
        ['__Secure-af_refresh=; Path=/api/', '__Secure-af_refresh=; Path=/api/v1/',
        '__Secure-af_refresh=; Path=/auth/',
        '__Secure-af_refresh=; Path=/mine/', 'af_csrf=; Path=/'], 'and they expire at each mount';
    $t->post_ok(
        '/api/v1/auth/refresh' => {%$own,
            Cookie => "__Secure-af_refresh=$b->{refresh_token}; "
            . "__Host-af_refresh=$new->{refresh_token}"})->status_is(200);
    is pair()->{id}, $a->{id}, 'a newer one counts before them';
    $new = pair();
    $t->post_ok('/auth/refresh' => {%$own, Cookie => "__Secure-af_refresh=$new->{refresh_token}"})
        ->problem_is(401, 'token_required',
        'a host beside ours can have set it: with tokens of today that name is nothing');
    $t->post_ok('/auth/logout' => {%$own, Cookie => "__Secure-af_refresh=$b->{refresh_token}"})
        ->status_is(204);
    ok !lives($b), 'a logout';
    my $mixed = session();
    $t->post_ok('/api/auth/refresh' => {%$own, Cookie => $mixed->{cookies}})->status_is(200);
    $mixed = pair();
    $t->post_ok('/api/v1/auth/refresh' => {%$own, Cookie => $mixed->{cookies}})->status_is(200);
    $mixed = pair();
    $t->post_ok('/auth/refresh' => {%$own, Cookie => $mixed->{cookies}})
        ->status_is(200, 'any mount goes on with the same cookies');
};

# HTTP/2 lets a browser send each in a field of its own (RFC 9113, section
# 8.2.3)
subtest 'over HTTP/2' => sub {
    my $s = session();
    my $old = $s->{refresh_token};
    my $new = rotate($s)->{refresh_token};
    my $url = 'http://127.0.0.1:' . $t->port_h2;
    open my $out, '-|', qw(curl -s --http2-prior-knowledge -X POST -H), "Origin: $url", '-H',
        "Authorization: Bearer $s->{access_token}",
        (map { ('-H', "Cookie: __Host-af_refresh=$_") } $old, $new), "$url/auth/refresh" or die $!;
    my $pair = decode_json(join '', <$out>);
    is claims($pair->{access_token})->{sid}, $s->{id}, 'found in any line';
};

$t->finish;
done_testing;
