# autoflow_key_url by HTTPS, of an issuer whose certificate is signed by a
# private CA.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path tempdir);
use Mojo::JSON qw(encode_json);
use MIME::Base64 qw(encode_base64url);
use Test::Autoflow;
use Test::More;

my $dir = tempdir;
chmod 0755, $dir;
my ($port, $hosts) = map { Test::Autoflow::free_port() } 1 .. 2;

sub openssl ($command) { system("cd $dir && openssl $command 2>/dev/null") == 0
    or die "openssl $command" }

# two CAs, and a certificate of each for the issuer's address
my $key = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';
for my $ca (qw(private other)) {
    openssl("req -x509 $key -keyout $ca.key -out $ca.pem -days 2 -subj '/CN=The $ca CA'");
    openssl("req -x509 $key -keyout $ca-issuer.key -out $ca-issuer.pem -days 2 -subj /CN=issuer "
        . "-addext subjectAltName=IP:127.0.0.1 -CA $ca.pem -CAkey $ca.key");
}

openssl('genpkey -algorithm ed25519 -out signing.pem');
my $public = substr `openssl pkey -in $dir/signing.pem -pubout -outform DER`, -32;
path("$dir/jwks.json")->spurt(encode_json({keys => [{kty => 'OKP', crv => 'Ed25519', kid => 'a',
    x => encode_base64url($public)}]}));

my $token = do {
    my $input = join '.', map { encode_base64url(encode_json($_)) }
        {alg => 'EdDSA', kid => 'a'}, {iss => 'https://issuer.example', exp => time + 600};
    path("$dir/input")->spurt($input);
    # octets, not lines: a signature may contain a newline
    "$input."
    . encode_base64url(
    scalar `openssl pkeyutl -sign -rawin -inkey $dir/signing.pem -in $dir/input`);
};

my $issuer = Test::Autoflow->new(
    api      => 0,
    settings => {map { ("autoflow_$_" => undef) } qw(database secret key password environment)},
);

sub certified_by ($ca) {
    $issuer->http("server {
        listen 127.0.0.1:$port ssl;
        listen 127.0.0.2:$port ssl;
        ssl_certificate $dir/$ca-issuer.pem;
        ssl_certificate_key $dir/$ca-issuer.key;
        location = /jwks.json { root $dir; }
    }");
}

# a virtual server for each configuration
my %asks = (
    private => "https://127.0.0.1:$port/jwks.json ca=$dir/private.pem",
    other   => "https://127.0.0.1:$port/jwks.json ca=$dir/other.pem",
    system  => "https://127.0.0.1:$port/jwks.json",
    address => "https://127.0.0.2:$port/jwks.json ca=$dir/private.pem",
);
my $t = Test::Autoflow->new;
$t->http(join "\n", map { "server {
        listen 127.0.0.1:$hosts;
        server_name $_;
        autoflow_key_url $asks{$_} issuer=https://issuer.example refresh=1s;
        autoflow_auth on;
        add_header X-Status \$autoflow_status always;
        location / { proxy_pass http://echo; }
    }" } sort keys %asks);

sub status_of ($host) {
    $t->ua->get("http://127.0.0.1:$hosts/" => {Host => $host, Authorization => "Bearer $token"})
        ->res->code;
}

sub logged ($url, $reason, $name) {
    $t->wait_for(
        sub { $t->error_log =~ /\[error\].*can't fetch the keys of "\Q$url\E": .*$reason/ });
    pass $name;
}

certified_by('private');
$issuer->start_nginx;
$t->start;

subtest 'only certificates of a trusted CA are accepted' => sub {
    $t->wait_for(sub { status_of('private') == 200 });
    pass 'its CA is named: the keys come';

    logged("https://127.0.0.1:$port/jwks.json",
        'certificate problem: unable to get local issuer certificate',
        'another CA: the log says why');
    is status_of('other'), 503, '... and there are no keys';
    is status_of('system'), 503, 'the CAs of the system are none of these';

    logged("https://127.0.0.2:$port/jwks.json", "target host name '127.0.0.2'",
        'the certificate is for another address: the log says so');
    is status_of('address'), 503, '... and there are no keys';
};

subtest 'a certificate of another CA' => sub {
    certified_by('other');
    $issuer->reload;
    $t->wait_for(sub { status_of('other') == 200 });
    pass 'who knows that one gets the keys now';

    $t->wait_for(
        sub { 3 <= (() = $t->error_log =~ /\[error\].*127\.0\.0\.1.*certificate problem/g) });
    pass 'who got them before is told why no new ones come';
    is status_of('private'), 200, '... and keeps the old ones';
};

subtest 'a reload reads the CA file again' => sub {
    path("$dir/private.pem")->spurt(path("$dir/other.pem")->slurp, path("$dir/private.pem")->slurp);
    $t->reload;
    $t->wait_for(sub { status_of('private') == 200 });
    pass 'it may name several';
};

is $issuer->stop, 0, 'the issuer stops';
$t->finish;
done_testing;
