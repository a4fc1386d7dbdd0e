# docs/upstreams.md: each of its configurations lets in who has a token, tells
# the upstream who that is, whatever the client says, and lets nobody else in.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json);
use Test::Autoflow;
use Test::Autoflow::Guide;
use Test::Autoflow::Process;
use Test::More;

my ($app, $grpc) = map { Test::Autoflow::free_port() } 1, 2;
my $guide = Test::Autoflow::Guide->new('upstreams.md');
my $t     = Test::Autoflow->new(shutdown_timeout => '1s',
    settings => {autoflow_registration => 'open'});
my $dir   = $t->dir;

# the blocks of a level, with this test's ports and paths
sub configuration ($level) {
    return map { s/127\.0\.0\.1:8081/127.0.0.1:$app/gr =~ s/127\.0\.0\.1:50051/127.0.0.1:$grpc/r
            =~ s{unix:\S*/(\w+)[^/]*\.sock}{unix:$dir/$1.sock}r
            =~ s{/(?:srv|var/cache/nginx)/}{$dir/}r =~ s{10\.0\.0\.0/8}{127.0.0.2}r }
        grep { Test::Autoflow::Guide::level($_) eq $level }
        map { $_->{text} } $guide->blocks(language => 'nginx');
}

$t->http(join '', configuration('http'));
$t->server(join '', configuration('server'), 'location / { proxy_pass http://127.0.0.1:1; }');


# The upstreams

my @started;
sub upstream ($name, $ready, @command) {
    my $log = "$dir/$name.log";
    push @started, Test::Autoflow::Process->new(log => $log,
        command => ['setpriv', '--pdeathsig', 'TERM', @command])->start->serves($ready);
}

sub listens ($port) {
    return sub { IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $port) };
}

path($dir, $_)->make_path for 'php', 'app', 'www/members', 'www/ssi';
path($dir, 'www/members/report.txt')->spurt('for members');
path($dir, 'php/index.php')->spurt('<?php echo json_encode($_SERVER);');
path($dir, 'python.py')->spurt(<<'END');
import json

def application(environ, start_response):
    start_response('200 OK', [])
    return [json.dumps({k: v for k, v in environ.items() if isinstance(v, str)}).encode()]
END
path($dir, 'grpc-server.py')->spurt(<<'END');
import grpc, json, sys
from concurrent import futures

class Any(grpc.GenericRpcHandler):
    def service(self, call):
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: json.dumps(dict(call.invocation_metadata)).encode())

server = grpc.server(futures.ThreadPoolExecutor(2))
server.add_generic_rpc_handlers((Any(),))
server.add_insecure_port('127.0.0.1:' + sys.argv[1])
server.start()
server.wait_for_termination()
END
path($dir, 'grpc-client.py')->spurt(<<'END');
import grpc, sys

channel = grpc.insecure_channel('127.0.0.1:' + sys.argv[1])
metadata = [tuple(header.split(': ', 1)) for header in sys.argv[2:]]
try:
    print(channel.unary_unary('/demo.Greeter/Hello')(b'', metadata=metadata).decode())
except grpc.RpcError as error:
    print(error.code().name)
END
path($dir, 'fpm.conf')->spurt(<<"END");
[global]
error_log = $dir/fpm.log
daemonize = no
[www]
user = www-data
listen = $dir/php8.sock
listen.mode = 0666
pm = static
pm.max_children = 1
END
path($dir, 'app.pl')->spurt(<<'END');
use Mojolicious::Lite -signatures;

any '/events/' => sub ($c) {
    $c->res->headers->content_type('text/event-stream');
    $c->write_chunk("data: " . $c->req->headers->header('X-User-Id') . "\n\n");
    Mojo::IOLoop->timer(300 => sub { $c->finish });
};
websocket '/socket/' => sub ($c) { $c->send({json => $c->req->headers->to_hash}) };
any '/*any' => {any => ''} => sub ($c) { $c->render(json => $c->req->headers->to_hash) };
app->start;
END

my $sock = sub ($name) { sub { -S "$dir/$name.sock" } };
my @python = '/usr/bin/python3';
upstream(app => listens($app), $^X, "$dir/app.pl", 'daemon', '-l', "http://127.0.0.1:$app");
upstream(grpc => listens($grpc), @python, "$dir/grpc-server.py", $grpc);
upstream(php => $sock->('php8'), 'php-fpm8.2', '-n', '-y', "$dir/fpm.conf", $> == 0 ? '-R' : ());
upstream(uwsgi => $sock->('app'), qw(uwsgi-core --plugin python3 --die-on-term --chmod-socket=666),
    '--socket', "$dir/app.sock", '--wsgi-file', "$dir/python.py");

path("/etc/nginx/$_")->copy_to("$dir/$_") for 'fastcgi_params', 'uwsgi_params';
$t->start;

