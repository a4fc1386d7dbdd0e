# autoflow_auth: only requests with a valid token reach the location, and
# variables about them can't be forged.

use Mojo::Base -strict, -signatures;
use MIME::Base64 qw(encode_base64 encode_base64url);
use Mojo::JSON qw(encode_json);
use Test::Autoflow;
use Test::More;

my $other_port = Test::Autoflow::free_port();
my $identity = '
    proxy_set_header X-User-Id    $autoflow_user_id;
    proxy_set_header X-User-Email $autoflow_email;
    proxy_set_header X-User-Roles $autoflow_roles;
    proxy_set_header X-Session-Id $autoflow_session_id;
    add_header X-Status $autoflow_status always;
    proxy_pass http://echo;';

my $t = Test::Autoflow->new(
    server => qq{
        large_client_header_buffers 4 32k;
        location /app/  { autoflow_auth on; $identity }
        location /open/ { $identity }
        location /either/ {
            satisfy any; allow 127.0.0.2; deny all;
            autoflow_auth on; $identity
        }
        location /both/ { allow 127.0.0.2; deny all; autoflow_auth on; $identity }
        location /page/ { autoflow_auth on; error_page 401 /login; $identity }
        location = /login {
            add_header X-Status \$autoflow_status always; return 200 "please log in";
        }
        location /read/ { limit_except GET { autoflow_auth on; } $identity }
        location /named/ { autoflow_auth on; autoflow_realm "the \$host\$http_x_more"; $identity }
        location /app/public/ { autoflow_auth off; $identity }
    },
    http => qq{
        server {
            listen 127.0.0.1:$other_port;
            autoflow_issuer  https://other.example/;
            autoflow_audience one two;
            autoflow_leeway 30s;
            autoflow_key hex:${\ unpack 'H*', 'new' x 16 } kid=new;
            autoflow_key hex:${\ unpack 'H*', 'old' x 16 } kid=old;
            autoflow_auth on;
            location / { $identity }
        }
    },
)->start;

my $ada = $t->register(email => 'ada@example.com');
my $id  = $ada->{user}{id};

sub get ($token, $path = '/app/x') { $t->get_ok($path => $token ? $t->bearer($token) : {}) }

