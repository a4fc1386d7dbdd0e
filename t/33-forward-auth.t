# autoflow_verify: its responses, and that nginx, Caddy and HAProxy protect an
# application by it when configured as in docs/forward-auth.md.

use Mojo::Base -strict, -signatures;
use IO::Socket::IP;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::Autoflow::Guide;
use Test::More;

my %port = map { $_ => Test::Autoflow::free_port() }
    qw(auth envoy app nginx caddy haproxy);

# the documentation's configurations, with this test's ports
my $guide = Test::Autoflow::Guide->new('forward-auth.md');

sub block ($language, $pattern, %changes) {
    my $block = $guide->text(language => $language, like => $pattern);
    $block =~ s/127\.0\.0\.1:8080/127.0.0.1:$port{auth}/g;
    $block =~ s/127\.0\.0\.1:8081/127.0.0.1:$port{app}/g;
    $block =~ s/127\.0\.0\.1:8082/127.0.0.1:$port{envoy}/g;
    $block =~ s/\Q$_\E/$changes{$_}/ or die "no $_ in\n$block" for keys %changes;
    return $block;
}

my $t = Test::Autoflow->new(
    server => block(nginx => qr/\$sent_http/) . q{
        location /verify/ { autoflow_verify; }
        location /verify/admin { autoflow_verify; autoflow_require role=admin; }
        location /verify/step { autoflow_verify; autoflow_require role=admin error=401; }
        location /verify/cookie { autoflow_verify; autoflow_auth off token=$cookie_token; }
        location /verify/page { autoflow_verify; error_page 401 403 =302 /elsewhere; }
        location /verify/on { autoflow_auth on; autoflow_verify; }
        location /verify/optional { autoflow_auth optional; autoflow_verify; }
        location /verify/get { limit_except POST { autoflow_require role=admin; } autoflow_verify; }
        location /verify/post { limit_except GET { autoflow_verify; } return 200; }
        location /status/ {
            auth_request /verify-admin;
            auth_request_set $why $autoflow_status;
            add_header X-Status $why always;
            error_page 403 /denied;
            proxy_pass http://echo;
        }
        location = /verify-admin { internal; autoflow_verify; autoflow_require role=admin; }
        location = /denied { add_header X-Status $why always; return 200 denied; }
        location /large/ { client_max_body_size 0; auth_request /verify; try_files /none =204; }
    },
    http => block(nginx => qr/# autoflow_require/)
        . block(nginx => qr/status=200/)
        . block(nginx => qr/\$upstream_http/, 'listen 80' => "listen 127.0.0.1:$port{nginx}")
        . "server {
            listen 127.0.0.1:$port{app};
            default_type application/json;
            location / {
                set \$echo_id    '\"user_id\":\"\$http_x_auth_user_id\"';
                set \$echo_email '\"email\":\"\$http_x_auth_email\"';
                set \$echo_who   '\$echo_id,\$echo_email,\"roles\":\"\$http_x_auth_roles\"';
                set \$echo_with  '\"session\":\"\$http_x_auth_session_id\"';
                return 200 '{\"uri\":\"\$request_uri\",\$echo_who,\$echo_with}';
            }
        }",
)->start;

my $ada = $t->register(email => 'ada@example.com');
my $id  = $ada->{user}{id};
my %claims = (sub => $id, sid => $id, epoch => 0, email => 'ada@example.com',
    roles => ['a', 'admin']);
my $admin = $t->token(\%claims);

my @identity = qw(X-Auth-User-Id X-Auth-Email X-Auth-Roles X-Auth-Session-Id);

# the headers that identify the user, if any
sub identity_is ($expected, $name) {
    my $headers = $t->tx->res->headers;
    my @got = map { $headers->header($_) } @identity;
    return is_deeply \@got, $expected, $name;
}


subtest 'responses' => sub {
    $t->get_ok('/verify/' => $t->bearer($ada))->status_is(204)->content_is('')
        ->header_is('Cache-Control' => 'no-store')->header_is('Content-Length' => undef);
    my $session = $t->tx->res->headers->header('X-Auth-Session-Id');
    like $session, qr/^[0-9a-f-]{36}$/, 'a session';
    identity_is([$id, 'ada@example.com', undef, $session], 'no header without a value');

    $t->get_ok('/verify/' => $t->bearer($admin))->status_is(204);
    identity_is([$id, 'ada@example.com', 'a,admin', $id], 'roles, joined');

    $t->get_ok('/verify/')->problem_is(401, 'token_required')
        ->header_is('WWW-Authenticate' => 'Bearer realm="autoflow"');
    identity_is([(undef) x 4], 'nobody');
    $t->get_ok('/verify/' => $t->bearer('x.y.z'))->problem_is(401, 'invalid_token')
        ->header_is(
        'WWW-Authenticate' => 'Bearer realm="autoflow", error="invalid_token", '
            . 'error_description="invalid_token"');
    $t->get_ok('/verify/' => $t->bearer($t->token({%claims, exp => 1})))
        ->problem_is(401, 'token_expired');

    $t->get_ok("http://127.0.0.1:$port{auth}/any/path?x" => $t->bearer($ada))->status_is(204);
};

