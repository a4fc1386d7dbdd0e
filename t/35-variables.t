# $autoflow_*: claims of every type, in every phase, by the configuration of the
# location where they are evaluated.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json);
use Test::Autoflow;
use Test::More;

my $inner = Test::Autoflow::free_port();

my $t = Test::Autoflow->new(
    api    => 0,
    server => qq{
        location = /claim { add_header X-Value "[\$autoflow_claim_x]" always; return 204; }
        location = /path { add_header X-Value "[\$deep]" always; return 204; }
        location = /odd { add_header X-Value "[\$odd]" always; return 204; }
        location = /case { add_header X-Value "[\$autoflow_claim_Given_Name]" always; return 204; }
        location = /header {
            add_header X-Value "[\$autoflow_header_kid \$autoflow_header_alg \$autoflow_header_x]"
                       always;
            return 204;
        }
        location = /claims { default_type application/json; return 200 "\$autoflow_claims"; }

        location = /map { return 200 "\$tier \$free"; }
        location = /if {
            if (\$autoflow_status = ok) { return 201; }
            if (\$autoflow_claim_x ~ ^a) { return 202; }
            return 404;
        }
        location = /if/forbidden {
            autoflow_auth on; autoflow_require verified;
            if (\$autoflow_status = forbidden) { return 202 forbidden; }
            return 204;
        }
        location /rewrite { rewrite ^ /to/\$autoflow_user_id/\$autoflow_claim_x last; }
        location /to/ { return 200 \$uri; }
        location = /upstream {
            proxy_set_header X-User-Id \$autoflow_claim_sub;
            proxy_set_header X-User-Roles \$autoflow_claim_roles;
            proxy_set_header X-Session-Id \$deep;
            proxy_pass http://echo;
        }
        location = /log {
            access_log \$dir/autoflow.log autoflow; autoflow_auth on; try_files /none =204;
        }

        # a subrequest is checked for its location, and changes nothing outside
        location = /outer {
            autoflow_auth on token=\$cookie_outer;
            auth_request /inner;
            auth_request_set \$inside "\$autoflow_user_id \$autoflow_status";
            add_header X-Inside \$inside always;
            add_header X-Outside "\$autoflow_user_id \$autoflow_status" always;
            proxy_pass http://echo;
        }
        location = /inner {
            autoflow_auth on token=\$cookie_inner; autoflow_require role=admin;
            add_header X-Ignored \$autoflow_user_id;
            try_files /none =204;
        }
        location = /two {
            add_header X-Value "\$autoflow_user_id \$autoflow_status";
            proxy_set_header Authorization \$http_authorization;
            proxy_pass http://127.0.0.1:$inner;
        }
        location = /redirect {
            autoflow_auth off token=\$cookie_outer;
            if (\$autoflow_user_id = o) { rewrite ^ /redirected last; }
        }
        location = /redirected {
            add_header X-Value "\$autoflow_user_id \$autoflow_status"; return 204;
        }
    },
    http => qq{
        map \$autoflow_claim_plan \$tier { default basic; gold premium; }
        map "\$autoflow_status:\$autoflow_roles" \$free { ~^ok:.*admin yes; default no; }
        log_format autoflow '{"user":"\$autoflow_user_id","session":"\$autoflow_session_id",'
                            '"status":"\$autoflow_status","x":"\$autoflow_claim_x"}';
        autoflow_claim_set \$deep realm access roles;
        autoflow_claim_set \$odd https://a.example/x;
        server {
            listen 127.0.0.1:$inner;
            autoflow_key hex:${\ unpack 'H*', 'other' x 8};
            location / {
                add_header X-Inner "\$autoflow_user_id \$autoflow_status" always; return 204;
            }
        }
    },
);
$t->server($t->server =~ s/\$dir/$t->dir/er)->start;

# a location's response to a token with these claims
sub got ($path, $claims, %options) {
    my $token = ref $claims ? $t->token($claims, %options)
        : Test::Autoflow::sign($t->key, '{"alg":"HS256"}', $claims);
    $t->tx($t->ua->get($path => $t->bearer($token)));
    return $t->tx->res->headers->header('X-Value');
}

# the value of a claim with this JSON text
sub value ($json, $path = '/claim') {
    return got($path, '{"iss":"autoflow","exp":' . (time + 60)
        . ",\"x\":$json}") =~ s/^\[(.*)\]\z/$1/sr;
}

sub is_withheld ($json, $name) {
    my $before = () = $t->error_log =~ /withheld/g;
    is value($json), '', $name;
    my $after = () = $t->error_log =~ /\[warn\].*"x" is withheld/g;
    cmp_ok $after, '>', $before, 'and it is logged';
}


subtest 'every type of JSON' => sub {
    my %text = (
        '"text"' => 'text', '""' => '', '"a, b"' => 'a, b',
            '"\u00e9\ud83d\ude00"' => "\xc3\xa9\xf0\x9f\x98\x80", '"a\\\\b\"c"' => 'a\\b"c',
        '0' => '0', '-7' => '-7', '9007199254740993' => '9007199254740993',
        '9223372036854775807' => '9223372036854775807',
        '1.5' => '1.5', '0.1' => '0.1', '-0.30000000000000004' => '-0.30000000000000004',
        '1.0' => '1.0',
        '1.7976931348623157e308' => '1.7976931348623157e308', '4.9e-324' => '4.94065645841247e-324',
        '2e3' => '2000.0',
        'true' => 'true', 'false' => 'false', 'null' => '',
        '[]' => '', '["a"]' => 'a', '["a","b c"]' => 'a,b c',
        '[1,true,"x",null,2.5]' => '1,true,x,,2.5', '["","a",""]' => ',a,',
        '[["a"],{"b":1}]' => '["a"],{"b":1}',
        '{}' => '{}', '{"b":[1,2],"a":"\u00e9\n"}' => "{\"b\":[1,2],\"a\":\"\xc3\xa9\\n\"}",
    );
    is value($_), $text{$_}, "this: $_" for sort keys %text;
    is got('/claim', {y => 1}), '[]', 'no such claim';
};

