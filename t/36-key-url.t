# autoflow_key_url: another issuer's keys, fetched by HTTPS without blocking,
# kept when fetching fails, and fetched again for an unknown key id.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path tempdir);
use Mojo::JSON qw(encode_json);
use MIME::Base64 qw(encode_base64url);
use Digest::SHA qw(hmac_sha256);
use Test::Autoflow;
use Test::More;

my $dir = tempdir;
chmod 0755, $dir;

# an Ed25519 key in files, its public half as a JWK; both by openssl
sub make_key ($kid) {
    my $file = "$dir/$kid.pem";
    system("openssl genpkey -algorithm ed25519 -out $file 2>/dev/null") == 0 or die;
    my $public = substr `openssl pkey -in $file -pubout -outform DER`, -32;
    return {file => $file, kid => $kid,
        jwk => {kty => 'OKP', crv => 'Ed25519', kid => $kid, x => encode_base64url($public)}};
}

sub token ($key, %claims) {
    my $input = join '.', map { encode_base64url(encode_json($_)) }
        {alg => 'EdDSA', kid => $key->{kid}},
        {iss => 'https://issuer.example', sub => 'someone', exp => time + 86_400, %claims};
    path("$dir/input")->spurt($input);
    my $sig = `openssl pkeyutl -sign -rawin -inkey $key->{file} -in $dir/input`;
    return "$input." . encode_base64url($sig);
}

sub publish (@keys) {
    path("$dir/jwks.json")->spurt(encode_json({keys => [map { $_->{jwk} } @keys]}));
}

my $hosts = Test::Autoflow::free_port();
my ($first, $second) = map { make_key($_) } qw(first second);
my $port = Test::Autoflow::free_port();

# the issuer is a separate server, which can be stopped
my $issuer = Test::Autoflow->new(
    api      => 0,
    settings => {map { ("autoflow_$_" => undef) } qw(database secret key password environment)},
    http     => "server { listen 127.0.0.1:$port; root $dir; location = /moved.json { return 302 "
    . "/jwks.json; } }",
);

my $t = Test::Autoflow->new(
    clock    => 1,
    settings => {autoflow_key_url =>
        "http://127.0.0.1:$port/jwks.json issuer=https://issuer.example refresh=1s"},
    server => 'location /app/ {
        autoflow_auth on;
        add_header X-Status $autoflow_status always;
        proxy_set_header X-User-Id $autoflow_user_id;
        proxy_pass http://echo;
    }',
    allow => [qr/can't fetch the keys/, qr/exited on signal 9/],
);