sub refused ($token, $status, $name) {
    subtest $name => sub {
        get($token)->status_is(401)->header_is('X-Status' => $status)
            ->header_is('WWW-Authenticate' => 'Bearer realm="autoflow", error="invalid_token", '
                . 'error_description="'
                . ({expired => 'token_expired', not_yet_valid => 'token_not_yet_valid'}->{$status}
                // 'invalid_token') . '"');
    };
}


subtest 'without a token' => sub {
    get(undef)->status_is(401)->header_is('X-Status' => 'missing')
        ->header_is('WWW-Authenticate' => 'Bearer realm="autoflow"')
        ->content_type_is('text/html')->content_like(qr/401 Authorization Required/);
    $t->get_ok('/app/x' => {Authorization => $_})->status_is(401)
        for 'Basic YTpi', 'Bearer', '', 'bear ' . $ada->{access_token}, $ada->{access_token};
    $t->post_ok('/app/x' => 'a body')->status_is(401);
    $t->head_ok('/app/x')->status_is(401);
    $t->get_ok("/app/x?access_token=$ada->{access_token}")->status_is(401);
};

subtest 'with one' => sub {
    get($ada)->status_is(200)->header_is('X-Status' => 'ok')
        ->json_is('/uri' => '/app/x')->json_is('/user_id' => $id)
        ->json_is('/email' => 'ada@example.com')->json_is('/roles' => '')
        ->json_like('/session_id' => qr/^[0-9a-f-]{36}$/);
    $t->get_ok('/app/x' => {Authorization => "$_ $ada->{access_token}"})->status_is(200)
        for 'bearer', 'BEARER', 'Bearer  ';
    $t->post_ok('/app/x' => $t->bearer($ada) => 'a body')->status_is(200);
};

# later versions of nginx don't even ask us
subtest 'with two, of which an upstream may take the other' => sub {
    for my $other ('Bearer junk', "Bearer $ada->{access_token}", 'Basic YTpi') {
        $t->get_ok('/app/x' => {Authorization => ["Bearer $ada->{access_token}", $other]});
        like $t->tx->res->code, qr/^40[01]$/, $other =~ s/ .*//r;
    }
};

subtest 'headers of the client are not trusted' => sub {
    my %spoofed = ('X-User-Id' => 'root', 'x-user-email' => 'root@example.com',
        'X-USER-ROLES' => 'admin',
        'X_User_Id' => 'root');
    $t->get_ok('/app/x' => {%spoofed, %{$t->bearer($ada)}})->json_is('/user_id' => $id)
        ->json_is('/email' => 'ada@example.com')->json_is('/roles' => '');
    $t->get_ok('/open/x' => \%spoofed)->status_is(200)->json_is('/user_id' => '')
        ->json_is('/email' => '')->json_is('/roles' => '');
};


# From here on, tokens are signed with the right key, except where that is the
# fault

my %claims = (sub => $id, sid => $id, epoch => 0, email => 'ada@example.com', roles => ['a', 'b']);
my $header = '{"alg":"HS256","typ":"JWT"}';
my $claims = encode_json({%claims, iss => 'autoflow', exp => time + 600});
my $token  = $t->token(\%claims);
my ($h, $p, $s) = split /\./, $token;

sub signed ($header, $claims) { Test::Autoflow::sign($t->key, $header, $claims) }

get($token)->status_is(200)->json_is('/roles' => 'a,b');
get(signed($header, $claims))->status_is(200);

subtest 'malformed' => sub {
    my $last = sub ($signature) {     # the same octets, in another spelling
        my $alphabet = join '', 'A' .. 'Z', 'a' .. 'z', 0 .. 9, '-', '_';
        my $i = index $alphabet, substr $signature, -1;
        return substr($signature, 0, -1) . substr $alphabet, $i ^ 1, 1;
    };
    my %malformed = (
        'no dots'              => 'x',
        'only dots'            => '..',
        'two parts'            => "$h.$p",
        'no signature'         => "$h.$p.",
        'four parts'           => "$token.x",
        'a dot behind it'      => "$token.",
        'five parts'           => "$h.$p.$s.$p.$s",
        'no header'            => ".$p.$s",
        'padding'              => "$token=",
        'padding in a part'    => join('.', map { encode_base64($_, '') } $header,
        '{"a":1}', 'x' x 32),
        'a signature spelled otherwise' => "$h.$p." . $last->($s),
        'plus and slash'       => "$h.$p." . ('+/' x 21) . '+',
        'a header that is no JSON'  => signed('{', $claims),
        'a header that is an array' => signed('[]', $claims),
        'claims that are no JSON'   => signed($header, 'x'),
        'claims that are an array'  => signed($header, "[$claims]"),
        'claims that are empty'     => signed($header, ''),
        'something behind the claims' => signed($header, "$claims x"),
        'a member of the header twice' => signed('{"alg":"none","alg":"HS256"}', $claims),
        'a claim twice'        => signed($header, $claims =~ s/^\{/{"sub":"x",/r),
        'invalid UTF-8'        => signed($header, $claims =~ s/ada/\xff/r),
        'crit'                 => signed('{"alg":"HS256","crit":["exp"]}', $claims),
        'no alg'               => signed('{"typ":"JWT"}', $claims),
        'no exp'               => $t->token({%claims, exp => undef}),
        'exp as text'          => $t->token({%claims, exp => '' . (time + 60)}),
        'exp as null'          => signed($header, $claims =~ s/"exp":\d+/"exp":null/r),
        'iss as an array'      => $t->token({%claims, iss => ['autoflow']}),
        'aud as an object'     => $t->token({%claims, aud => {one => 1}}),
        'nbf as text'          => $t->token({%claims, nbf => 'x'}),
        'iat as text'          => $t->token({%claims, iat => 'x'}),
    );
    refused($malformed{$_}, 'malformed', $_) for sort keys %malformed;

    # 8192 octets are the maximum
    my $room = 8192 - length signed($header, $claims);
    my ($fits) = grep { length == 8192 }
        map { signed($header,
        $claims =~ s/^\{/'{"x":"' . 'x' x $_ . '",'/er) } $room * 3 / 4 - 20 .. $room * 3 / 4;
    get($fits)->header_is('X-Status' => 'ok');       # too long for the upstream
    refused("${fits}A", 'too_long', 'one more');
};

subtest 'not signed by this server' => sub {
    my $forged = encode_base64url(
        encode_json({%claims, sub => 'root', iss => 'autoflow', exp => time + 60}));
    my $none   = encode_base64url('{"alg":"none"}');
    my %forged = (
        'another key'            => $t->token(\%claims, key => 'x' x 32),
        'an empty key'           => $t->token(\%claims, key => ''),
        'a blank inside'         => "$h. $p.$s",
        'other claims'           => "$h.$forged.$s",
        'another header'         => encode_base64url('{"alg":"HS256"}') . ".$p.$s",
        'a zero signature'       => "$h.$p." . encode_base64url("\0" x 32),
        'half a signature'       => "$h.$p." . substr($s, 0, 20),
        'a longer signature'     => "$h.$p.$s" . 'AAAA',
        'a key of its own'       => signed('{"alg":"HS256","jwk":{"kty":"oct","k":"eA"}}', $forged),
    );
    refused($forged{$_}, 'signature', $_)
        for grep { $_ ne 'a key of its own' } sort keys %forged;
    get("$none.$p.$_")->status_is(401) for '', $s;

    refused(signed(qq({"alg":"$_"}), $claims), 'unknown_key', "alg $_")
        for qw(none None hs256 HS384 RS256);

    # others may name our key otherwise
    get(signed('{"alg":"HS256","kid":"old"}', $claims))->status_is(200);
    my $nobody = qq({"alg":"HS256","kid":"new\\n\x{c3}\x{a9}"});
    refused(Test::Autoflow::sign('x' x 32, $nobody, $claims), 'unknown_key',
        'a kid that nobody has');
    like $t->error_log, qr/\[info\].*token refused: unknown_key "new\?\?\?"/,
        'the log names it, on one line';
};

subtest 'times' => sub {
    my $now = time;
    refused($t->token({%claims, exp => $now - 1}), 'expired', 'a second ago');
    refused($t->token({%claims, exp => 0}), 'expired', 'long ago');
    refused($t->token({%claims, exp => -1}), 'expired', 'before time');
    get($t->token({%claims, exp => $now + 60.5}))->status_is(200);
    refused($t->token({%claims, nbf => $now + 60}), 'not_yet_valid',
        'not before a minute from now');
    refused($t->token({%claims, iat => $now + 60}), 'not_yet_valid', 'issued in a minute');
    get($t->token({%claims, nbf => $now, iat => undef}))->status_is(200);
};

refused($t->token({%claims, iss => $_}), 'issuer', 'issuer ' . ($_ // 'none'))
    for undef, 'Autoflow', 'autoflow ', 'autoflow\0x';

subtest 'another issuer, audiences, two keys, leeway' => sub {
    my $url  = "http://127.0.0.1:$other_port/";
    my $with = sub ($name, $changes = {}, %options) {
        return $t->token({iss => 'https://other.example/', aud => 'two', sub => 'x', %$changes},
            key => $name x 16, header => {alg => 'HS256', kid => $name}, %options);
    };
    get($with->('new'), $url)->status_is(200)->json_is('/user_id' => 'x')->json_is('/email' => '');
    get($with->('old'), $url)->status_is(200);
    get($with->('old', {}, header => {alg => 'HS256'}), $url)->status_is(200);
    get($with->('new', {aud => ['three', 'one']}), $url)->status_is(200);
    get($with->('new', {exp => time - 10}), $url)->status_is(200);

    get($with->('old', {}, header => {alg => 'HS256', kid => 'new'}), $url)->status_is(401)
        ->header_is('X-Status' => 'signature');
    get($with->('new', {aud => $_}), $url)->status_is(401)->header_is('X-Status' => 'audience')
        for undef, 'three', ['three'], [], 'ONE';
    get($with->('new', {iss => 'autoflow'}), $url)->header_is('X-Status' => 'issuer');
    get($with->('new', {exp => time - 40}), $url)->header_is('X-Status' => 'expired');
    get($ada, $url)->status_is(401);
    get($with->('new'))->status_is(401);
};

subtest 'variables' => sub {
    get($ada, '/open/x')->status_is(200)->header_is('X-Status' => 'ok')->json_is('/user_id' => $id);
    get('x.y.z', '/open/x')->status_is(200)->header_is('X-Status' => 'malformed')
        ->json_is('/user_id' => '');
    my $value = sub ($claim, $value) {
        return get($t->token({%claims, $claim => $value}))->status_is(200)->tx->res->json;
    };
    is $value->(email => "a\@b.co\r\nX-User-Id: root")->{email}, '', 'a line break in a claim';
    is $value->(email => "a\x7fb")->{email}, '', 'a control character';
    is $value->(roles => ['a', 'b,admin'])->{roles}, '', 'a comma in a role';
    is $value->(roles => [])->{roles}, '', 'no role';
    is $value->(roles => 'admin')->{roles}, 'admin', 'a role as a string';
    like $t->error_log, qr/\[warn\].*withheld/, 'what is withheld is logged';
};

subtest 'combined with other directives' => sub {
    get(undef, '/either/x')->status_is(401);
    get($ada, '/either/x')->status_is(200)->json_is('/user_id' => $id);
    get($ada, '/both/x')->status_is(403);

    get(undef, '/page/x')->status_is(401)->content_is('please log in')
        ->header_is('WWW-Authenticate' => 'Bearer realm="autoflow"');

    get(undef, '/read/x')->status_is(200);
    $t->post_ok('/read/x')->status_is(401);

    get(undef, '/named/x')->status_is(401)
        ->header_is('WWW-Authenticate' => 'Bearer realm="the 127.0.0.1"');
    $t->get_ok('/named/x' => {'X-More' => '"a\\b'})->status_is(401)
        ->header_is('WWW-Authenticate' => 'Bearer realm="the 127.0.0.1 a b"');
    get(undef, '/app/public/x')->status_is(200);
};

subtest 'satisfy any, allowed by address' => sub {
    $t->server($t->server =~ s/satisfy any; allow 127.0.0.2/satisfy any; allow 127.0.0.1/r)
        ->reload->ready;
    get(undef, '/either/x')->status_is(200)->json_is('/user_id' => '');
    ok !defined $t->tx->res->headers->header('WWW-Authenticate'), 'no challenge with a 200';
    get('x.y.z', '/either/x')->status_is(200)->json_is('/user_id' => '');
    ok !defined $t->tx->res->headers->header('WWW-Authenticate'), 'not for a bad token either';
};

$t->finish;
done_testing;