my $ada = $t->register(email => 'ada@example.com');
my $id  = $ada->{user}{id};
my %spoofed = ('X-User-Id' => 'root', 'x-user-email' => 'root@example.com', X_User_Id => 'root',
    'X-USER-ROLES' => 'admin', 'X-Expires' => 0);

sub get ($path, $token = undef, %headers) {
    $t->get_ok($path, {%spoofed, $token ? %{$t->bearer($token)} : (), %headers});
}

# by these names an upstream knows whose request it is, and nothing of the client
my %header    = (id => 'X-User-Id', email => 'X-User-Email', roles => 'X-User-Roles');
my %parameter = (id => 'HTTP_X_USER_ID', email => 'HTTP_X_USER_EMAIL',
    roles => 'HTTP_X_USER_ROLES');

sub told ($got, $names, $expected, $name) {
    is_deeply {map { $_ => ref $got->{$names->{$_}} ? 'several' : $got->{$names->{$_}} || undef }
            keys %$names}, $expected, $name or diag explain $got;
}

my $who = {id => $id, email => 'ada@example.com', roles => undef};
my $nobody = {map { $_ => undef } keys %header};

sub protected ($path, $names = \%header) {
    get($path)->status_is(401);
    get($path, 'x.y.z')->status_is(401);
    get($path, $ada)->status_is(200);
    told($t->tx->res->json, $names, $who, "$path: whose it is");
}


subtest 'headers' => sub {
    get('/public/')->status_is(200);
    told($t->tx->res->json, \%header, $nobody, 'cleared');
    get('/public/', $ada)->status_is(200);
    told($t->tx->res->json, \%header, $nobody, 'with a token, too');
};

subtest 'files' => sub {
    get('/members/report.txt')->status_is(401);
    get('/members/report.txt', $ada)->status_is(200)->content_is('for members')
        ->header_is('Cache-Control' => 'private');
};

subtest 'HTTP' => sub {
    protected('/app/x');
    $t->post_ok('/app/x' => {%{$t->bearer($ada)}} => 'x' x 100)->status_is(200);
    like $t->raw(join "\r\n", 'POST /app/x HTTP/1.1', 'Host: x', 'Content-Length: 100',
        'Connection: close', '', ''), qr/^HTTP\S+ 401/, 'refused before there is a body';
};

subtest 'a cache' => sub {
    protected('/reports/x');
    my $eve = $t->register;
    get('/reports/x', $eve)->json_is('/X-User-Id' => $eve->{user}{id}, 'each has their own');
    get('/reports/x')->status_is(401, 'from the cache, too');
};

subtest 'limits by account' => sub {
    protected('/search/x');
    get('/search/x', $ada) for 1 .. 2;
    $t->wait_for(sub { get('/search/x', $ada)->tx->res->code == 429 });
    get('/search/x', $t->register)->status_is(200, 'of another account');
    get('/search/x')->status_is(401);
};

subtest 'FastCGI' => sub {
    protected('/php/x', {%parameter});
    is $t->tx->res->json->{REMOTE_USER}, $id, 'REMOTE_USER';
    get('/php/x', $ada, Remote_User => 'root', 'Remote-User' => 'root')
        ->json_is('/REMOTE_USER' => $id);
};

subtest 'uwsgi' => sub {
    protected('/python/x', {%parameter});
    is $t->tx->res->json->{REMOTE_USER}, $id, 'REMOTE_USER';
};

