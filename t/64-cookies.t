# autoflow_cookies: the token pair in cookies, and cross-site requests.

use Mojo::Base -strict, -signatures;
use Digest::SHA qw(hmac_sha256);
use MIME::Base64 qw(decode_base64url encode_base64url);
use Mojo::File qw(path);
use Test::Autoflow;
use Test::More;

my $good = 'correct horse battery staple';
my $echo = q{ proxy_pass http://echo; proxy_set_header X-User-Email $autoflow_email; };
my %settings = (autoflow_environment => 'testing', autoflow_require_https => 'off');

# a server that sets them only in the API, and an upstream that tells which headers
# it got
my ($apart, $told) = map { Test::Autoflow::free_port() } 1 .. 2;
my @numbers = map { sprintf 'x-%02d', $_ } 1 .. 45;
my $all_headers = join ' ', map { '$http_' . tr/-/_/r } @numbers;

my $t = Test::Autoflow->new(
    settings => {%settings},
    http => qq{
        map \$cookie_mine \$mapped { default \$cookie_mine; }
        log_format cookies '\$http_cookie';
        server {
            listen 127.0.0.1:$apart;
            access_log apart.log cookies;
            set \$seen \$http_cookie;
            location /auth/ { autoflow_cookies on; mirror /mirrored; autoflow_api /; }
            location = /mirrored {
                internal; access_log mirrored.log cookies; proxy_pass http://echo;
                log_subrequest on;
            }
            location /unset/ { $echo }
            location /off/ { autoflow_cookies off; $echo }
            location /set/ { proxy_set_header Cookie \$seen; proxy_pass http://echo; }
            location /named/ { error_page 404 = \@named; return 404; }
            location \@named { $echo }
            location /strip/ {
                autoflow_cookies on strip;
                autoflow_auth on;
                $echo
                location /strip/ask/ { autoflow_auth off; auth_request /verify; $echo }
                location /strip/not/ { autoflow_cookies on; $echo }
                location /strip/set/ {
                    set \$mine \$cookie_af_access; autoflow_auth on token=\$mine; $echo
                }
            }
            location = /verify { autoflow_cookies on; autoflow_verify; }
            location /alone/ {
                autoflow_cookies on; autoflow_auth optional strip;
                proxy_set_header X-User-Email \$autoflow_email;
                proxy_pass http://127.0.0.1:$told;
                location /alone/ask/ {
                    autoflow_auth off strip; auth_request /verify;
                    auth_request_set \$asked \$sent_http_x_auth_email;
                    proxy_set_header X-User-Email \$asked;
                    proxy_pass http://127.0.0.1:$told;
                }
                location /alone/error/ { error_page 403 = \@told; deny all; }
            }
            location \@told { proxy_pass http://127.0.0.1:$told; }
        }
        server {
            listen 127.0.0.1:$told;
            return 200 "\$http_x_user_email|\$http_authorization|\$http_cookie|$all_headers|";
        }
    },
    server => qq{
        autoflow_cookies on;
        set \$early \$autoflow_status;
        autoflow_cors_origins http://friend.example credentials;
        location /app/ { autoflow_auth on; $echo }
        location /maybe/ { autoflow_auth optional; $echo }
        location /bearer/ { autoflow_cookies off; autoflow_auth on; $echo }
        location /own/ { autoflow_auth on token=\$cookie_mine; $echo }
        location /ask/ { auth_request /verify; $echo }
        location = /verify { autoflow_verify; }
        location /v/ {
            autoflow_cookies on path=/old/ domain=example.com samesite=strict; autoflow_api;
        }
        location ~ ^/regex/ { autoflow_api /regex; }
        location = /exact/auth/login { autoflow_api /exact; }
        location /without/ { autoflow_cookies off; autoflow_api; }
        location /open/ { $echo }
        location /mapped/ { autoflow_auth on token=\$mapped; $echo }
        location /listed/ { autoflow_cors_origins http://friend.example; autoflow_auth on; $echo }
        location /strict/ { autoflow_cors_origins off; autoflow_auth on; $echo }
        location /try/ { try_files /none \@api; }
        location \@api { autoflow_api /try; }
    },
)->start;

my $own = {Origin => $t->url =~ s{/$}{}r};
my $foreign = {Origin => 'http://evil.example'};
my $friend = {Origin => 'http://friend.example'};
my $ada = $t->register(email => 'ada@example.com');

# the cookies that the last response sets: name => [value, attributes]
sub set_cookies {
    return {map { /^([^=]+)=([^;]+); (.*)$/ ? ($1 => [$2, $3]) : () } @{
        $t->tx->res->headers->every_header('Set-Cookie')}};
}

# and those that it expires: name and path
sub expired_cookies {
    return [sort map { /^([^=]+)=; Path=([^;]+); Max-Age=0;/ ? "$1 $2" : () } @{
        $t->tx->res->headers->every_header('Set-Cookie')}];
}

# set by the previous version: wherever the API is, and with path=
my @former = map { "__Secure-af_refresh $_" } qw(/api/ /api/v1/ /auth/ /exact/auth/ /old/
    /regex/auth/ /try/auth/ /v/ /without/);
my @present = map { "__Host-af_$_ /" } qw(access csrf refresh);
my @all = sort @present, @former, 'af_csrf /';

sub login ($mount = '/api/v1', $headers = {}) {
    return $t->post_ok("$mount/auth/login" => $headers => json => {email => 'ada@example.com',
        password => $good});
}

sub values_of ($cookies) { map { $_ => $cookies->{$_}[0] } keys %$cookies }

sub cookie (%values) { Cookie => join '; ', map { "$_=$values{$_}" } sort keys %values }

sub session ($mount = '/api/v1') {
    login($mount)->status_is(200);
    my %value = values_of(set_cookies());
    return {access => $value{'__Host-af_access'}, refresh => $value{'__Host-af_refresh'},
        csrf => $value{'__Host-af_csrf'},
        cookie(%value)};
}

# a request with the session's cookies
sub with ($session, %headers) { return {Cookie => $session->{Cookie}, %headers} }


subtest 'cookies set by a login' => sub {
    login()->status_is(200);
    my ($pair, $cookies) = ($t->tx->res->json, set_cookies());
    is_deeply $cookies, {
        '__Host-af_access'  => [$pair->{access_token},
            'Path=/; Max-Age=1800; SameSite=Lax; HttpOnly; Secure'],
        '__Host-af_refresh' => [$pair->{refresh_token},
        'Path=/; Max-Age=604800; SameSite=Lax; HttpOnly; Secure'],
        '__Host-af_csrf'    => [$cookies->{'__Host-af_csrf'}[0],
        'Path=/; Max-Age=604800; SameSite=Lax; Secure'],
    }, 'three cookies';
    like $cookies->{'__Host-af_csrf'}[0], qr/^[A-Za-z0-9_-]{48}$/;
    is_deeply expired_cookies(), [@former, 'af_csrf /'], 'and what a former module left ends';

    $t->post_ok('/auth/register' => json => {email => 'eve@example.com', password => $good})
        ->status_is(201);
    is_deeply [sort keys %{set_cookies()}], [sort keys %$cookies], 'a registration does, too';
    login('/v');
    is_deeply {map { $_ => set_cookies()->{$_}[1] } keys %{set_cookies()}}, {
        '__Secure-af_access'  => 'Path=/; Max-Age=1800; SameSite=Strict; Domain=example.com; '
            . 'HttpOnly; Secure',
        '__Secure-af_refresh' => 'Path=/; Max-Age=604800; SameSite=Strict; Domain=example.com; '
        . 'HttpOnly; Secure',
        '__Secure-af_csrf'    => 'Path=/; Max-Age=604800; SameSite=Strict; Domain=example.com; '
        . 'Secure',
    }, 'as configured';
    is_deeply expired_cookies(), [@former, 'af_csrf /'];
    is scalar(
        grep { /=;.*Domain=example.com/ } @{$t->tx->res->headers->every_header('Set-Cookie')}), 10,
            'those of the domain';
    login('/without')->status_is(200)->header_is('Set-Cookie' => undef);
    $t->post_ok('/auth/login' => json => {email => 'ada@example.com', password => 'wrong'})
        ->status_is(401)->header_is('Set-Cookie' => undef);
};

subtest 'where they are used' => sub {
    my $s = session();
    $t->get_ok('/auth/me' => with($s))->status_is(200)->json_is('/email' => 'ada@example.com');
    $t->get_ok("/$_/x" => with($s))->status_is(200)->json_is('/email' => 'ada@example.com')
        for qw(app maybe);
    $t->get_ok('/ask/x' => with($s))->status_is(200);
    $t->get_ok("/$_" => with($s))->status_is(401) for 'bearer/x', 'without/auth/me', 'own/x';
    $t->get_ok('/app/x')->status_is(401);
    $t->get_ok('/app/x' => {cookie('__Host-af_access' => 'x')})->status_is(401);
    $t->get_ok('/maybe/x' => {cookie('__Host-af_access' => 'x')})->status_is(401);
    $t->get_ok('/app/x' => with($s, Authorization => 'Bearer x'))
        ->status_is(401, 'a bearer token counts first');
    $t->get_ok('/app/x' => {cookie('af_access' => $s->{access})})->status_is(401, 'another name');
    $t->get_ok('/own/x' => {cookie(mine => $s->{access})})->status_is(200);
};

subtest 'cookies set by a sibling host' => sub {
    my $s = session();
    $t->get_ok('/app/x' => {Cookie => "a=b, __Host-af_access=$s->{access}"})
        ->status_is(401, 'a comma is a part of a value');
    $t->get_ok('/app/x' => {cookie('__host-AF_access' => $s->{access})})
        ->status_is(401, 'case matters in a name');
    $t->get_ok('/app/x' => {Cookie => "$_; __Host-af_access=$s->{access}"})->status_is(200)
        for 'a', 'a="b', '__HOST-af_access=x', 'a=b, __Host-af_access=x', '__Host-af_access',
        '__Host-af_access =x';
    $t->post_ok('/api/v1/auth/refresh' => {%$own, Cookie => "a=b, __Host-af_refresh=$s->{refresh}"})
        ->problem_is(401, 'token_required');
    $t->post_ok('/api/v1/auth/refresh' => {%$own, Cookie => "__host-af_refresh=$s->{refresh}"})
        ->problem_is(401, 'token_required');
    $t->post_ok('/api/v1/auth/refresh' => {%$own, Cookie => "af_refresh=$s->{refresh}"})
        ->problem_is(401, 'token_required');
};

# HTTP/2 lets a browser send each in a field of its own (RFC 9113, section
# 8.2.3)
subtest 'over HTTP/2' => sub {
    my $s = session();
    my $here = 'http://127.0.0.1:' . $t->port_h2;
    my $curl = sub (@options) {
        open my $out, '-|', qw(curl -s --http2-prior-knowledge -w), '\n%{http_code}', @options,
            "$here/app/x" or die $!;
        return (join '', <$out>) =~ /^(.*)\n(\d+)$/s;
    };
    my @lines = map { ('-H', "Cookie: $_") } 'a=1', split /; /, $s->{Cookie};
    my ($body, $status) = $curl->(@lines);
    is $status, 200, 'found in any line';
    unlike $body, qr/\Q$s->{refresh}/, 'the refresh token still goes nowhere';
    like $body, qr/a=1; /, 'the others do';
    for ([$here, 200], [$own->{Origin}, 403, 'another port']) {
        is +($curl->(@lines, qw(-X POST -H), "Origin: $_->[0]"))[1], $_->[1], $_->[2]
            // 'its own origin';
    }
};

subtest 'a token too long for a cookie' => sub {
    my $long = $t->register(email => 'long@example.com');
    $t->db->do(q{WITH role AS (INSERT INTO autoflow.roles (name) SELECT 'role-' || repeat('x',
        90) || n FROM generate_series(1, 32) n RETURNING id)
        INSERT INTO autoflow.user_roles (user_id, role_id) SELECT ?, id FROM role}, undef,
        $long->{user}{id});
    $t->post_ok('/api/v1/auth/login' => json => {email => 'long@example.com', password => $good})
        ->status_is(200);
    my ($token, $cookies) = ($t->tx->res->json('/access_token'), set_cookies());
    is_deeply expired_cookies(), [sort '__Host-af_access /', @former, 'af_csrf /'],
        'none of an earlier session stays';
    is_deeply [sort keys %$cookies], ['__Host-af_csrf', '__Host-af_refresh'], 'the others are set';
    like $t->error_log, qr/\[error\].*token of \d+ octets is too long for a cookie/,
        'with the reason in the log';
    $t->get_ok('/app/x' => $t->bearer($token))->status_is(200, 'a bearer token is none the worse');
};

subtest 'cookies passed to an upstream' => sub {
    my $s = session();
    $t->get_ok('/app/x' => {Cookie => "a=1; $s->{Cookie}; b=__Host-af_refresh"})->status_is(200);
    my $rest = "__Host-af_access=$s->{access}; __Host-af_csrf=$s->{csrf}";
    $t->json_is('/cookie' => "a=1; $rest; b=__Host-af_refresh",
        'never the refresh token, the others as they were');
    for my $name (qw(__Host-af_refresh __Secure-af_refresh af_refresh __HOST-af_refresh
        __secure-AF_refresh Af_Refresh)) {
        $t->get_ok('/app/x' => {Cookie => "$name=$s->{refresh};$rest;\t$name=; $name=x"})
            ->json_is('/cookie' => $rest, "$name, whoever set it, however often");
    }
    $t->get_ok(
        '/app/x' => {
            Cookie => "my__Host-af_refresh=1; $rest; af_refreshed=2; __Host-__Secure-af_refresh=3"})
        ->json_is(
        '/cookie' => "my__Host-af_refresh=1; $rest; af_refreshed=2; __Host-__Secure-af_refresh=3",
            'no others');
    for my $path (qw(/open/x /bearer/x /ask/x)) {
        $t->get_ok($path => with($s, Authorization => "Bearer $s->{access}"))
            ->json_is('/cookie' => $rest, $path);
    }
    my $answer = $t->raw(
        "GET /open/x HTTP/1.0\r\nCookie: a=1; __Host-af_refresh=$s->{refresh}\r\nCookie: b=2\r\n"
        . "Cookie: AF_REFRESH=$s->{refresh}; c=3\r\n\r\n");
    like $answer, qr/"cookie":"a=1; b=2; c=3"/, 'in any line';

    $s = session('/try');
    $t->post_ok('/try/auth/refresh' => with($s, %$own))
        ->status_is(200, 'the API has it, by whatever way a request comes');
};

# the other server: its locations don't configure cookies
subtest 'in every location of a server' => sub {
    my $s = session();
    my $url = "http://127.0.0.1:$apart";
    my $cookies = "a=1; $s->{Cookie}";
    my $rest = $cookies =~ s/; __Host-af_refresh=[^;]+//r;
    for my $path (qw(unset off set named)) {
        $t->get_ok("$url/$path/x" => {Cookie => $cookies})->status_is(200)
            ->json_is('/cookie' => $rest, $path);
    }
    $t->post_ok("$url/auth/refresh" => {Cookie => $cookies, Origin => $url})->status_is(200);
    my %logged;
    my $read = sub { %logged = map { $_ => path($t->dir, $_)->slurp } qw(apart.log mirrored.log) };
    $t->wait_for(sub { $read->(); 2 == grep { /a=1/ } values %logged });
    unlike $logged{$_}, qr/\Q$s->{refresh}/, "nor into $_" for keys %logged;
};

subtest "where the access cookie isn't passed on either" => sub {
    my $s = session();
    my $url = "http://127.0.0.1:$apart/strip";
    my $cookies = "a=1; $s->{Cookie}; af_access=x";
    $t->get_ok("$url/x" => {Cookie => $cookies})->status_is(200)
        ->json_is('/cookie' => "a=1; __Host-af_csrf=$s->{csrf}")
        ->json_is('/email' => 'ada@example.com', 'who it is is known');
    $t->get_ok("$url/x")->status_is(401);
    $t->post_ok("$url/x" => {Cookie => $cookies})
        ->status_is(403, 'nor does it go for another page');
    $t->get_ok("$url/ask/x" => {Cookie => $cookies})->status_is(200, 'a subrequest knows, too')
        ->json_is('/cookie' => "a=1; __Host-af_csrf=$s->{csrf}");
    $t->get_ok("$url/not/x" => {Cookie => $cookies})->status_is(200)
        ->json_like('/cookie' => qr/\Q$s->{access}/);
    my $mine = {Cookie => "af_access=$s->{access}"};
    $t->get_ok("$url/set/x" => $mine)->status_is(200)->json_is('/cookie' => '');
    $t->post_ok("$url/set/x" => $mine)
        ->status_is(403, 'a token that was in a cookie still counts as one');
};

subtest 'autoflow_auth strip: the token is for nginx alone' => sub {
    my $s = session();
    my $url = "http://127.0.0.1:$apart/alone";
    my $is = sub ($path, $headers, $expected, $name) {
        $t->get_ok("$url/$path" => $headers)->status_is(200)
            ->content_like(qr/^\Q$expected\E\|/, $name);
    };
    my $bearer = $t->bearer($s->{access});
    $is->('x', {Cookie => "a=1; $s->{Cookie}"}, "ada\@example.com||a=1; __Host-af_csrf=$s->{csrf}",
        'the cookie');
    $is->('x', $bearer, 'ada@example.com||', 'Authorization');
    $is->('ask/x', $bearer, 'ada@example.com||', 'a subrequest knows it');
    $is->('error/x', $bearer, '||', 'nor does it get to an error page');
    $is->('x', {Authorization => 'Basic YTpi'}, '|Basic YTpi|', 'another scheme');
    $t->get_ok("$url/x" => {Authorization => 'Bearer x.y.z'})->status_is(401);

    for my $after (0, 1, 17, 18, 19, 20, 21, 38, 39, 40, 44, 45) {
        my @lines = map { "$_: $_" } @numbers;
        splice @lines, $after, 0, "Authorization: Bearer $s->{access}";
        my $client = $t->client(port => $apart);
        $client->send(join "\r\n", 'GET /alone/x HTTP/1.0', @lines, '', '');
        like $client->rest, qr/^ada\@example\.com\|\|\|@numbers\|$/m, "after $after headers";
    }
};

subtest 'unsafe methods' => sub {
    my $s = session();
    my @passing = (['its own origin', $own], ['a trusted origin', $friend],
        ['its token', {'X-CSRF-Token' => $s->{csrf}}],
        ['both', {%$own, 'X-CSRF-Token' => $s->{csrf}}]);
    my @failing = (['neither', {}], ["another's page", $foreign],
        ['a page without an origin', {Origin => 'null'}],
        ['another token', {'X-CSRF-Token' => session()->{csrf}}],
        ['an empty token', {'X-CSRF-Token' => ''}],
        ['another scheme', {Origin => $own->{Origin} =~ s/http/https/r}],
        ['another port', {Origin => 'http://127.0.0.1:1'}],
        ["another's page and another token", {%$foreign, 'X-CSRF-Token' => 'x' x 43}]);

    for my $path ('/app/x', '/own/x', '/mapped/x', '/ask/x') {
        my $cookies = $path =~ /own|mapped/ ? {cookie(mine => $s->{access})} : with($s);
        for my $method (qw(POST PUT PATCH DELETE)) {
            $t->request_ok($t->ua->build_tx($method => $path => {%$cookies, %{$_->[1]}}))
                ->status_is(200, "$method $path: $_->[0]") for @passing;
            $t->request_ok($t->ua->build_tx($method => $path => {%$cookies, %{$_->[1]}}))
                ->status_is(403, "$method $path: $_->[0]") for @failing;
        }
        $t->request_ok($t->ua->build_tx($_ => $path => {%$cookies, %$foreign}))->status_is(200, $_)
            for qw(GET HEAD);
    }
    $t->delete_ok('/auth/sessions/' . $ada->{user}{id} => with($s))
        ->problem_is(403, 'csrf_refused');
    $t->delete_ok('/auth/sessions/' . $ada->{user}{id} => with($s, %$own))->status_is(404);
    $t->post_ok('/maybe/x' => with($s, %$foreign))->status_is(403);
    $t->post_ok('/app/x' => with($s, %$foreign, %{$t->bearer($s->{access})}))
        ->status_is(200, 'a bearer needs none of it');
    $t->get_ok('/verify' => with($s, 'X-Forwarded-Method' => 'POST'))
        ->status_is(403, 'a proxy asks for a POST');
    $t->get_ok('/verify' => with($s, 'X-Forwarded-Method' => 'GET'))->status_is(204);
    $t->get_ok('/verify' => with($s))->status_is(403, 'a proxy that does not say of what');
    $t->get_ok('/verify' => with($s, 'X-Forwarded-Method' => ['GET', 'POST']))
        ->status_is(403, 'nor one that says two things');
    $t->get_ok('/verify' => $t->bearer($s->{access}))->status_is(204);
    $t->post_ok('/ask/x' => with($s, 'X-Forwarded-Method' => 'GET'))
        ->status_is(403, 'others may say what they like');
    $t->get_ok('/app/x' => with($s, 'X-Forwarded-Method' => 'POST'))->status_is(200);
    $t->post_ok('/strict/x' => with($s, %$friend))->status_is(403, 'whom another location trusts');
    $t->post_ok('/strict/x' => with($s, %$own))->status_is(200);
    $t->post_ok('/listed/x' => with($s, %$friend))
        ->status_is(403, 'whom a location lists without credentials');
};

subtest 'a WebSocket' => sub {
    my $s = session();
    my %open = (Connection => 'Upgrade', Upgrade => 'WebSocket',
        'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==');
    my $is = sub ($path, $headers, $status, $name = $path) {
        is $t->ua->start($t->ua->build_tx(GET => $t->url($path) => $headers))->res->code,
            $status, $name;
    };
    for my $path ('/app/x', '/ask/x', '/maybe/x') {
        $is->($path => with($s, %open, %$_), 403, "$path by another's page") for $foreign, {};
        $is->($path => with($s, %open, %$_), 200, "$path by ours") for $own, $friend;
        $is->($path => {%open, %$foreign, %{$t->bearer($s->{access})}}, 200, "$path by a program");
    }
    $is->('/app/x' => with($s, Upgrade => 'websocket'), 403);
    $t->get_ok('/app/x' => with($s, Upgrade => 'h2c'))->status_is(200, 'another protocol');
    $t->get_ok('/verify' => with($s, 'X-Forwarded-Method' => 'GET', 'Sec-WebSocket-Key' => 'x',
        %$foreign))
        ->status_is(403, 'a proxy that keeps Upgrade to itself');
};

subtest 'a cross-site login' => sub {
    login('/api/v1', $_->[0])->status_is($_->[1]) for [$own, 200], [$friend, 200], [{}, 200],
        [{'Sec-Fetch-Site' => 'same-origin'}, 200], [{'Sec-Fetch-Site' => 'none'}, 200];
    for my $headers ($foreign, {Origin => 'null'}, {'Sec-Fetch-Site' => 'cross-site'},
        {'Sec-Fetch-Site' => 'same-site'}) {
        login('/api/v1', $headers)->problem_is(403, 'csrf_refused')
            ->header_is('Set-Cookie' => undef);
    }
    login('/without', $foreign)->status_is(200, 'where no cookies are set');
};

subtest 'refresh' => sub {
    my $s = session();
    $t->post_ok('/api/v1/auth/refresh' => with($s))->problem_is(403, 'csrf_refused');
    $t->post_ok('/api/v1/auth/refresh' => with($s, %$foreign))->problem_is(403, 'csrf_refused');
    $t->post_ok('/api/v1/auth/refresh' => with($s, 'X-CSRF-Token' => 'x'))
        ->problem_is(403, 'csrf_refused');
    $t->post_ok('/api/v1/auth/refresh' => with($s, %$own))->status_is(200);
    my $pair = $t->tx->res->json;
    my %new = values_of(set_cookies());
    is_deeply \%new,
        {'__Host-af_access' => $pair->{access_token}, '__Host-af_refresh' => $pair->{refresh_token},
        '__Host-af_csrf' => $s->{csrf}}, 'new cookies, and the same token against forgery';
    is_deeply expired_cookies(), [@former, 'af_csrf /'], 'former ones go';
    $t->post_ok('/api/v1/auth/refresh' => {cookie(%new), 'X-CSRF-Token' => $new{'__Host-af_csrf'}})
        ->status_is(200, 'by that');
    $t->post_ok('/api/v1/auth/refresh' => with($s, %$own))->problem_is(401, 'token_reused');
    is_deeply expired_cookies(), \@all, 'the cookies of a session that has ended go';
};

subtest 'logout' => sub {
    my $s = session();
    my $gone = sub { is_deeply [expired_cookies(), set_cookies()], [\@all, {}], 'expires them' };
    $t->post_ok('/api/v1/auth/logout' => with($s))->problem_is(403, 'csrf_refused');
    $t->get_ok('/auth/me' => with($s))->status_is(200, 'then nothing happens');
    $t->post_ok('/api/v1/auth/logout?scope=others' => with($s, %$own))->status_is(204)
        ->header_is('Set-Cookie' => undef);
    $t->post_ok('/api/v1/auth/logout' => with($s, %$own))->status_is(204);
    $gone->();
    $t->get_ok('/auth/me' => with($s))->problem_is(401, 'token_revoked');

    $s = session();
    $t->post_ok('/api/v1/auth/logout' => {cookie('__Host-af_refresh' => $s->{refresh}), %$own})
        ->status_is(204, 'by the refresh cookie, once the other has expired');
    $gone->();
    $t->get_ok('/auth/me' => with($s))->problem_is(401, 'token_revoked');

    $s = session();
    $t->post_ok('/api/v1/auth/logout-all' => with($s, 'X-CSRF-Token' => $s->{csrf}))
        ->status_is(204);
    $gone->();
    $t->post_ok('/api/v1/auth/logout')->problem_is(401, 'token_required');
};

# a session's X-CSRF-Token, as by the previous version: HMAC with HKDF's key
sub former_csrf ($session, $secret) {
    my $id  = Mojo::JSON::decode_json(decode_base64url((split /\./, $session->{access})[1]))->{sid};
    my $key = hmac_sha256("autoflow csrf\x01", hmac_sha256($secret, "\0" x 32));
    return encode_base64url(hmac_sha256($id, $key));
}

subtest 'secret rotation' => sub {
    my ($a, $b) = ("\x0f" x 32, "\xf0" x 32);
    my $secrets = sub (@secrets) {
        $t->settings({%settings, autoflow_secret => join '; autoflow_secret ',
            map { 'hex:' . unpack 'H*', $_ } @secrets})
            ->reload->ready;
    };
    my $post = sub ($session, $csrf) {
        $t->post_ok('/app/x' => with($session, 'X-CSRF-Token' => $csrf)) };
    my $s = session();
    $post->($s, former_csrf($s, $a))->status_is(200, 'a token without a key id');
    $post->($s, former_csrf($s, $b))->status_is(403);

    $secrets->($b, $a);
    my $new = session();
    $post->($s, $s->{csrf})->status_is(200, 'an older token is good');
    $post->($s, former_csrf($s, $a))->status_is(200);
    $post->($new, $new->{csrf})->status_is(200, 'and what the new one makes');

    $secrets->($b);
    $post->($s, $s->{csrf})->status_is(403, 'the former one is gone');
    $post->($s, former_csrf($s, $a))->status_is(403);
    $post->($new, $new->{csrf})->status_is(200);

    $secrets->($a);
    $post->($new, $new->{csrf})->status_is(403);
    $post->($s, $s->{csrf})->status_is(200);
};

subtest 'in development' => sub {
    $t->settings({autoflow_environment => 'development'})->reload->ready;
    login();
    is_deeply {map { $_ => set_cookies()->{$_}[1] =~ s/Max-Age=\d+; //r } keys %{set_cookies()}}, {
        af_access  => 'Path=/; SameSite=Lax; HttpOnly',
        af_refresh => 'Path=/; SameSite=Lax; HttpOnly',
        af_csrf    => 'Path=/; SameSite=Lax',
    }, 'without https';
    is_deeply expired_cookies(), [map { s/__Secure-//r } @former], 'former ones';
    my %value = values_of(set_cookies());
    $t->get_ok('/app/x' => {cookie(%value)})->status_is(200);
    $t->post_ok('/app/x' => {cookie(%value)})->status_is(403);
};

$t->finish;
done_testing;
