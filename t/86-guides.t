# Short blocks of the documents, as they stand there.

use Mojo::Base -strict, -signatures;
use File::Temp;
use MIME::Base64 qw(encode_base64url);
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json encode_json);
use Test::Autoflow;
use Test::Autoflow::Guide;
use Test::More;

my $t = Test::Autoflow->new(server => <<'END')->start;
location /app/ {
    autoflow_auth on;
    proxy_pass http://echo;
    proxy_set_header X-User-Id    $autoflow_user_id;
    proxy_set_header X-User-Email $autoflow_email;
}
END
my $id    = '01a1fe0b-f87f-7680-8fe3-ceb96780edf1';
my $url   = $t->postgresql->url('autoflow');
my $check = Test::Autoflow->new(beside => $t);       # for nginx -t

subtest 'README.md' => sub {
    my $guide = Test::Autoflow::Guide->new('README.md');
    my $port  = $t->port;
    my ($output) = $guide->sh_ok(like => qr/^TOKEN=/,
        change => {qr/\blocalhost:8080\b/ => "127.0.0.1:$port"});
    my ($token, $account, $app) = split /\n/, $output;
    like $token, qr/^eyJ[\w.-]+$/, 'a token';
    like decode_json($account)->{email}, qr/^ada-\d+\@example\.com$/, 'its account';
    is decode_json($app)->{email}, decode_json($account)->{email}, 'which an upstream gets';
    $guide->nginx_ok($check, under => 'Protecting an upstream');
    $guide->nginx_ok(
        Test::Autoflow->new(beside => $t,
            settings => {autoflow_pages_dir => "$Test::Autoflow::root/pages"}),
        under => 'Sites that people sign in to');
    $guide->finish;

    # "change the proxy_pass of /app/", and what run makes of it
    my $dir = File::Temp->newdir;
    system('cp', '-r', map({ "$Test::Autoflow::root/$_" } 'conf', 'build.sh'), "$dir") == 0 or die;
    my $conf = path($dir, 'conf/nginx.conf');
    $conf->spurt($conf->slurp =~ s{(/app/ .*?127\.0\.0\.1:)8081}{${1}3000}sr);
    path($dir, "state/$_")->make_path for 'conf', 'modules', 'keys';
    my $script = path($dir, 'build.sh')->slurp =~ s/^case \$\{1-\} in.*//msr;
    path($dir, 'build.sh')->spurt("$script\nout=\$root place=\$state; write_configuration\n");
    local @ENV{'AUTOFLOW_STATE', 'AUTOFLOW_PORT'} = ("$dir/state", 8170);
    is system('bash', "$dir/build.sh"), 0, 'run writes its configuration';
    my %to = path($dir, 'state/conf/nginx.conf')->slurp
        =~ m{location (/app/|/open/) \{.*?proxy_pass\s+(\S+);}gs;
    is_deeply \%to, {'/app/' => 'http://127.0.0.1:3000', '/open/' => 'http://127.0.0.1:8171'},
        'with an upstream of your own';
};

subtest 'keys.md' => sub {
    my $guide = Test::Autoflow::Guide->new('keys.md');
    like $guide->sql_ok($url, under => 'Sealing passwords'), qr/^not sealed\|1\|/, 'one account';

    my $dir  = path($check->dir, 'keys')->make_path;
    my @make = ("$Test::Autoflow::root/tools/autoflow", '--config', '/dev/null', 'make-key');
    system(@make, 'signing', "$dir/$_.pem") == 0 or die for qw(signing 2025 2026);
    system(@make, 'secret', "$dir/$_") == 0 or die for qw(secret secret.2026 seal);
    system("cd $dir && openssl genpkey -algorithm RSA -out rsa.pem 2>/dev/null"
        . ' && openssl pkey -in 2025.pem -pubout -out partner.pub') == 0 or die;
    $dir->child('partner.json')->spurt(encode_json {keys => [
        {kty => 'OKP', crv => 'Ed25519', x => '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'}]});
    $guide->nginx_ok($check, under => $_)
        for 'Which kind', 'Making one', 'Replacing one, without a gap';
    $check->api(0);
    $guide->nginx_ok($check, under => $_) for 'Its name', 'Other issuers';
    $check->api(1);
    $guide->nginx_ok($check, under => $_, change => {qr{/etc/nginx/autoflow} => $dir})
        for 'Replacing the secret', 'Sealing passwords';
    $guide->finish;
};

# what checks requests in place of others
sub moved ($guide) {
    $guide->nginx_ok($check, under => 'oauth2-proxy, and others by auth_request');

    my %none = map { ("autoflow_$_" => undef) } qw(database secret password attempts key);
    my $moved = Test::Autoflow->new(beside => $t, api => 0, lanes => 0, settings => \%none,
        server => $guide->text(like => qr/autoflow_realm/, language => 'nginx',
        change => {qr/127\.0\.0\.1:8081/ => 'echo'}));
    path($moved->dir, 'keys')->make_path->child('issuer.jwk')->spurt(encode_json(
        {kty => 'oct', alg => 'HS256', k => encode_base64url($moved->key)}));
    $moved->start;
    my $token = sub (%claims) {
        return {Cookie => 'session=' . $moved->token({iss => 'https://issuer.example/',
            sub => 'ada', verified => \1, %claims})};
    };
    $moved->get_ok('/app/x' => $token->())->status_is(200)->json_is('/user_id' => 'ada');
    $moved->get_ok('/app/x' => $token->(iss => 'autoflow'))->status_is(401);
    $moved->get_ok('/app/x' => $token->(verified => $_))->status_is(401) for undef, \0;
    $moved->get_ok('/app/x')->status_is(401)
        ->header_is('WWW-Authenticate' => 'Bearer realm="app"');
    $moved->finish;

    my ($table) = path("$Test::Autoflow::root/docs/moving.md")->slurp
        =~ /^\| GoTrue \| here \|\n(.*?)\n\n/ms;
    my @calls = map { [/\| `(\w+) ([^`]+)`[^|]*\|$/] } (split /\n/, $table)[1 .. 17];
    is scalar(grep { @$_ } @calls), 17, 'calls of GoTrue';
    for my $call (@calls) {
        my ($method, $path) = ($call->[0], $call->[1] =~ s/\{id\}/$id/r =~ s/=(?=&|$)/=1/gr);
        my $tx = $t->ua->start($t->ua->build_tx($method => "/api/v1$path" => json => {}));
        unlike $tx->res->code, qr/^40[45]$/, "$method $path is there";
    }
}

subtest 'moving.md' => sub {
    my $guide = Test::Autoflow::Guide->new('moving.md');
    $t->db->do($_) for q{CREATE SCHEMA old},
        q{CREATE TABLE old.users (id integer, mail text, pwd text)},
        q{INSERT INTO old.users VALUES (7, 'old@example.com', NULL)},
        q{CREATE TABLE public.orders AS SELECT 7 AS user_id, NULL::uuid AS account_id},
        q{INSERT INTO autoflow.imported_accounts (source, source_id, user_id)
            SELECT 'django', 7, id FROM autoflow.users};
    $guide->sql_ok($url, under => 'Ids');
    is $t->db->selectrow_array('SELECT count(*) FROM orders JOIN autoflow.users u
        ON u.id = account_id'), 1, 'what refers to accounts follows';
    like $guide->sql_ok($url, under => 'In SQL'), qr/created/, 'an account is created';
    moved($guide);
    $guide->finish;
};

subtest 'operations.md' => sub {
    my $guide = Test::Autoflow::Guide->new('operations.md');
    $guide->sql_ok($url, under => $_)
        for 'Jobs', 'The audit\'s partitions', 'Following the audit';
    $t->db->do(q{INSERT INTO autoflow.roles (name) VALUES ('editor'), ('writer')});
    $guide->sql_ok($url, under => 'Changing roles by SQL');
    is_deeply $t->db->selectcol_arrayref('SELECT name FROM autoflow.roles
        WHERE deleted_at IS NULL'), ['author'], 'one is renamed';
    $guide->finish;
};

subtest 'passwords.md' => sub {
    my $guide = Test::Autoflow::Guide->new('passwords.md');
    like $guide->sql_ok($url, under => 'Hashes of other systems'), qr/^malformed$/m, 'an ellipsis';
    $guide->finish;
};

subtest 'production.md' => sub {
    my $guide = Test::Autoflow::Guide->new('production.md');
    $guide->sql_ok($url, under => 'The role');
    ok $t->db->selectrow_array(q{SELECT has_table_privilege('web', 'autoflow.users', 'SELECT')
        AND NOT has_database_privilege('public', 'autoflow', 'CONNECT')}), 'which it has';
    $guide->nginx_ok($check, under => 'Behind another proxy');
    $guide->finish;
};

subtest 'security-memory.md' => sub {
    my $guide = Test::Autoflow::Guide->new('security-memory.md');
    $guide->nginx_ok($check, language => 'nginx');
    $guide->finish;
};

$t->finish;
done_testing;