subtest 'gRPC' => sub {
    my $call = sub (@headers) {
        local $ENV{GRPC_VERBOSITY} = 'NONE';
        open my $out, '-|', @python, "$dir/grpc-client.py", $t->port_h2, @headers or die $!;
        return join '', <$out>;
    };
    my @spoofed = ('x-user-id: root', 'x-user-roles: admin');
    is $call->(@spoofed), "UNAUTHENTICATED\n", 'without a token';
    my $got = decode_json($call->(@spoofed, "authorization: Bearer $ada->{access_token}"));
    told($got, {map { $_ => lc $header{$_} } keys %header}, $who, 'whose it is');

    my $location = qr{location /demo.Greeter/ \{};
    $t->server($t->server =~ s/($location)/$1 autoflow_require role=none;/r)->reload;
    is $call->("authorization: Bearer $ada->{access_token}"), "PERMISSION_DENIED\n",
        'of a condition';
};

sub cookie ($pair) { return {Cookie => "af_access=$pair->{access_token}"} }

subtest 'WebSockets' => sub {
    my $own = {Origin => $t->url};
    my $refused = sub ($status, %headers) {
        my $tx = $t->ua->build_websocket_tx($t->url('/socket/') =~ s/^http/ws/r, {%headers});
        is $t->ua->start($tx)->res->code, $status, "refused with $status";
    };
    $refused->(401);
    $refused->(403, %{cookie($ada)}, Origin => 'http://evil.example');
    $refused->(403, %{cookie($ada)});
    $t->websocket_ok($t->url('/socket/') =~ s/^http/ws/r, {%spoofed, %$own, %{cookie($ada)}})
        ->message_ok;
    my $got = decode_json($t->message->[1]);
    told($got, \%header, $who, 'whose it is');
    cmp_ok abs($got->{'X-Expires'} - time - 1800), '<', 300, 'and until when';
    $t->finish_ok;
};

subtest 'server-sent events' => sub {
    get('/events/')->status_is(401);
    my $first;
    my $tx = $t->ua->build_tx(GET => $t->url('/events/'), cookie($ada));
    $tx->res->content->unsubscribe('read')->on(read => sub ($content, $octets) {
        $first //= $octets;
        Mojo::IOLoop->stop;
    });
    $t->ua->start_p($tx)->catch(sub { });
    Mojo::IOLoop->start;
    like $first, qr/data: \Q$id\E\n\n/, 'arrive at once';
};

subtest 'conditions' => sub {
    get('/admin/x', $ada)->status_is(403);
    $t->db->do(q{INSERT INTO autoflow.roles (name) VALUES ('editor')});
    my $root = $t->superuser($t->register);
    $t->put_ok("/auth/users/$id/roles" => $t->bearer($root) => json => {roles => ['editor']})
        ->status_is(200);
    $t->put_ok("/auth/users/$id" => $t->bearer($root) => json => {email_verified => \1})
        ->status_is(200);
    $ada = $t->post_ok('/auth/refresh' => json => {refresh_token => $ada->{refresh_token}})
        ->status_is(200)->tx->res->json;
    get('/admin/x', $ada)->status_is(200)->json_is('/X-User-Roles' => 'editor');
};

subtest 'files of their owner' => sub {
    for my $folder ($id, 'other') {
        path($dir, "www/files/$folder")->make_path->child('x')->spurt("of $folder");
    }
    get("/files/$id/x")->status_is(401);
    get("/files/$id/x", $ada)->status_is(200)->content_is("of $id");
    get('/files/other/x', $ada)->status_is(403);
    get("/files/$id%20$id/x", $ada)->status_is(403);
};

subtest 'optional' => sub {
    get('/news/')->status_is(200);
    told($t->tx->res->json, \%header, $nobody, 'nobody');
    get('/news/', $ada)->status_is(200)->json_is('/X-User-Id' => $id);
    get('/news/', 'x.y.z')->status_is(401);
};

subtest 'pages' => sub {
    $t->get_ok("/wiki/a?b=1&c=2" => {Accept => 'text/html'})->status_is(302)
        ->header_is(Location => '/sign-in.html?return=%2Fwiki%2Fa%3Fb%3D1%26c%3D2');
    get('/wiki/a')->status_is(401);
    get('/wiki/a', $ada)->status_is(200);
    get('/lab/', $ada)->status_is(403)
        ->content_is("You are ada\@example.com, who is no researcher.\n");
    get('/lab-closed')->status_is(404);
};

subtest 'by account or by address' => sub {
    get('/intranet/')->status_is(401);
    get('/intranet/', $ada)->status_is(200)->json_is('/X-User-Id' => $id);
    my $got = `curl -s --interface 127.0.0.2 -H 'X-User-Id: root' @{[$t->url('/intranet/')]}`;
    told(decode_json($got), \%header, $nobody, 'at an allowed address');
};

subtest 'what is not protected' => sub {
    get('/secret/')->status_is(200)->content_is("not protected\n");
    path($dir, 'www/ssi/x.html')->spurt('<!--# include virtual="/members/report.txt" -->');
    $t->server($t->server . qq{
        location /ssi/     { ssi on; default_type text/html; root $dir/www; }
        location /rewrite/ { autoflow_auth on; rewrite ^ /public/ last; }
        location /if/      { autoflow_auth on;
            if (\$request_method = POST) { proxy_pass http://127.0.0.1:$app; }
            proxy_pass http://127.0.0.1:$app; }
        location /early/   { autoflow_auth on; if (\$autoflow_user_id = "") { return 403; } }
        location /named/   { try_files /none \@named; }
        location \@named   { autoflow_auth on; proxy_pass http://127.0.0.1:$app; }
    })->reload;
    get('/ssi/x.html')->content_like(qr/for members/, 'a subrequest');
    get('/rewrite/')->status_is(200);
    $t->post_ok('/if/')->status_is(401);
    get('/named/')->status_is(401);
    get('/early/')->status_is(403)->header_is('WWW-Authenticate' => undef);
};

$_->signal('TERM')->ended for @started;
$guide->finish;
$t->finish;
done_testing;
