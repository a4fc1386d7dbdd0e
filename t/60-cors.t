# autoflow_cors_origins: which origins may read responses, on every response,
# and preflights.

use Mojo::Base -strict, -signatures;
use Test::Autoflow;
use Test::More;

my $vocal = Test::Autoflow::free_port();      # an upstream with a mind of its own

my $t = Test::Autoflow->new(
    server => qq{
        autoflow_cors_origins https://app.example http://localhost:3000 https://*.wild.example
                              credentials;
        location /app/ { autoflow_auth on; proxy_pass http://echo; }
        location /deny/ { autoflow_auth on preflight=deny; proxy_pass http://echo; }
        location /off/ { autoflow_cors_origins off; autoflow_auth on; proxy_pass http://echo; }
        location /other/ { autoflow_cors_origins https://other.example; proxy_pass http://echo; }
        location /any/ { autoflow_cors_origins *; autoflow_auth on; proxy_pass http://echo; }
        location /closed/ { deny all; }
        location /return/ { return 418 tea; }
        location /if/ { if (\$arg_if) { return 403; } proxy_pass http://echo; }
        location /verify/ { autoflow_verify; }
        location /asked/ { auth_request /verify/; proxy_pass http://echo; }
        location /moved/ { rewrite ^/moved/(.*) /api/v1/\$1 last; }
        location /limited/ {
            autoflow_cors_origins *;
            limit_except GET { autoflow_cors_origins https://app.example; deny all; }
            proxy_pass http://echo;
        }
        location /vocal/ {
            proxy_pass http://127.0.0.1:$vocal;
            location /vocal/any/ { autoflow_cors_origins *; proxy_pass http://127.0.0.1:$vocal; }
            location /vocal/off/ { autoflow_cors_origins off; proxy_pass http://127.0.0.1:$vocal; }
        }
    },
    http => qq{
        server {
            listen 127.0.0.1:$vocal;
            add_header access-control-allow-origin \$http_origin;
            add_header Access-Control-Allow-Credentials true;
            add_header Access-Control-Expose-Headers X-Total;
            add_header Vary Origin;
            add_header Vary Accept;
            return 200;
        }
    },
)->start;

my $app    = 'https://app.example';
my $listed = "$app credentials Vary exposed";
my $ada    = $t->bearer($t->register);

# the status of a response, and its CORS headers
sub cors ($res) {
    my %all = map { $_ => join ' and ', @{$res->headers->every_header($_)} } qw(
        Access-Control-Allow-Origin Access-Control-Allow-Credentials Vary
        Access-Control-Expose-Headers);
    return join ' ', $res->code, $all{'Access-Control-Allow-Origin'} || 'nobody',
        $all{'Access-Control-Allow-Credentials'} eq 'true' ? 'credentials' : (),
        $all{Vary} =~ /Origin/ ? 'Vary' : (),
        $all{'Access-Control-Expose-Headers'} =~ /X-Request-ID/ ? 'exposed' : ();
}

sub is_cors ($expected, $path, $headers = {}, $method = 'GET') {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $res = $t->ua->start($t->ua->build_tx($method => $path => $headers))->res;
    is cors($res), $expected, join ' ', $method, $path, map { ref ? "@$_" : $_ } $headers->{Origin}
        // ();
    return $res;
}


subtest 'who may read' => sub {
    is_cors "200 $_ credentials Vary exposed", '/health/live', {Origin => $_}
        for $app, 'http://localhost:3000', 'https://a.wild.example', 'https://B.wild.example';
    is_cors '200 nobody Vary', '/health/live', {Origin => $_}
        for 'http://app.example', 'https://app.example:8443', 'https://app.example.evil.net',
            'https://evilapp.example', 'http://localhost', 'http://localhost:30000',
            'http://127.0.0.1:3000',
            'https://wild.example', 'https://a.b.wild.example', 'https://evilwild.example',
            'https://*.wild.example', 'null', '', '*', 'https://app.example/',
            'https://app.example x',
            [$app, 'https://evil.example'], ['https://evil.example', $app];
    is_cors '200 nobody Vary', '/health/live';
};

subtest 'every response' => sub {
    my %origin = (Origin => $app);
    is_cors "401 $listed", '/api/v1/auth/me', \%origin;
    is_cors "200 $listed", '/api/v1/auth/me', {%origin, %$ada};
    is_cors "200 $listed", '/api/v1/auth/me', {%origin, %$ada}, 'HEAD';
    is_cors "404 $listed", '/api/v1/nothing', \%origin;
    is_cors "405 $listed", '/api/v1/auth/login', \%origin;
    is_cors "415 $listed", '/api/v1/auth/login', \%origin, 'POST';
    is_cors "204 $listed", '/api/v1/auth/login', \%origin, 'OPTIONS';
    is_cors "404 $listed", '/moved/nothing', \%origin;

    my $res = is_cors "401 $listed", '/app/x', \%origin;
    like $res->body, qr/401 Authorization Required/, "nginx's own page";
    like $res->headers->header('Access-Control-Expose-Headers'), qr/\b\Q$_\E\b/, "$_ can be read"
        for 'X-Request-ID', 'WWW-Authenticate', 'Retry-After';
    is_cors "200 $listed", '/app/x', {%origin, %$ada};
    is_cors "401 $listed", '/asked/', \%origin;
    is_cors "200 $listed", '/asked/', {%origin, %$ada};

    is_cors "403 $listed", '/closed/', \%origin;
    is_cors "418 $listed", '/return/', \%origin;
    is_cors "403 $listed", '/if/?if=1', \%origin;
    is_cors "200 $listed", '/if/', \%origin;
    is_cors "404 $listed", '/nowhere', \%origin;
};

subtest 'each location has its own list' => sub {
    is_cors '200 https://other.example Vary exposed', '/other/',
        {Origin => 'https://other.example'};
    is_cors '200 nobody Vary', '/other/', {Origin => $app};
    is_cors '401 nobody', '/off/', {Origin => $app};
    is_cors '401 * exposed', '/any/', {Origin => $_} for $app, 'https://anyone.example', 'null';
    is_cors '401 * exposed', '/any/';

    is_cors '200 * exposed', '/limited/', {Origin => $app};
    is_cors "403 $app Vary exposed", '/limited/', {Origin => $app}, 'POST';
    is_cors '403 nobody Vary', '/limited/', {Origin => 'https://other.example'}, 'POST';
};

subtest 'an upstream with headers of its own' => sub {
    my $res = is_cors "200 $listed", '/vocal/', {Origin => $app};
    is_deeply $res->headers->every_header('Vary'), ['Accept', 'Origin'], 'its Vary stays';
    is $res->headers->every_header('Access-Control-Expose-Headers')->[0], 'X-Total',
        'and what it exposes';

    is_cors '200 nobody Vary', '/vocal/', {Origin => 'https://evil.example'};
    is_cors '200 * Vary exposed', '/vocal/any/', {Origin => $app};
    is_cors '200 https://evil.example credentials Vary', '/vocal/off/',
        {Origin => 'https://evil.example'};
};


# Preflights

my $known = 'Authorization, Content-Type, X-CSRF-Token, X-Request-ID';

sub preflight ($origin, $method = 'PUT', $headers = undef) {
    return {
        Origin => $origin,
        'Access-Control-Request-Method' => $method,
        $headers ? ('Access-Control-Request-Headers' => $headers) : (),
    };
}

# what the response allows: methods, headers, for how long
sub is_allowed ($expected, $path, $headers,
    $cors = "204 $headers->{Origin} credentials Vary exposed")
{
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $res = is_cors $cors, $path, $headers, 'OPTIONS';
    is_deeply [map { $res->headers->header($_) }
        map { "Access-Control-$_" } qw(Allow-Methods Allow-Headers Max-Age)],
        $expected, 'allows ' . ($expected->[0] // 'nothing');
    like join(' ', @{$res->headers->every_header('Vary')}),
        qr/Access-Control-Request-Method, Access-Control-Request-Headers/,
        'and is not for other ones';
    is $res->body, '', 'without a word';
    return $res;
}

subtest 'preflights to the API' => sub {
    my $res = is_allowed ['POST, OPTIONS', $known, 7200], '/api/v1/auth/login',
        preflight($app, 'POST');
    is $res->headers->header('Allow'), 'POST, OPTIONS', 'an answer to OPTIONS as any other, too';
    like $res->headers->header('X-Request-ID'), qr/^\w+$/, 'with an id';

    is_allowed ['GET, HEAD, PUT, PATCH, DELETE, OPTIONS', $known, 7200], '/auth/me',
        preflight($app, 'GET');
    is_allowed ['GET, HEAD, OPTIONS', "$known, x-mine, traceparent", 7200], '/api/auth/sessions',
        preflight($app, 'DELETE', 'x-mine, traceparent');
    is_allowed ['GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS', $known, 7200], '/api/v1/nothing',
        preflight($app);
    is_allowed ['GET, HEAD, OPTIONS', $known, 7200], '/health', preflight('https://a.wild.example');
};

subtest 'preflights to protected and other locations' => sub {
    my $all = ['GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS', $known, 7200];
    is_allowed $all, $_, preflight($app) for '/app/x', '/deny/x', '/closed/', '/return/',
        '/moved/health', '/nowhere';
    is_allowed $all, '/limited/', preflight($app), "204 $app Vary exposed";
    is_allowed $all, '/any/', preflight('null'), '204 * exposed';
};

subtest 'preflights of other origins' => sub {
    is_allowed [undef, undef, undef], $_, preflight('https://evil.example'), '204 nobody Vary'
        for '/api/v1/auth/login', '/app/x', '/limited/';
    is_allowed [undef, undef, undef], '/app/x', preflight([$app, 'https://evil.example']),
        '204 nobody Vary';
};

subtest 'not preflights' => sub {
    is_cors "401 $listed", '/app/x', {Origin => $app}, 'OPTIONS';
    is_cors '401 nobody Vary', '/app/x', {'Access-Control-Request-Method' => 'PUT'}, 'OPTIONS';
    is_cors "401 $listed", '/app/x', preflight($app), $_ for 'GET', 'PUT', 'DELETE';
    is_cors '200 nobody', '/off/x', preflight($app), 'OPTIONS';
    is_cors '200 nobody Vary', '/app/x', {%$ada, 'Access-Control-Request-Method' => 'PUT'},
        'OPTIONS';
};

subtest 'where a 204 would mean access' => sub {
    is_cors "401 $listed", '/verify/', preflight($app), 'OPTIONS';
    is_cors "204 $listed", '/verify/', {%$ada, %{preflight($app)}}, 'OPTIONS';
};

subtest 'a preflight with a body keeps its connection alive' => sub {
    my $answers = $t->raw("OPTIONS /app/x HTTP/1.1\r\nHost: x\r\nOrigin: $app\r\n"
        . "Access-Control-Request-Method: PUT\r\nContent-Length: 3\r\n\r\nabc"
        . "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    is_deeply [$answers =~ m{HTTP/1.1 (\d+)}g], [204, 200], 'two answers';
};

subtest 'HTTP/2' => sub {
    my $client = $t->client_h2;
    my $stream = $client->headers(OPTIONS => '/app/x', preflight($app), 1);
    is $client->answer($stream)->{status}, 204, 'a preflight';
};


# Error pages: the requested location's headers apply

subtest 'error pages elsewhere' => sub {
    $t->server(qq{
        error_page 401 /sorry;
        error_page 403 /silent;
        error_page 418 = \@named;
        location / {
            autoflow_cors_origins $app;
            location /app/ { autoflow_auth on; proxy_pass http://echo; }
            location /closed/ { deny all; }
            location /return/ { return 418; }
        }
        location = /sorry { return 200 sorry; }
        location = /silent { autoflow_cors_origins off; return 200 silent; }
        location \@named { return 404 named; }
    })->api(0)->reload;

    is is_cors("401 $app Vary exposed", '/app/x', {Origin => $app})->body, 'sorry', 'a page';
    is is_cors("404 $app Vary exposed", '/return/', {Origin => $app})->body, 'named',
        'a named location';
    is is_cors('403 nobody', '/closed/', {Origin => $app})->body, 'silent',
        'one with a word of its own';
    is_cors '200 nobody', '/sorry', {Origin => $app};
};

$t->finish;
done_testing;
