# Every algorithm, with keys and tokens of another library: its tokens are
# verified here, and ours there.  Which key is used for what, and how a key is
# replaced while requests are served.

use Mojo::Base -strict, -signatures;
use Crypt::JWT qw(decode_jwt encode_jwt);
use Crypt::PK::ECC;
use Crypt::PK::Ed25519;
use Crypt::PK::RSA;
use Digest::SHA qw(sha256);
use MIME::Base64 qw(decode_base64url encode_base64url);
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json encode_json false true);
use Test::Autoflow;
use Test::More;

my @hmac  = map { "HS$_" } 256, 384, 512;
my @rsa   = map { ("RS$_", "PS$_") } 256, 384, 512;
my %curve = (ES256 => 'secp256r1', ES384 => 'secp384r1', ES512 => 'secp521r1');
my @algs  = (@hmac, @rsa, sort(keys %curve), 'EdDSA');

sub ed25519 { Crypt::PK::Ed25519->new->generate_key }

my $rsa = Crypt::PK::RSA->new->generate_key(256);
my %key = (
    (map { $_ => "the secret of $_, " x 4 } @hmac),
    (map { $_ => $rsa } @rsa),
    (map { $_ => Crypt::PK::ECC->new->generate_key($curve{$_}) } keys %curve),
    EdDSA => ed25519(),
);

my ($pem_port, $set_port, $other_port) = map { Test::Autoflow::free_port() } 1 .. 3;
my $t = Test::Autoflow->new(
    server => 'location /app/ { autoflow_auth on; proxy_pass http://echo; }');

# a file with a key, as a value of autoflow_key
my $files = 0;
sub file ($text) {
    my $file = path($t->dir, 'key' . ++$files)->spurt($text);
    $file->chmod(0600);
    return "file:$file";
}
sub public ($key)  { ref $key ? file(pem($key, 'public'))  : 'hex:' . unpack 'H*', $key }
sub private ($key) { ref $key ? file(pem($key, 'private')) : 'hex:' . unpack 'H*', $key }

# a curve by its name; for Ed25519, which the library names otherwise, a JWK
sub pem ($key, $kind) {
    return $key->export_key_pem("${kind}_short") if $key->isa('Crypt::PK::ECC');
    return $key->export_key_jwk($kind) if $key->isa('Crypt::PK::Ed25519') && $kind eq 'private';
    return $key->export_key_pem($kind);
}

# likewise as a JWK
sub jwk ($alg) {
    my $key = $key{$alg};
    return {kid => $alg, alg => $alg, kty => 'oct', k => encode_base64url($key)} if !ref $key;
    return {kid => $alg, alg => $alg, %{$key->export_key_jwk('public', 1)}};
}

