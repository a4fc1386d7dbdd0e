# docs/nodes.md: two nodes behind a load balancer, one of which is stopped.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::Autoflow::Guide;
use Test::More;

my $guide = Test::Autoflow::Guide->new('nodes.md');
my ($balancer, @ports) = map { Test::Autoflow::free_port() } 1 .. 3;

# a node as documented, with this test's ports; on this machine, the balancer is
# at an address of all others
sub node ($port, %options) {
    my $server = $guide->text(language => 'nginx', like => qr/real_ip_header/, change => {
        qr/(?<=listen) +8080;/ => " 127.0.0.1:$port;",
        qr/10\.0\.0\.10;/      => '127.0.0.1;',
        qr{10\.0\.0\.0/24}       => '127.0.0.0/8',
    });
    return Test::Autoflow->new(%options, settings => {autoflow_require_https => 'on'},
        http => "include snippets/autoflow_http.conf;\n$server",
        server => 'autoflow_require_https off;')->copied('snippets')->start;
}

my $first  = node($ports[0]);
my $second = node($ports[1], beside => $first);

my $front = Test::Autoflow->new(beside => $first, api => 0);
my ($certificate, $key) = $front->certificate;
$front->http($guide->text(language => 'nginx', like => qr/^upstream/, change => {
    qr/(?<=listen) +443 /  => " 127.0.0.1:$balancer ",
    qr/10\.0\.0\.11:8080/  => "127.0.0.1:$ports[0]",
    qr/10\.0\.0\.12:8080/  => "127.0.0.1:$ports[1]",
    qr{/etc/nginx/tls.crt} => $certificate,
    qr{/etc/nginx/tls.key} => $key,
}))->start;
$front->ua->ca($certificate);
my $url = "https://127.0.0.1:$balancer";

subtest 'behind a load balancer' => sub {
    my $account = {email => 'ada@example.com', password => 'correct horse battery staple'};
    $front->post_ok("$url/auth/register" => json => $account)->status_is(201);
    my $pair = $front->tx->res->json;
    $front->get_ok("$url/auth/me" => $front->bearer($pair))->status_is(200) for 1 .. 4;
    is $first->db->selectrow_array('SELECT count(*) FROM autoflow.sessions
        WHERE ip_address <<= inet \'127.0.0.0/8\''), 1, 'whose client is known';
    for my $node ($first, $second) {
        is $node->ua->get("http://127.0.0.1:$_/health/ready")->res->code, 200, 'ready' for @ports;
        like $node->error_log . path($node->dir, 'access.log')->slurp, qr{/auth/me}, 'has served';
    }

    my %from = ('X-Forwarded-Proto' => 'https', 'X-Forwarded-For' => '127.0.0.9');
    $front->get_ok("http://127.0.0.1:$_/metrics" => \%from)->status_is(200)
        ->content_like(qr/^autoflow_/m)
        for @ports;

    $front->post_ok("$url/auth/logout" => $front->bearer($pair))->status_is(204);
    for my $port (@ports) {
        $front->wait_for(sub { $front->ua->get("http://127.0.0.1:$port/auth/me" =>
            {%{$front->bearer($pair)}, 'X-Forwarded-Proto' => 'https',
            'X-Forwarded-For' => '192.0.2.1'})->res->code == 401 });
    }
    pass 'what one node has ended, both refuse';

    is $first->stop, 0, 'a node is removed';
    $front->post_ok("$url/auth/login" => json => $account)->status_is(200, 'another one goes on');
    $pair = $front->tx->res->json;
    $front->get_ok("$url/auth/me" => $front->bearer($pair))->status_is(200) for 1 .. 6;
};

subtest 'folders are handed out' => sub {
    my $dir = path($first->dir, 'hosts')->make_path;
    my ($from, $to) = map { $dir->child($_)->make_path } 'from', 'to';
    $from->child('autoflow')->make_path->child('secret')->spurt('new')->chmod(0600);
    my %stubs = (ssh => 'echo "$1" >&2; shift; exec sh -c "$*"', nginx => 'echo "nginx $*"');
    $dir->child($_)->spurt("#!/bin/sh\n$stubs{$_}\n")->chmod(0755) for keys %stubs;
    my %run = (env => {PATH => "$dir:$ENV{PATH}"},
        change => {qr{/etc/nginx -c} => "$from -c", qr{/etc/nginx -x} => "$to -x"});
    $guide->sh_ok(%run, like => qr/^tar/);
    is $to->child('autoflow/secret')->slurp, 'new', 'to a new node';
    is $to->child('autoflow/secret')->stat->mode & 0777, 0600, 'with its mode';
    like $guide->sh_ok(%run, like => qr/^for node/),
        qr/auth2\.internal.*-s\ reload.*auth3\.internal.*-s\ reload/xs, 'and to all, who reload';
    $guide->sql_ok($first->postgresql->url('postgres'), under => 'The database');
};

$guide->finish;
$front->finish;
$second->finish;
$first->finish;
done_testing;
