# autoflow_require_https: over TLS, in plain text, and behind proxies that tell
# which it was.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::More;

my ($tls, $trusting, $strange, $unset) = map { Test::Autoflow::free_port() } 1 .. 4;

my $t = Test::Autoflow->new;
my ($certificate, $key) = $t->certificate;

my $locations = q{
    location /api/ { client_max_body_size 0; autoflow_api; }
    location /app/ { autoflow_auth on; proxy_pass http://echo; }
    location /files/ { return 200 $scheme; }
};

$t->server(qq{
    autoflow_require_https on;
    location /app/ { autoflow_auth on; proxy_pass http://echo; }
    location /files/ { return 200; }
    location /redirect/ {
        autoflow_require_https redirect; autoflow_auth on; proxy_pass http://echo;
    }
    location /redirect/api/ { autoflow_require_https redirect; autoflow_api; }
    location /off/ { autoflow_require_https off; autoflow_auth on; proxy_pass http://echo; }
    location /write/ {
        autoflow_require_https off; limit_except GET { autoflow_require_https on;
        } proxy_pass http://echo;
    }
    location /page/ { error_page 403 /sorry; return 200; }
    location /sorry { return 200 sorry; }
    location /named/ { error_page 403 = \@named; return 200; }
    location \@named { autoflow_require_https off; return 418 named; }
    location /cors/ {
        autoflow_cors_origins https://app.example; autoflow_auth on; proxy_pass http://echo;
    }
    location /verify/ { autoflow_require_https off; autoflow_verify; }
    location /asked/ {
        autoflow_require_https off; auth_request /asked/verify; proxy_pass http://echo;
    }
    location = /asked/verify { autoflow_require_https on; autoflow_verify; }
})->http(qq{
    server {
        listen 127.0.0.1:$tls ssl;
        ssl_certificate     $certificate;
        ssl_certificate_key $key;
        autoflow_require_https on;
        $locations
    }
    server {
        listen 127.0.0.1:$trusting;
        set_real_ip_from 127.0.0.1;
        real_ip_header   X-Forwarded-For;
        autoflow_require_https on;
        $locations
        location /late/ { set_real_ip_from 127.0.0.1; return 200; }
    }
    server {
        listen 127.0.0.1:$strange;
        set_real_ip_from 192.0.2.0/24;
        real_ip_header   X-Forwarded-For;
        autoflow_require_https on;
        $locations
    }
    server {
        listen 127.0.0.1:$unset;
        $locations
        location /verify/ { autoflow_verify; }
        location /auth/off/ {
            autoflow_auth on; location /auth/off/really { autoflow_auth off; return 200; }
        }
        location /optional/ { autoflow_auth optional; proxy_pass http://echo; }
    }
})->start;

$t->ua->ca($certificate);

my $ada = $t->bearer($t->tx($t->ua->post("https://127.0.0.1:$tls/api/auth/register" => json =>
    {email => 'ada@example.com', password => 'correct horse battery staple'}))->tx->res->json);

sub is_status ($expected, $path, $headers = $ada, $method = 'GET') {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $t->tx($t->ua->start($t->ua->build_tx($method => $path => $headers)));
    is $t->tx->res->code, $expected, join ' ', $method, $path =~ s{.*?://[^/]+}{}r,
        map { "$_: $headers->{$_}" } grep { /^X-/ } sort keys %$headers;
    return $t->tx->res;
}


subtest 'over TLS' => sub {
    is_status 200, "https://127.0.0.1:$tls$_" for '/api/auth/me', '/app/x', '/files/';
    is_status 401, "https://127.0.0.1:$tls/app/x", {};
};

subtest 'in plain text' => sub {
    is_status 403, '/api/v1/auth/me';
    $t->problem_is(403, 'https_required');
    is_status 403, $_, {} for '/api/v1/auth/me', '/api/v1/nothing', '/app/x', '/files/';
    like is_status(403, '/app/x')->body, qr/403 Forbidden/, "nginx's page";
    is_status 403, '/app/x', {%$ada, 'X-Forwarded-Proto' => 'https'};
    $t->post_ok('/api/v1/auth/login' => json => {email => 'ada@example.com',
        password => 'correct horse battery staple'})
        ->problem_is(403, 'https_required');
    like $t->error_log, qr/autoflow_require_https.*set_real_ip_from/,
        'the log says what is missing';

    is_status 200, '/off/x';
    is_status 200, '/health/live', {};
    is_status 200, '/write/x';
    is_status 403, '/write/x', $ada, 'POST';
    is_status 204, '/verify/';
    is_status 200, '/asked/';
};

subtest 'redirected' => sub {
    for my $method ('GET', 'HEAD') {
        my $res = is_status 308, '/redirect/x?a=%20b', {%$ada, Host => 'example.com:8080'}, $method;
        is $res->headers->location, 'https://example.com/redirect/x?a=%20b', 'to the same place';
    }
    is_status 308, '/redirect/api/auth/me';
    is_status 403, '/redirect/x', $ada, $_ for 'POST', 'PUT', 'DELETE', 'OPTIONS';
    is_status 403, '/redirect/api/auth/me', $ada, 'PUT';
    $t->problem_is(403, 'https_required');
};

subtest 'error pages' => sub {
    is_status 403, '/page/';
    is is_status(418, '/named/')->body, 'named', 'one that is allowed in plain text';
};

subtest 'and CORS' => sub {
    my %preflight = (Origin => 'https://app.example', 'Access-Control-Request-Method' => 'PUT');
    my $res = is_status 403, '/cors/x', \%preflight, 'OPTIONS';
    is $res->headers->header('Access-Control-Allow-Methods'), undef, 'preflights are refused';
    is $res->headers->header('Access-Control-Allow-Origin'), 'https://app.example', 'readable';
};

subtest 'behind a proxy' => sub {
    my $says = sub ($proto, $from = '192.0.2.7') {
        return {%$ada, 'X-Forwarded-Proto' => $proto, length $from ? ('X-Forwarded-For' => $from)
            : ()};
    };
    my $url = "http://127.0.0.1:$trusting";

    is_status 200, "$url$_", $says->('https') for '/api/auth/me', '/app/x', '/files/';
    is_status 200, "$url/app/x", $says->('HTTPS');
    is_status 200, "$url/app/x", $says->('https', '127.0.0.1');
    is_status 403, "$url/app/x", $says->($_) for 'http', '', 'httpsx', 'https, http', 'http, https',
        'https, https';
    is_status 403, "$url/app/x", $says->(['https', 'http']);
    is_status 403, "$url/app/x", $says->('https', '');
    is_status 403, "$url/app/x", {%$ada, 'X-Forwarded-For' => '192.0.2.7'};
    is_status 403, "http://127.0.0.1:$strange/app/x", $says->('https', $_) for '192.0.2.7',
        '127.0.0.1', '';
};

subtest 'not required in development' => sub {
    my $url = "http://127.0.0.1:$unset";
    is_status 200, "$url$_" for '/api/auth/me', '/app/x', '/files/';
};


# Production: a key is in a file, and credentials over plain text are refused

my $secret = path($t->dir, 'secret')->spurt("0123456789abcdef0123456789abcdef\n")->chmod(0600);
$t->settings({
    autoflow_environment => 'production', autoflow_key => "file:$secret",
        autoflow_secret => "file:$secret",
})->reload;
$ada = $t->bearer($t->ua->post("https://127.0.0.1:$tls/api/auth/login" => json =>
    {email => 'ada@example.com', password => 'correct horse battery staple'})->res->json);

subtest 'required in production' => sub {
    my $url = "http://127.0.0.1:$unset";
    is_status 200, "https://127.0.0.1:$tls$_" for '/api/auth/me', '/app/x';
    is_status 403, "$url$_" for '/api/auth/me', '/app/x', '/optional/x';
    is_status 200, "$url$_", {} for '/files/', '/auth/off/really';
    is_status 200, '/health/live', {};
    is_status 204, "$url/verify/";
    is_status 200, '/off/x';
};

subtest 'a verifier behind a balancer that terminates TLS' => sub {
    my $verifier = Test::Autoflow->new(
        api      => 0,
        server   => 'location /app/ { autoflow_auth on; proxy_pass http://echo; }
            location /on/ { autoflow_require_https on; autoflow_auth on; proxy_pass http://echo; }',
        settings => {
            map({ ("autoflow_$_" => undef) } qw(database secret password attempts)),
            autoflow_environment => 'production', autoflow_key => "file:$secret",
        },
    )->start;
    my $token = $verifier->bearer(
        $verifier->token({sub => 'ada'}, key => '0123456789abcdef0123456789abcdef'));
    $verifier->get_ok('/app/x' => $token)->status_is(200);
    $verifier->get_ok('/on/x' => $token)->status_is(403);
    $verifier->finish;
};

$t->finish;
done_testing;