# a token of the library
my $claims = {iss => 'autoflow', sub => 'x', email => 'x@example.com'};
sub theirs ($alg, %options) {
    return encode_jwt(
        payload       => {exp => time + 600, %$claims, %{$options{claims} // {}}},
        alg           => $alg,
        key           => $key{$alg},
        extra_headers => {kid => $alg},
        %options{grep { exists $options{$_} } qw(key extra_headers)},
    );
}

sub get ($token, $url) { $t->get_ok($url => $t->bearer($token)) }
sub header ($token) {
    decode_json(decode_base64url((split /\./, ref $token ? $token->{access_token} : $token)[0])) }
sub login {
    $t->post_ok('/auth/login' => json => {email => 'ada@example.com',
        password => 'correct horse battery staple'})->tx->res->json }
sub jwks { $t->get_ok('/.well-known/jwks.json')->status_is(200)->tx->res->json }

my $shows_status = 'autoflow_auth on; add_header X-Status $autoflow_status always; proxy_pass '
    . 'http://echo;';
my $set = file(
    encode_json(
        {keys => [(map { jwk($_) } @algs), {kty => 'AKP', alg => 'ML-DSA-44', pub => 'AA'}]}));

$t->http(join "\n",
    map { "server { listen 127.0.0.1:$_->[0]; location / { $shows_status } $_->[1] }" } (
    [$pem_port => join "\n", map { "autoflow_key @{[public($key{$_})]} alg=$_ kid=$_;" } @algs],
    [$set_port => "autoflow_key $set;"],
));
$t->start;
my $ada = $t->register(email => 'ada@example.com');


for my $port ($pem_port, $set_port) {
    my $url = "http://127.0.0.1:$port/";

    subtest $port == $set_port ? 'theirs, by a JWK Set' : 'theirs, by PEM and secrets' => sub {
        for my $alg (@algs) {
            get(theirs($alg), $url)->status_is(200, $alg)->header_is('X-Status' => 'ok');
            get(theirs($alg, extra_headers => {}), $url)->status_is(200, "$alg, without a kid");

            my ($h, $p, $s) = split /\./, theirs($alg);
            my $other = encode_base64url(encode_json({%$claims, sub => 'root', exp => time + 600}));
            get("$h.$other.$s", $url)->status_is(401, "$alg, other claims")
                ->header_is('X-Status' => 'signature');
        }
        get($ada, $url)->status_is(401, 'a token of another server');
    };

    subtest 'algorithms are not interchangeable' => sub {
        for my $alg (@algs) {
            for my $kid (grep { $_ ne $alg } @algs) {
                my $tx = $t->ua->get(
                    $url => $t->bearer(theirs($alg, extra_headers => {kid => $kid})));
                is $tx->res->code . ' ' . $tx->res->headers->header('X-Status'), '401 signature',
                    "$alg as $kid";
            }
        }
        # the public key, in any form, must not be accepted as a secret
        for my $alg (grep { ref $key{$_} } @algs) {
            my $key = $key{$alg};
            for my $secret (map({ ($_, s/\n\z//r) } pem($key, 'public')),
                $key->export_key_jwk('public'), $alg eq 'EdDSA' ? $key->export_key_raw('public')
                : $key->export_key_der('public'))
            {
                for my $kid ($alg, 'HS256') {
                    get(theirs('HS256', key => $secret, extra_headers => {kid => $kid}), $url)
                        ->status_is(401)->header_is('X-Status' => 'signature');
                }
            }
        }
        my $mine = ed25519();
        get(theirs('EdDSA', key => $mine,
            extra_headers => {jwk => $mine->export_key_jwk('public', 1), jku => $url}), $url)
            ->status_is(401)->header_is('X-Status' => 'signature');
    };
}
like $t->error_log, qr/\[notice\].*"autoflow_key" skips key 14 of the set/,
    'what is skipped is logged';


subtest 'our tokens' => sub {
    for my $alg (@algs) {
        $t->settings({autoflow_key => private($key{$alg}) . " alg=$alg use=sign"})->reload->ready;

        my $pair = login();
        is header($pair)->{alg}, $alg, "$alg: is signed so";
        get($pair, '/auth/me')->status_is(200)->json_is('/email' => 'ada@example.com');
        get($pair, '/app/x')->status_is(200);

        my $jwks = jwks();
        $t->content_type_is('application/json')->header_is('Cache-Control' => 'no-store');

        if (ref $key{$alg}) {
            is_deeply [map { "@$_{qw(kid alg use)}" } @{$jwks->{keys}}],
                [header($pair)->{kid} . " $alg sig"],
                'its key is published';
            my $public = $key{$alg}->export_key_jwk('public', 1);
            is header($pair)->{kid}, encode_base64url(sha256(encode_json($public))),
                'by its thumbprint';
            is_deeply $jwks->{keys}[0], {%$public, kid => header($pair)->{kid}, alg => $alg,
                use => 'sig'},
                'the public part alone';
            is decode_jwt(token => $pair->{access_token}, kid_keys => $jwks)->{sub},
                $ada->{user}{id}, 'and verifies there';
        }
        else {
            is_deeply $jwks, {keys => []}, 'no secret is published';
            is decode_jwt(token => $pair->{access_token}, key => $key{$alg})->{sub},
                $ada->{user}{id}, 'but verifies there';
        }
    }
};


subtest 'which key signs' => sub {
    my ($first, $second, $foreign) = map { ed25519() } 1 .. 3;
    my $signer = sub (@keys) {
        $t->settings({autoflow_key => join '; autoflow_key ', @keys})->reload->ready;
        return header(login())->{kid};
    };
    is $signer->(private($first) . ' kid=1', private($second) . ' kid=2'), 1, 'the first';
    is $signer->(private($second) . ' kid=2', private($first) . ' kid=1'), 2, 'whichever it is';
    is $signer->(private($first) . ' kid=1 use=verify', private($second) . ' kid=2'), 2,
        'not one to verify';
    is $signer->(public($first) . ' kid=1', private($second) . ' kid=2'), 2, 'not a public one';
    is $signer->(private($foreign) . ' kid=3 issuer=them', private($second) . ' kid=2'), 2,
        "not another issuer's";
    is_deeply [map { $_->{kid} } @{jwks()->{keys}}], [2], 'which is not published either';
};


subtest "another issuer's tokens" => sub {
    my $them = 'https://other.example/';
    my $theirs = ed25519();
    $t->settings({autoflow_key => private($key{ES256}) . '; autoflow_key ' . public($theirs)
        . " kid=theirs issuer=$them"})
        ->reload->ready;

    # has all claims of our tokens, and more
    my $own = decode_jwt(token => login()->{access_token}, ignore_signature => 1);
    my $token = sub (%claims) {
        return encode_jwt(payload => {%$own, is_superuser => true, roles => ['admin'],
            iss => $them, %claims},
            alg => 'EdDSA', key => $theirs, extra_headers => {kid => 'theirs'});
    };
    get($token->(), '/app/x')->status_is(200, 'protect an upstream');
    get($token->(), '/auth/me')->problem_is(401, 'invalid_token', 'and get nothing from the API');
    get($token->(iss => 'autoflow'), $_)->status_is(401, "can't be ours") for '/app/x', '/auth/me';
    get($token->(iss => undef), '/app/x')->status_is(401, "can't be nobody's");

    my $ours = login()->{access_token};
    get($ours, $_)->status_is(200, 'while ours do') for '/app/x', '/auth/me';
    get(encode_jwt(payload => {%$own, iss => $them}, alg => 'ES256', key => $key{ES256}), '/app/x')
        ->status_is(401, 'if they say so');
};


subtest 'two servers' => sub {
    my $own = ed25519();
    $t->http("server {
        listen 127.0.0.1:$other_port;
        autoflow_key @{[private($own)]};
        location / { autoflow_api; }
        location /app/ { $shows_status }
    }");
    $t->settings({autoflow_key => private($key{EdDSA})})->reload->ready;
    my $other = "http://127.0.0.1:$other_port";

    my $here  = login();
    my $there = $t->ua->post("$other/auth/login" => json => {email => 'ada@example.com',
        password => $ada->{password}})->res->json;
    get($here,  '/auth/me')->status_is(200);
    get($there, "$other/auth/me")->status_is(200);
    get($there, $_)->status_is(401) for '/auth/me', '/app/x';
    get($here, "$other$_")->status_is(401) for '/auth/me', '/app/x';
    $t->header_is('X-Status' => 'unknown_key');

    is_deeply [map { $_->{kid} } @{jwks()->{keys}}], [header($here)->{kid}],
        'each publishes its own';
    is_deeply [map { $_->{kid} } @{$t->get_ok("$other/.well-known/jwks.json")
        ->tx->res->json->{keys}}],
        [header($there)->{kid}], 'and nothing else';
};


subtest 'a key is replaced while requests are served' => sub {
    my ($old, $new) = map { ed25519() } 1 .. 2;
    my ($by_old, $by_new) = (private($old) . ' kid=old', private($new) . ' kid=new');
    my $keys = sub (@keys) {
        # otherwise the session of the old token would soon be ended
        $t->settings({autoflow_key => join('; autoflow_key ', @keys),
        autoflow_sessions => 'account=1000'})->reload->ready;
    };
    $keys->($by_old);
    my $kept = login();

    # a token is issued, and valid, and so is the previous one
    my $before = $kept->{access_token};
    my $load = Test::Autoflow::Load->start(2, sub ($process, $round) {
        my $request = sub { $t->client->send(Test::Autoflow::Client::request(@_))->answer
            // {status => 0} };
        my $answer = $request->(POST => '/auth/login', {},
            encode_json({email => 'ada@example.com', password => $ada->{password}}));
        return "login $answer->{status}" if $answer->{status} != 200;

        my $token = decode_json($answer->{body})->{access_token};
        my @statuses = map { $request->(GET => '/app/x', $t->bearer($_))->{status} } $kept,
            $before, $token;
        $before = $token;
        return join ' ', header($token)->{kid}, @statuses;
    });
    $load->more(10);
    $keys->($by_old, "$by_new use=verify");
    $keys->($by_new, $by_old);
    $load->more(10);
    $keys->($by_new, "$by_old use=verify");
    my $count = $load->stop;
    is_deeply [sort keys %$count], ['new 200 200 200', 'old 200 200 200'],
        'every token was good all the time'
        or diag explain $count;
    cmp_ok $count->{$_} // 0, '>', 3, $_ for 'old 200 200 200', 'new 200 200 200';

    my $last = login();
    $keys->($by_new);
    $t->ready;
    get($kept, '/auth/me')->problem_is(401, 'invalid_token', 'then the old one is gone');
    get($last, '/auth/me')->status_is(200, 'and the new one stays');
};

$t->finish;
done_testing;
