# The snippets of conf/; those that `autoflow setup` includes, in t/packages/guides,
# too.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::More;

my $root = $Test::Autoflow::root;
my ($tls, $upstream) = map { Test::Autoflow::free_port() } 1, 2;

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