subtest 'values that could forge other headers' => sub {
    is_withheld($_, $_) for '"a\r\nX-Role: admin"', '"\n"', '"\t"', '"\u007f"', '"\u001f"',
        '["a","b\n"]', '["a,b"]', '["a",","]', '[["a","b"]]', '[{"a":1,"b":2}]', '"{\u0001}"',
        '{"a":"\u007f"}';
};

subtest 'names and paths' => sub {
    is got('/path', {realm => {access => {roles => ['a', 'b']}}}), '[a,b]', 'a path';
    is got('/path', {realm => {access => $_}}), '[]', 'that ends early' for 'x', [], {}, undef;
    is got('/path', {'realm access roles' => 1}), '[]', 'is no name';
    is got('/odd', {'https://a.example/x' => 'y'}), '[y]', 'a name of any kind';
    is got('/case', {given_name => 'Ada', Given_Name => 'Eve'}), '[Ada]',
        'names of variables are in lower case';

    is got('/header', {}, header => {alg => 'HS256', x => ['a', 1], typ => 'JWT'}), '[ HS256 a,1]',
        'the header';
    is got('/header', {}, key => 'x'), '[  ]', 'not of a forged token';
};

subtest '$autoflow_claims' => sub {
    my %claims = (iss => 'autoflow', exp => time + 60, a => [1, 'x'], b => {c => \1});
    got('/claims', \%claims);
    is_deeply decode_json($t->tx->res->body),
        decode_json(Mojo::JSON::encode_json({%claims, iat => $t->tx->res->json('/iat')})),
        'are all of them';
    got('/claims', {%claims, exp => 1});
    is $t->tx->res->body, '', 'none of an expired token';
};

subtest 'phases' => sub {
    got('/map', {plan => 'gold', roles => ['admin']});
    $t->content_is('premium yes', 'map');
    $t->get_ok('/map')->content_is('basic no', 'without a token');

    got('/if', {});
    $t->status_is(201, 'if');
    $t->get_ok('/if')->status_is(404);
    got('/if/forbidden', {});
    $t->status_is(202, 'before the access phase: what it will say');
    got('/if/forbidden', {email_verified => \1});
    $t->status_is(204);

    got('/rewrite', {sub => 'ada', x => 5});
    $t->content_is('/to/ada/5', 'rewrite');

    got('/upstream', {sub => 'ada', roles => ['a', 'b'], realm => {access => {roles => 'c'}}});
    $t->json_is('/user_id' => 'ada')->json_is('/roles' => 'a,b')->json_is('/session_id' => 'c');

    got('/log', {sub => 'ada', sid => 's', x => [1, 2]});
    $t->status_is(204);
    got('/log', {sub => 'ada', exp => 1});
    $t->get_ok('/log');
    $t->wait_for(sub { 3 == (() = path($t->dir, 'autoflow.log')->slurp =~ /\n/g) });
    is_deeply [map { decode_json($_) } split /\n/, path($t->dir, 'autoflow.log')->slurp], [
        {user => 'ada', session => 's', status => 'ok', x => '1,2'},
        {user => '', session => '', status => 'expired', x => ''},
        {user => '', session => '', status => 'missing', x => ''},
    ], 'log_format';
};

subtest "each location's own configuration" => sub {
    my %token = map { $_ => $t->token({sub => $_, roles => ['admin']}) } qw(i o);
    my $cookies = sub ($outer, $inner) { +{Cookie => "outer=$outer; inner=$inner"} };

    $t->get_ok('/outer' => $cookies->(@token{qw(o i)}))->status_is(200)
        ->header_is('X-Inside' => 'i ok')->header_is('X-Outside' => 'o ok');
    $t->get_ok('/outer' => $cookies->($token{o}, 'x'))->status_is(200)
        ->header_is('X-Inside' => 'malformed')->header_is('X-Outside' => 'o ok');
    $t->get_ok('/outer' => $cookies->($token{o}, $t->token({sub => 'i'})))
        ->header_is('X-Inside' => 'i forbidden', 'what the subrequest demands')
        ->header_is('X-Outside' => 'o ok');
    $t->get_ok('/outer' => $cookies->('x', $token{i}))->status_is(401)
        ->header_is('X-Outside' => 'malformed');

    $t->get_ok('/two' => $t->bearer($token{i}))->status_is(204)
        ->header_is('X-Value' => 'i ok')->header_is('X-Inner' => 'signature');
    my $other = $t->token({sub => 'x'}, key => 'other' x 8);
    $t->get_ok('/two' => $t->bearer($other))->header_is('X-Value' => 'signature')
        ->header_is('X-Inner' => 'x ok');

    $t->get_ok('/redirect' => {%{$cookies->($token{o}, '')}, %{$t->bearer($token{i})}})
        ->header_is('X-Value' => 'i ok', 'an internal redirect');
};

$t->finish;
done_testing;