# other virtual servers: one that fetches rarely, one with two names of the
# issuer
$t->http(join "\n", map { "server {
        listen 127.0.0.1:$hosts;
        server_name $_->[0];
        autoflow_key hex:" . unpack('H*', $t->key) . " kid=ours;
        @{[map { qq{autoflow_key_url http://127.0.0.1:$port$_;} } @{$_->[1]}]}
        autoflow_auth on;
        add_header X-Status \$autoflow_status always;
        location / { proxy_pass http://echo; }
    }" } ['rarely', ['/rarely.json issuer=https://issuer.example refresh=1h']],
         ['names',
         ['/jwks.json issuer=https://one.example', '/jwks.json issuer=https://two.example']],
         ['moved', ['/moved.json issuer=https://issuer.example']]);

sub get_from ($host, $token) {
    $t->get_ok("http://127.0.0.1:$hosts/" => {Host => $host, Authorization => "Bearer $token"});
}

sub get ($token, $path = '/app/x') { $t->get_ok($path => {Authorization => "Bearer $token"}) }

sub comes_true ($token, $status, $host = '') {
    my $url = $host ? "http://127.0.0.1:$hosts/" : '/app/x';
    $t->pass_until(0.2, sub {
        $t->ua->get($url => {Host => $host, Authorization => "Bearer $token"})
            ->res->code == $status;
    });
    pass "in the end: $status";
}

publish($first);
path("$dir/rarely.json")->spurt(path("$dir/jwks.json")->slurp);
$t->start;

# how often a set was fetched; waits until it was fetched twice more: what was
# requested before the first of these is then fetched and in use
sub fetches_of ($path) { scalar(() = path($issuer->dir, 'access.log')->slurp =~ m{"GET $path }g) }

sub fetched_again ($path) {
    my $before = fetches_of($path);
    $t->pass_until(0.2, sub { fetches_of($path) >= $before + 2 });
}

subtest 'before the keys are fetched' => sub {
    get(token($first))->status_is(503)->header_is('X-Status' => 'unavailable');
    $t->get_ok('/app/x')->status_is(401)->header_is('X-Status' => 'missing');
    get_from(rarely => token($first))->status_is(503);
    get_from(rarely => $t->token({iss => 'autoflow'}, key => 'x' x 32,
        header => {alg => 'HS256', kid => 'ours'}))
        ->status_is(401)->header_is('X-Status' => 'signature');
    my $ada = $t->register;
    $t->get_ok('/app/x' => $t->bearer($ada))->status_is(200);
    my $why = qr{can't fetch the keys of "http://127.0.0.1:$port/jwks.json": \w};
    ok $t->wait_for(sub { $t->error_log =~ $why }), 'with the reason in the log';
};

subtest 'after the keys are fetched' => sub {
    $issuer->start_nginx;
    comes_true(token($first), 200);
    get(token($first))->json_is('/user_id' => 'someone');
    get(token($first, iss => 'https://other.example'))->status_is(401)
        ->header_is('X-Status' => 'issuer');
    get(token($first, exp => time - 10))->status_is(401)->header_is('X-Status' => 'expired');
    get(token($second))->status_is(401)->header_is('X-Status' => 'unknown_key');
};

subtest 'one that is fetched rarely' => sub { comes_true(token($first), 200, 'rarely') };

subtest 'an issuer with two names publishes one set' => sub {
    comes_true(token($first, iss => "https://$_.example"), 200, 'names') for qw(one two);
    get_from(names => token($first))->status_is(401)->header_is('X-Status' => 'issuer');
    get_from(names => token($first, iss => 'https://two.example', exp => time - 1))
        ->status_is(401)->header_is('X-Status' => 'expired');
};

subtest 'a redirect is not followed' => sub {
    get_from(moved => token($first))->status_is(503);
    my $said = qr{the keys of "\S+/moved.json": The requested URL returned 302, not 200};
    $t->wait_for(sub { $t->error_log =~ $said });
    pass 'logged';
};

subtest 'third-party tokens only protect upstreams' => sub {
    my $id = '00000000-0000-7000-8000-000000000000';
    get(token($first, sub => $id, sid => $id, epoch => 0, is_superuser => \1), '/auth/me')
        ->status_is(401)->json_is('/code' => 'invalid_token');
};

subtest 'keys that are added and removed' => sub {
    publish($second);
    comes_true(token($second), 200);
    my $old = token($first);
    comes_true($old, 401);
};

subtest 'two keys with one id, and one without' => sub {
    my ($twin, $nameless) = map { make_key($_) } 'twin', 'nameless';
    $twin->{jwk}{kid} = $twin->{kid} = 'second';
    delete $nameless->{jwk}{kid};
    publish($second, $twin, $nameless);
    comes_true(token($twin), 200);
    get(token($_))->status_is(200) for $second, {%$nameless, kid => 'whatever'};
    get(token({%$nameless, kid => 'second'}))->status_is(401)->header_is('X-Status' => 'signature');
    get(token({%$first, kid => 'whatever'}))->status_is(401)
        ->header_is('X-Status' => 'unknown_key');
    publish($second);
    comes_true(token($twin), 401);
};

# a token that anyone could make with the published keys
sub token_by ($secret) {
    return Test::Autoflow::sign($secret, '{"alg":"HS256"}',
        encode_json({iss => 'https://issuer.example', sub => 'someone', exp => time + 600}));
}

subtest 'an invalid key set changes nothing' => sub {
    my $page = '<html><title>It works</title><body>' . 'Welcome! ' x 9 . '</body></html>';
    for my $text ('<html>', $page, path($second->{file})->slurp, '{"keys":[]}',
        encode_json($first->{jwk})) {
        path("$dir/jwks.json")->spurt($text);
        fetched_again('/jwks.json');
        get(token($second))->status_is(200);
        get(token_by($_))->status_is(401)->header_is('X-Status' => 'signature') for $text,
            $text =~ s/\n\z//r;
        get(token($first))->status_is(401);
    }
    publish($second);
};

subtest 'secrets are ignored, and invalid keys affect no others' => sub {
    my $secret = {kty => 'oct', kid => 'x', k => encode_base64url('k' x 32)};
    my $broken = {kty => 'RSA', n => 'AQAB', e => 'AQAB'};
    my $private = make_key('private');
    $private->{jwk}{d} = encode_base64url(substr `openssl pkey -in $private->{file} -outform DER`,
        -32);

    path("$dir/jwks.json")
        ->spurt(encode_json({keys => [$secret, $private->{jwk}, $broken, 1, $first->{jwk}]}));
    comes_true(token($first), 200);
    get(token($private))->status_is(401)->header_is('X-Status' => 'unknown_key');
    get(token_by('k' x 32))->status_is(401)->header_is('X-Status' => 'signature');
    publish($second);
    comes_true(token($second), 200);
};

# how often that set was fetched
sub fetches { fetches_of('/rarely.json') }

subtest 'unknown key ids are fetched, but rarely' => sub {
    is fetches(), 1, 'once up to now';
    $t->pass(31);

    path("$dir/rarely.json")->spurt(path("$dir/jwks.json")->slurp);     # the second
    get_from(rarely => token($_))->status_is(401)->header_is('X-Status' => 'signature')
        for {%$second, kid => 'first'}, {%$second, kid => 'ours'};
    get_from(rarely => token($first))->status_is(200);
    fetched_again('/jwks.json');
    is fetches(), 1, 'not for a wrong signature of a key that is there';

    get_from(rarely => token($second))->status_is(401)->header_is('X-Status' => 'unknown_key');
    comes_true(token($second), 200, 'rarely');
    is fetches(), 2, 'for one that is not';

    get_from(rarely => token({%$second, kid => "x$_"}))->status_is(401) for 1 .. 5;
    fetched_again('/jwks.json');
    is fetches(), 2, 'not again at once';
};

subtest 'the issuer is down' => sub {
    is $issuer->stop, 0, 'its server stops';
    $t->pass_until(0.2, sub { $t->error_log =~ m{can't fetch the keys of "\S+:$port/jwks.json"} });
    get(token($second))->status_is(200);

    # reloads and dying workers lose no keys
    $t->reload;
    get(token($second))->status_is(200);
    get_from(rarely => token($second))->status_is(200);
    get_from(moved => token($second))->status_is(503);

    my ($pid) = $t->worker_pids;
    kill KILL => $pid;
    $t->wait_for(sub { $t->workers_are($pid) });
    get(token($second))->status_is(200);
};

subtest 'cached tokens expire' => sub {
    $t->hold;
    my $short = token($second, exp => 2 + int $t->now);
    get($short)->status_is(200) for 1, 2;
    $t->pass(2);
    get($short)->status_is(401)->header_is('X-Status' => 'expired');
};

$t->finish;
done_testing;
