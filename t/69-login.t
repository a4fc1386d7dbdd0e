# autoflow_login: who is sent to sign in, where to, and who still gets a 401.

use Mojo::Base -strict, -signatures;
use Mojo::Util qw(url_escape);
use Test::Autoflow;
use Test::More;

my $echo = 'proxy_pass http://echo;';
my $long = 'x' x 2041;                  # with "/site/" and "?" in front: 2048

my $t = Test::Autoflow->new(
    settings => {autoflow_environment => 'testing', autoflow_require_https => 'off',
        autoflow_registration => 'open'},
    server => qq{
        autoflow_cookies on;
        autoflow_login /account/;
        location /account/ { return 200 page; }
        location /site/ {
            autoflow_auth on;
            $echo
            location /site/role/ { autoflow_require role=editor; $echo }
            location /site/step/ { autoflow_require role=editor error=401; $echo }
            location /site/maybe/ { autoflow_auth optional; $echo }
            location /site/member/ { autoflow_auth optional; autoflow_require verified; $echo }
            location /site/api/ { autoflow_login off; $echo }
            location /site/argument/ { autoflow_auth on token=\$arg_token; $echo }
            location /site/query/ { autoflow_login /account/?for=wiki; $echo }
            location /site/away/ { autoflow_login https://auth.example.com/; $echo }
            location /site/any/ { satisfy any; deny all; $echo }
            location /site/near/ { satisfy any; allow 127.0.0.1; deny all; $echo }
            location /site/asked/ { satisfy any; auth_request /let; error_page 404 /lost; }
            location /site/all/ { deny all; $echo }
            location = /site/own { autoflow_login /site/own?x; $echo }
            location /site/page/ { autoflow_login off; error_page 401 = \@page; $echo }
            location /site/limit/ { limit_except POST { autoflow_login /limited; } $echo }
        }
        location = /verify {
            autoflow_login https://auth.example.com/; autoflow_verify redirect status=200;
            autoflow_login_return https://app.example.com https://*.wild.example;
        }
        location = /verify/not { autoflow_verify; }
        location = /let { return 200; }
        location = /lost { $echo }
        location /asked/ { auth_request /verify; $echo }
        location \@page { return 303 /mine?next=\$autoflow_return; }
    },
)->start;

my %html     = (Accept => 'text/html,application/xhtml+xml;q=0.9');
my %document = ('Sec-Fetch-Mode' => 'navigate', 'Sec-Fetch-Dest' => 'document');

my $sent = sub ($path, $to, $name = $path, %headers) {
    $t->get_ok($path => {%html, %headers})->status_is(302, $name)
        ->header_is(Location => $to)->header_is('Cache-Control' => 'no-store')
        ->header_is('WWW-Authenticate' => undef);
};
my $refused = sub ($path, $status, $name, %headers) {
    $t->get_ok($path => {%headers})->status_is($status, $name)->header_is(Location => undef);
};

sub back ($path) { '/account/?return=' . url_escape($path) }

my $ada = $t->register(email => 'ada@example.com');
my $cookie = sub ($token) { (Cookie => "__Host-af_access=$token") };

subtest 'who navigates signs in, and comes back' => sub {
    $sent->('/site/', back('/site/'));
    $sent->('/site/a%20b?c=d&e=%25#f', back('/site/a%20b?c=d&e=%25'), 'escaped');
    $sent->('/site/x', back('/site/x'), 'the headers of browsers', Accept => '*/*', %document);
    $sent->('/site/query/', '/account/?for=wiki&return=%2Fsite%2Fquery%2F', 'a query of its own');
    $t->head_ok('/site/' => {%html})->status_is(302, 'HEAD');
    $refused->('/account/', 200, 'the page itself');
};

subtest 'others are answered 401' => sub {
    $refused->('/site/', 401, 'a program', Accept => 'application/json');
    $refused->('/site/', 401, "$_->[0] $_->[1]", %html, 'Sec-Fetch-Mode' => $_->[0],
        'Sec-Fetch-Dest' => $_->[1])
        for ['cors', 'empty'], ['no-cors', 'image'], ['websocket', 'websocket'],
            ['navigate', 'iframe'];
    $t->post_ok('/site/' => {%html, %document})->status_is(401, 'POST')
        ->header_like('WWW-Authenticate' => qr/^Bearer/);
    $refused->('/site/api/', 401, 'off', %html);
    $sent->('/site/limit/', '/limited?return=%2Fsite%2Flimit%2F', 'in limit_except');
};

subtest 'only if signing in helps' => sub {
    my $expired = $t->token({sub => 'x', exp => time - 60});
    $sent->('/site/', back('/site/'), 'an expired cookie', $cookie->($expired));
    $sent->('/site/', back('/site/'), 'junk in the cookie', $cookie->('junk'));
    $refused->('/site/', 401, 'but not in Authorization', %html,
        Authorization => "Bearer $expired");
    $refused->("/site/argument/?token=$expired", 401, 'nor in an argument', %html);

    my %ada = (%html, $cookie->($ada->{access_token}));
    $t->get_ok('/site/' => {%ada})->status_is(200);
    $refused->('/site/role/', 403, 'a role is missing', %ada);
    $refused->('/site/step/', 401, 'likewise with error=401', %ada);
    $sent->('/site/role/', back('/site/role/'));

    $t->get_ok('/site/maybe/' => {%html})->status_is(200);
    $sent->('/site/member/', back('/site/member/'));

    $t->post_ok('/api/v1/auth/logout' => {Authorization => "Bearer $ada->{access_token}"})
        ->status_is(204);
    $sent->('/site/', back('/site/'), 'a session that has ended',
        $cookie->($ada->{access_token}));
};

subtest 'other modules' => sub {
    $sent->('/site/any/', back('/site/any/'), 'satisfy any, and nobody lets it pass');
    $refused->('/site/near/', 200, 'satisfy any, and somebody does', %html);
    $refused->('/site/asked/', 404, 'likewise, with an error page in need of no token', %html);
    $sent->('/site/all/', back('/site/all/'), 'satisfy all: first the token');
    $refused->('/site/any/', 401, 'likewise, and a program', Accept => '*/*');
    $t->get_ok('/site/page/a?b' => {%html})->status_is(303)
        ->header_like(Location => qr{/mine\?next=%2Fsite%2Fpage%2Fa%3Fb$}, '$autoflow_return');
};

subtest 'no loop, and no end of a URL' => sub {
    $refused->('/site/own?return=%2F', 401, 'a page that demands a token itself', %html);
    $sent->("/site/?$long", back("/site/?$long"), 'the longest way back');
    $sent->("/site/?x$long", '/account/', 'a longer one is left out');
};

subtest 'another host' => sub {
    my $host = $t->url =~ s{^http://}{}r =~ s{/$}{}r;
    $sent->('/site/away/?x', 'https://auth.example.com/?return='
        . url_escape("http://$host/site/away/?x"));
};

subtest 'autoflow_verify for a proxy that passes redirects on' => sub {
    my $ask = sub ($host, $uri, %more) {
        $t->get_ok('/verify' => {%html, 'X-Forwarded-Method' => 'GET',
            'X-Forwarded-Proto' => 'https', 'X-Forwarded-Host' => $host,
            'X-Forwarded-Uri' => $uri, %more});
    };
    for my $host ('app.example.com', 'a.wild.example') {
        $ask->($host, '/a?b=c')->status_is(302)->header_is('Cache-Control' => 'no-store')
            ->header_is(Location => 'https://auth.example.com/?return='
                . url_escape("https://$host/a?b=c"));
    }
    $ask->(@$_)->status_is(302)->header_is(Location => 'https://auth.example.com/', "@$_")
        for ['evil.example', '/'], ['app.example.com@evil.example', '/'],
            ['app.example.com', '.evil.example/'], ['app.example.com', "/\\x"],
            ['app.example.com', '/', 'X-Forwarded-Proto' => 'javascript'],
            ['app.example.com', '/', 'X-Forwarded-Proto' => 'http'];
    $ask->('app.example.com', '/', @$_)->status_is(401, "@$_")->header_is(Location => undef)
        for ['X-Forwarded-Method' => 'POST'], [Accept => 'application/json'],
            [Authorization => 'Bearer x.y.z'];
    my $pair = $t->register(email => 'bob@example.com');
    $ask->('app.example.com', '/', $cookie->($pair->{access_token}))->status_is(200);
    $refused->('/verify/not', 401, 'only if asked to', %html, 'X-Forwarded-Method' => 'GET');
    $refused->('/asked/', 401, 'nor for auth_request', %html, 'X-Forwarded-Method' => 'GET');
};

$t->finish;
done_testing;
