# The snippets of conf/, and the configuration of docs/production.md.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::Autoflow::Guide;
use Test::More;

my $root = $Test::Autoflow::root;
my ($plain, $tls, $upstream) = map { Test::Autoflow::free_port() } 1 .. 3;

my $t = Test::Autoflow->new;
my ($certificate, $key) = $t->certificate;
$t->copied('snippets');
$t->ua->ca($certificate);

my @security = qw(Strict-Transport-Security Content-Security-Policy Referrer-Policy
    X-Content-Type-Options X-Frame-Options);

sub header ($name) { join ' and ', @{$t->tx->res->headers->every_header($name)} }


$t->http(qq{
    include snippets/autoflow_http.conf;
    server {
        listen 127.0.0.1:$tls ssl;
        ssl_certificate     $certificate;
        ssl_certificate_key $key;
        include snippets/autoflow_headers.conf;
        location / { return 200; }
    }
    server {
        listen 127.0.0.1:$upstream;
        add_header Content-Security-Policy "default-src *";
        add_header Referrer-Policy no-referrer;
        add_header X-Frame-Options SAMEORIGIN;
        return 200;
    }
})->server(qq{
    include snippets/autoflow_headers.conf;
    location /own/ { proxy_pass http://127.0.0.1:$upstream; }
    location /limited/ {
        autoflow_cors_origins https://app.example;
        proxy_pass http://echo;
    }
})->start;

subtest 'headers' => sub {
    $t->get_ok('/nowhere')->status_is(404);
    is header($_) ? 1 : 0, $_ eq 'Strict-Transport-Security' ? 0 : 1, $_ for @security;
    $t->get_ok("https://127.0.0.1:$tls/")
        ->header_is('Strict-Transport-Security' => 'max-age=31536000');

    $t->get_ok('/health/live')->status_is(200);
    is header('X-Content-Type-Options'), 'nosniff', 'once';
    like header('Content-Security-Policy'), qr/frame-ancestors 'none'/, 'of the API, too';

    $t->get_ok('/own/');
    is_deeply [map { header($_) } @security],
        ['', 'default-src *', 'no-referrer', 'nosniff', 'SAMEORIGIN'],
        'what an upstream says stays';
};

subtest 'limits' => sub {
    $t->server('include snippets/autoflow_limits.conf;' . $t->server)->reload->ready;

    my @answers = map { $_->res } $t->at_once(map {
        [GET => '/limited/' => {Origin => 'https://app.example', 'X-Request-ID' => "number-$_"}]
    } 1 .. 400);
    my %codes;
    $codes{$_->code}++ for @answers;
    cmp_ok $codes{200}, '>=', 51, 'many are answered';
    cmp_ok $codes{429}, '>', 0, 'but not all';
    is_deeply [sort keys %codes], [200, 429], 'and nothing else happens';

    my ($res) = grep { $_->code == 429 } @answers;
    $t->tx->res($res);
    $t->problem_is(429, 'too_many_requests');
    $t->json_like('/request_id' => qr/^number-\d+$/)->header_is('Retry-After' => 1)
        ->header_is('Cache-Control' => 'no-store')
        ->header_is('Access-Control-Allow-Origin' => 'https://app.example');
    like header('Content-Security-Policy'), qr/default-src/, 'with the other headers';
};

$t->finish;


# docs/production.md, with the test's ports and paths

my $guide = Test::Autoflow::Guide->new('production.md');
my $conf  = $guide->text(language => 'nginx', like => qr/^load_module/);
$guide->finish;

package Documented {
    use Mojo::Base 'Test::Autoflow', -signatures;
    sub conf ($self) { $conf }
}

my $harness = $t->conf;
$t = Documented->new(port => $tls);
my $dir = $t->dir;
$t->copied('snippets', 'mail', 'landing');
($certificate, $key) = $t->certificate;
$t->ua->ca($certificate);

path($dir, $_)->spurt('x' x 32)->chmod(0600) for 'secret', 'seal';
path($dir, 'database')->spurt($t->postgresql->url('autoflow_app'))->chmod(0600);
system('sh', '-c', 'openssl genpkey -algorithm ed25519 -out "$1" 2>/dev/null', 'sh',
    "$dir/signing.pem") == 0
    or BAIL_OUT('openssl made no key');

my $temporary = join ' ',
    map { "${_}_temp_path $dir/$_;" } qw(client_body proxy fastcgi uwsgi scgi);
my %in_test = (
    qr/^load_module .*/m      => ($harness =~ /^(load_module .*)/m)[0]
        . "\npid $dir/nginx.pid; error_log $dir/error.log info;",
    qr/^user .*/m             => $> == 0 ? 'user www-data;' : '',
    qr/(?<=^worker_processes )auto/m => '1',
    qr/^http \{/m             => "http { access_log off; $temporary
        server { listen 127.0.0.1:$upstream; return 200 \$http_x_user_email; }",
    qr{/etc/nginx/autoflow/}  => "$dir/",
    qr{/var/log/nginx/}       => "$dir/",
    qr{/etc/letsencrypt\S+fullchain\.pem} => $certificate,
    qr{/etc/letsencrypt\S+privkey\.pem}   => $key,
    qr/(?<=listen) +80;/      => " 127.0.0.1:$plain;",
    qr/(?<=listen) +443 /     => " 127.0.0.1:$tls ",
    qr/127\.0\.0\.1:8081/     => "127.0.0.1:$upstream",
);
for my $pattern (keys %in_test) {
    ok $conf =~ s/$pattern/$in_test{$pattern}/g, "it has $pattern";
}

$t->postgresql->start;
is_deeply [$t->check], [0, ''], 'nginx -t';
$t->start_nginx;
my $url = "https://127.0.0.1:$tls";
$t->wait_for(sub { $t->ua->get("$url/health")->res->code == 200 });

subtest 'the configuration for production' => sub {
    $t->get_ok("http://127.0.0.1:$plain/app/x?y" => {Host => 'auth.example.com'})->status_is(308)
        ->header_is(Location => 'https://auth.example.com/app/x?y');
    $t->post_ok("$url/api/v1/auth/register" => {Origin => 'https://www.example.com'} =>
        json => {email => 'ada@example.com', password => 'correct horse battery staple'})
        ->status_is(201)
        ->header_is('Access-Control-Allow-Origin' => 'https://www.example.com');
    my $token = $t->tx->res->json->{access_token};
    $t->get_ok("$url/reset-password?token=x")->status_is(200)
        ->header_is('Referrer-Policy' => 'no-referrer')
        ->header_like('Strict-Transport-Security' => qr/max-age/);
    $t->get_ok("$url/app/x")->status_is(401)
        ->header_like('Strict-Transport-Security' => qr/max-age/);
    $t->get_ok("$url/app/x" => $t->bearer($token))->status_is(200)->content_is('ada@example.com');
};

$t->finish;


# docs/security.md: the superusers' paths closed to strangers

my ($closed) = path($root, 'docs', 'security.md')->slurp
    =~ /^( +location ~ \^.*?^ +\}\n\n +location .*?^ +\}\n)/ms or die;