subtest 'values that could inject headers are withheld' => sub {
    $t->get_ok(
        '/verify/' => $t->bearer(
            $t->token({%claims, email => "a\r\nX-Auth-Roles: admin", roles => ['a,admin']})))
        ->status_is(204);
    identity_is([$id, undef, undef, $id], 'neither header');
    like $t->error_log, qr/\[warn\].*"$_" is withheld/, "and $_ is logged" for qw(email roles);
};

subtest 'any method, with a body or without' => sub {
    for my $method (qw(GET POST PUT PATCH DELETE OPTIONS PROPFIND BREW)) {
        my $tx = $t->ua->start(
            $t->ua->build_tx($method => $t->url('/verify/'), $t->bearer($admin) => 'x' x 100_000));
        is $tx->res->code, 204, $method;
    }
    $t->head_ok('/verify/' => $t->bearer($admin))->status_is(204);
    identity_is([$id, 'ada@example.com', 'a,admin', $id], 'HEAD identifies the user');
    $t->head_ok('/verify/')->status_is(401)->content_is('')
        ->header_like('WWW-Authenticate' => qr/^Bearer/);

    my $raw = $t->raw("POST /verify/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        . "Authorization: Bearer $admin\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        . "GET /verify/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    is_deeply [$raw =~ m{^HTTP/1\.1 (\d+)}gm], [204, 401], 'a discarded body is no request';

    $t->options_ok(
        '/verify/' => {Origin => 'https://a.example', 'Access-Control-Request-Method' => 'GET'})
        ->status_is(401);
};

subtest 'autoflow_require' => sub {
    $t->get_ok('/verify/admin' => $t->bearer($admin))->status_is(204);
    $t->get_ok('/verify/admin' => $t->bearer($ada))->problem_is(403, 'forbidden')
        ->header_is(
        'WWW-Authenticate' => 'Bearer realm="autoflow", error="insufficient_scope", '
            . 'error_description="forbidden"');
    identity_is([(undef) x 4], 'nobody');
    $t->get_ok('/verify/admin')->problem_is(401, 'token_required');
    $t->get_ok('/verify/step' => $t->bearer($ada))->problem_is(401, 'forbidden')
        ->header_like('WWW-Authenticate' => qr/insufficient_scope/);
};

subtest 'combined with other directives' => sub {
    $t->get_ok('/verify/cookie' => {Cookie => "token=$admin", 'X-Forwarded-Method' => 'GET'})
        ->status_is(204);
    $t->get_ok('/verify/cookie' => {Cookie => "token=$admin"})
        ->status_is(403, 'for what, nobody knows');
    $t->get_ok('/verify/cookie' => $t->bearer($admin))->status_is(401);
    $t->get_ok('/verify/page')->problem_is(401, 'token_required', 'no error_page changes it');
    $t->get_ok('/verify/on' => $t->bearer($ada))->status_is(204);
    $t->get_ok('/verify/on')->status_is(401);
    $t->get_ok('/verify/optional')->status_is(401);
    $t->get_ok('/verify/get' => $t->bearer($ada))->status_is(403);
    $t->post_ok('/verify/get' => $t->bearer($ada))->status_is(204);
    $t->get_ok('/verify/get' => $t->bearer($admin))->status_is(204);
    $t->get_ok('/verify/post')->status_is(200);
};

subtest 'auth_request and its variables' => sub {
    $t->get_ok('/status/x' => $t->bearer($admin))->status_is(200)->header_is('X-Status' => 'ok');
    $t->get_ok('/status/x' => $t->bearer($ada))->status_is(403)->content_is('denied')
        ->header_is('X-Status' => 'forbidden');
    $t->get_ok('/status/x')->status_is(401)->header_is('X-Status' => 'missing');
    my %close = (Connection => 'close');
    $t->post_ok('/large/x' => {%close, %{$t->bearer($ada)}} => 'x' x 2_000_000)->status_is(204);
    $t->post_ok('/large/x' => \%close => 'x' x 2_000_000)->status_is(401);
};

subtest 'what Envoy needs' => sub {
    my $url = "http://127.0.0.1:$port{envoy}";
    $t->get_ok("$url/any/path" => $t->bearer($admin))->status_is(200)->content_is('')
        ->header_is('Content-Length' => 0)->header_is('Content-Type' => undef);
    identity_is([$id, 'ada@example.com', 'a,admin', $id], 'who it is');
    $t->get_ok("$url/any/path")->problem_is(401, 'token_required');
    for my $path ('//', '/../health', '/%2e%2e/', '/x/../../y', '*', '/nginx_status') {
        my $socket = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $port{envoy})
            or die $@;
        print {$socket} "GET $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        my ($status) = (<$socket> // '') =~ m{^HTTP/1\.1 (\d+)};
        like $status, qr/^40[01]$/, "no path gets round it: $path";
    }
};


