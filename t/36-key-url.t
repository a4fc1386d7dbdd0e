# autoflow_key_url: another issuer's keys, fetched off the loop by HTTPS, kept
# when they can't be fetched again, and fetched anew for an unknown token.

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
        {iss => 'https://issuer.example', sub => 'someone', exp => time + 600, %claims};
    path("$dir/input")->spurt($input);
    my $sig = `openssl pkeyutl -sign -rawin -inkey $key->{file} -in $dir/input`;
    return "$input." . encode_base64url($sig);
}

sub publish (@keys) {
    path("$dir/jwks.json")->spurt(encode_json({keys => [map { $_->{jwk} } @keys]}));
}

my ($first, $second) = map { make_key($_) } qw(first second);
my $port = Test::Autoflow::free_port();
publish($first);

# the issuer is a server of its own, which can be stopped
my $issuer = Test::Autoflow->new(
    api      => 0,
    settings => {map { ("autoflow_$_" => undef) } qw(database secret key password environment)},
    http     => "server { listen 127.0.0.1:$port; location = /jwks.json { root $dir; } }",
);

my $t = Test::Autoflow->new(
    settings => {autoflow_key_url =>
        "http://127.0.0.1:$port/jwks.json issuer=https://issuer.example refresh=1s"},
    server => 'location /app/ {
        autoflow_auth on;
        add_header X-Status $autoflow_status always;
        proxy_set_header X-User-Id $autoflow_user_id;
        proxy_pass http://echo;
    }',
    allow => [qr/can't fetch the keys/],
);

sub get ($token, $path = '/app/x') { $t->get_ok($path => {Authorization => "Bearer $token"}) }

sub comes_true ($token, $status) {
    $t->wait_for(sub { $t->ua->get('/app/x' => {Authorization => "Bearer $token"})->res->code == $status });
    pass "in the end: $status";
}

$t->start;

subtest 'before the keys could be fetched' => sub {
    get(token($first))->status_is(503)->header_is('X-Status' => 'unavailable');
    $t->get_ok('/app/x')->status_is(401)->header_is('X-Status' => 'missing');
    my $ada = $t->register;
    $t->get_ok('/app/x' => $t->bearer($ada))->status_is(200);
    like $t->error_log, qr{can't fetch the keys of "http://127.0.0.1:$port/jwks.json": \w}, 'the log says why';
};

subtest 'when they have come' => sub {
    $issuer->start_nginx;
    comes_true(token($first), 200);
    get(token($first))->json_is('/user_id' => 'someone');
    get(token($first, iss => 'https://other.example'))->status_is(401)->header_is('X-Status' => 'issuer');
    get(token($first, exp => time - 10))->status_is(401)->header_is('X-Status' => 'expired');
    get(token($second))->status_is(401)->header_is('X-Status' => 'signature');
};

subtest 'they protect upstreams, and that is all' => sub {
    my $id = '00000000-0000-7000-8000-000000000000';
    get(token($first, sub => $id, sid => $id, epoch => 0, is_superuser => \1), '/auth/me')
        ->status_is(401)->json_is('/code' => 'invalid_token');
};

subtest 'a key that is published later, and one that no longer is' => sub {
    publish($second);
    comes_true(token($second), 200);
    my $old = token($first);
    comes_true($old, 401);
};

subtest 'what is no set of keys changes nothing' => sub {
    path("$dir/jwks.json")->spurt('<html>');
    sleep 3;
    get(token($second))->status_is(200);
    publish($second);
};

subtest 'the issuer is away' => sub {
    is $issuer->stop, 0, 'its server stops';
    sleep 3;
    get(token($second))->status_is(200);
};

subtest 'a token is judged by its time, however often it came' => sub {
    my $short = token($second, exp => time + 2);
    get($short)->status_is(200);
    get($short)->status_is(200);
    comes_true($short, 401);
    get($short)->header_is('X-Status' => 'expired');
};

$t->finish;
done_testing;