$closed .= 'location /health { autoflow_api /; }';

$t = Test::Autoflow->new(api => 0, server => $closed)->start;
my %asked = map { $_->{path} => $_->{auth} } grep { $_->{method} eq 'GET' } @{$t->routes->routes};

subtest "the superusers' API is closed to strangers" => sub {
    my $who = $t->post_ok('/api/v1/auth/register' => json => {email => 'root@example.com',
        password => 'correct horse battery staple'})->status_is(201)->tx->res->json;
    $t->db->do('UPDATE autoflow.users SET is_superuser = true');
    my $as_root = $t->bearer($t->post_ok('/api/v1/auth/login' => json => {
        email => 'root@example.com', password => 'correct horse battery staple'})->tx->res->json);
    my @theirs = grep { $asked{$_} =~ /superuser|self/i } sort keys %asked;
    cmp_ok scalar @theirs, '>=', 5, 'there are some';
    for my $path (map { s/\{id\}/$who->{user}{id}/r } @theirs) {
        $t->get_ok($_ => $as_root)->status_is(403)->content_like(qr/nginx/, 'by nginx')
            for "/api/v1$path", "/api/v1$path/", "/api//v1$path", "/api/v1/x/..$path";
    }
    $t->get_ok('/api/v1/auth/me' => $as_root)->status_is(200);
    $t->server($closed =~ s{10.0.0.0/8}{127.0.0.1}r)->reload->ready;
    $t->get_ok('/api/v1/auth/users' => $as_root)->status_is(200)->json_is('/total' => 1);
};

$t->finish;
done_testing;