# The proxies

# an application behind a proxy is protected
sub protects ($url) {
    my %forged = map { $_ => 'forged' } @identity;

    $t->get_ok("$url/app/x?y=z" => {%forged, %{$t->bearer($admin)}})->status_is(200)
        ->json_is({uri => '/app/x?y=z', user_id => $id, email => 'ada@example.com',
        roles => 'a,admin', session => $id});
    $t->get_ok("$url/app/x" => {%forged, %{$t->bearer($ada)}})->status_is(200)
        ->json_is('/user_id' => $id)->json_is('/roles' => '');
    $t->post_ok("$url/app/x" => {%forged, %{$t->bearer($ada)}} => 'x' x 50_000)->status_is(200)
        ->json_is('/user_id' => $id);
    $t->get_ok("$url/app/x" => \%forged)->status_is(401)
        ->header_is('WWW-Authenticate' => 'Bearer realm="autoflow"');
    $t->get_ok("$url/app/x" => {%forged, %{$t->bearer('x.y.z')}})->status_is(401)
        ->header_like('WWW-Authenticate' => qr/error="invalid_token"/);
    $t->post_ok("$url/app/x" => 'x' x 50_000)->status_is(401);
    return;
}

# a server of the test's own
sub proxy ($name, @command) {
    my $dir = path($t->dir, $name)->make_path;
    local @ENV{qw(HOME XDG_DATA_HOME XDG_CONFIG_HOME)} = ("$dir") x 3;
    return Test::Autoflow::Process->new(log => "$dir/log",
        command => ['setpriv', '--pdeathsig', 'TERM', @command])
        ->start->serves(
        sub { IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $port{$name}) });
}

sub file ($name, $text) { path($t->dir, $name)->spurt($text) }

subtest 'nginx, with the module' => sub { protects($t->url) };

subtest 'another nginx' => sub { protects("http://127.0.0.1:$port{nginx}") };

subtest 'Caddy' => sub {
    my $file = file(Caddyfile => "{\n    admin off\n}\n"
        . block(caddyfile => qr/./, 'example.com' => "http://127.0.0.1:$port{caddy}"));
    my $caddy = proxy('caddy', qw(caddy run --adapter caddyfile --config), $file);
    protects("http://127.0.0.1:$port{caddy}");
    $caddy->signal('TERM');
    ok defined $caddy->ended, 'it ends';
};

# HAProxy, with these changes of its configuration
sub haproxy (%changes) {
    my $lua = file('autoflow.lua', block(lua => qr/./));
    return proxy('haproxy', qw(haproxy -db -f), file('haproxy.cfg', block(haproxy => qr/./,
        '/etc/haproxy/autoflow.lua' => $lua, 'bind :80' => "bind 127.0.0.1:$port{haproxy}",
        %changes)));
}

subtest 'HAProxy' => sub {
    my $haproxy = haproxy();
    my $url = "http://127.0.0.1:$port{haproxy}";
    protects($url);
    $t->get_ok("$url/x")->content_type_is('application/problem+json')
        ->json_is('/code' => 'token_required');

    $haproxy->signal('TERM');
    ok defined $haproxy->ended, 'it ends';

    $haproxy = haproxy("127.0.0.1:$port{auth}" => '127.0.0.1:' . Test::Autoflow::free_port());
    $t->get_ok("$url/x" => $t->bearer($ada))->status_is(503, 'nobody passes while nobody answers');
    $haproxy->signal('TERM')->ended;
};

$guide->finish;
$t->finish;
done_testing;
