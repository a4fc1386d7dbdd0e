# autoflow_require: demands on requests with a valid token.

use Mojo::Base -strict, -signatures;
use Test::Autoflow;
use Test::More;

my $ok = 'error_page 404 =200 /fine;';      # nothing is there, but they got in

# path => the directives of its location
my %locations = (
    admin    => 'autoflow_require role=admin;',
    either   => 'autoflow_require role=admin|editor;',
    both     => 'autoflow_require role=admin role=editor;',
    twice    => 'autoflow_require role=admin; autoflow_require role=editor error=401;',
    super    => 'autoflow_require superuser;',
    verified => 'autoflow_require verified;',
    step     => 'autoflow_require role=admin error=401;',
    spelled  => 'autoflow_require error=403 role=admin;',
    variable => 'autoflow_require $arg_pass;',
    pieces   => 'autoflow_require $arg_a$arg_b;',
    mapped   => 'autoflow_require $mapped;',
    status   => 'autoflow_require $by_status;',
    string   => 'autoflow_require claim:x=yes;',
    integer  => 'autoflow_require claim:x=5;',
    real     => 'autoflow_require claim:x=0.1;',
    true     => 'autoflow_require claim:x=true;',
    false    => 'autoflow_require claim:x=false;',
    null     => 'autoflow_require claim:x=null;',
    blank    => 'autoflow_require "claim:x=a b=c.d|e";',
    nested   => 'autoflow_require claim:realm.access.roles=admin;',
    dotted   => 'autoflow_require claim:https://a\.example/roles=admin;',
    equals   => 'autoflow_require claim:a\=b.c\\\\\\\\d=1;',
    optional => 'autoflow_auth optional; autoflow_require role=admin;',
    open     => 'autoflow_auth off;',
    write    => 'limit_except GET { autoflow_require role=admin; }',
    page     => 'autoflow_require role=admin; error_page 403 /page;',
    retry    => 'autoflow_require role=admin error=401; error_page 401 /page;',
);

my $foreign = Test::Autoflow::free_port();

my $t = Test::Autoflow->new(
    api    => 0,
    server => '
        autoflow_auth on;
        add_header X-Status $autoflow_status always;
        location = /fine { autoflow_auth off; return 200 fine; }
        location = /page { autoflow_auth off; return 200 "page: $autoflow_status"; }
    ' . join('', map { "location /$_ { $locations{$_} $ok }\n" }
    grep { !/page|retry/ } keys %locations) . "
        location /forbidden/page { $locations{page} }
        location /forbidden/retry { $locations{retry} }
        location /inherit/ {
            autoflow_require role=admin; autoflow_require verified;
            location /inherit/same { $ok }
            location /inherit/own { autoflow_require role=editor; $ok }
            location /inherit/off/ {
                autoflow_auth off;
                location /inherit/off/on { autoflow_auth on; $ok }
                $ok
            }
            $ok
        }",
    http => '
        map $autoflow_claim_level $mapped { 7 yes; default 0; }
        map $autoflow_status $by_status { ok 1; default 0; }' . "
        server {
            listen 127.0.0.1:$foreign;
            autoflow_issuer https://other.example/;
            autoflow_key hex:${\ unpack 'H*', 'other' x 8};
            autoflow_key hex:${\ unpack 'H*', 'partner' x 8} issuer=https://partner.example/;
            autoflow_auth on; autoflow_require role=admin;
            location / { $ok }
            location /super { autoflow_require superuser; $ok }
            location = /fine { autoflow_auth off; return 200; }
        }",
)->start;

my $uuid = '00000000-0000-7000-8000-000000000000';
my %own  = (sub => $uuid, sid => $uuid, epoch => 0);

# the status for a token with these claims
sub is_status ($status, $path, $claims = undef, $name = "$status $path", $method = 'GET') {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $headers = $claims ? $t->bearer($t->token($claims)) : {};
    $t->tx($t->ua->start($t->ua->build_tx($method => $path => $headers)));
    return is $t->tx->res->code, $status, $name;
}

sub challenge_is ($error) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $t->header_is('WWW-Authenticate' => 'Bearer realm="autoflow"' . ($error
        && ", error=\"$error\", error_description=\""
        . ($error eq 'insufficient_scope' ? 'forbidden' : $error) . '"'));
}


subtest 'roles' => sub {
    is_status(200, '/admin', {roles => ['x', 'admin']});
    is_status(200, '/admin', {roles => 'admin'}, 'a role as a string');
    is_status(403, '/admin', {roles => $_}, 'not this') for 'x', 'Admin', 'admin ',
        'xadmin', 'admin,x',
        [], ['x'], ['admin,x'], [['admin']], {admin => 1}, undef, 1;
    is_status(403, '/admin', {role => 'admin'}, 'another claim');

    is_status(200, '/either', {roles => [$_]}) for 'admin', 'editor';
    is_status(403, '/either', {roles => [$_]}) for 'admin|editor', '', '|', 'writer';

    for my $path ('/both', '/twice') {
        is_status(200, $path, {roles => ['editor', 'admin']});
        is_status(403, $path, {roles => ['editor']});
    }
    is_status(403, '/both', {roles => ['admin']});
    is_status(401, '/twice', {roles => ['admin']}, 'each directive has its own error');
};

subtest 'superuser' => sub {
    is_status(200, '/super', {%own, is_superuser => \1});
    is_status(403, '/super', {%own, is_superuser => $_}) for \0, 1, 'true', [\1], undef;
    is_status(403, '/super', {%own, is_superuser => \1, $_ => undef}, "no token of ours without $_")
        for keys %own;
    is_status(403, '/super', {%own, is_superuser => \1, sub => 'root'},
        'nor with a sub of another kind');
    is_status(403, '/super', {%own, roles => ['superuser', 'admin']}, 'no role is');
};

subtest 'verified' => sub {
    is_status(200, '/verified', {email_verified => \1});
    is_status(403, '/verified', {email_verified => $_}) for \0, 'true', 1, undef, [\1];
};

subtest 'claims' => sub {
    is_status(200, '/string', {x => $_}) for 'yes', ['no', 'yes'];
    is_status(403, '/string', {x => $_}) for 'Yes', 'yes ', '', undef, {yes => 'yes'},
        [['yes']], [];
    is_status(200, '/integer', {x => $_}) for 5, '5', [4, 5];
    is_status(403, '/integer', {x => $_}) for 5.5, 50, '5.0', -5;
    is_status(200, '/real', {x => $_}) for 0.1, '0.1';
    is_status(403, '/real', {x => $_}) for 0.11, 0, '.1';
    is_status(200, '/true', {x => $_}) for \1, 'true', [\1];
    is_status(403, '/true', {x => $_}) for \0, 1, 'True';
    is_status(200, '/false', {x => \0});
    is_status(403, '/false', {x => $_}) for undef, 0, '';
    is_status(200, '/null', {x => 'null'}, 'a string');
    is_status(200, '/blank', {x => 'a b=c.d|e'}, 'a value is all that follows');

    is_status(200, '/nested', {realm => {access => {roles => ['admin']}}});
    is_status(403, '/nested', $_) for {'realm.access.roles' => 'admin'}, {realm => 'admin'},
        {realm => {access => ['admin']}},
        {realm => [{access => {roles => 'admin'}}]}, {realm => {access => {roles => {admin => 1}}}};
    is_status(200, '/dotted', {'https://a.example/roles' => 'admin'}, 'a dot in a name');
    is_status(200, '/equals', {'a=b' => {'c\\d' => 1}}, 'an equals sign and a backslash in names');

    my $claims = '{"iss":"autoflow","exp":' . (time + 60) . ',"x":null}';
    $t->get_ok('/null' => $t->bearer(Test::Autoflow::sign($t->key, '{"alg":"HS256"}', $claims)))
        ->status_is(403);
};

subtest 'variables' => sub {
    is_status(200, "/variable?pass=$_", {}) for 1, 'yes', '00', '0.0', '-';
    is_status(403, "/variable$_", {}) for '?pass=0', '?pass=', '';
    is_status(200, '/pieces?a=0&b=0', {});
    is_status(403, '/pieces?a=0', {});
    is_status(200, '/mapped', {level => 7});
    is_status(403, '/mapped', {level => 8});
    is_status(200, '/status', {},
        'inside a condition, $autoflow_status is the status of the token');
    $t->header_is('X-Status' => 'ok');
    unlike $t->error_log, qr/cycle/, 'no cycle';
};

subtest 'responses' => sub {
    is_status(403, '/admin', {});
    $t->content_like(qr/403 Forbidden/)->header_is('X-Status' => 'forbidden');
    challenge_is('insufficient_scope');
    is_status(403, '/spelled', {});
    is_status(401, '/step', {});
    $t->content_like(qr/401 Authorization Required/)->header_is('X-Status' => 'forbidden');
    challenge_is('insufficient_scope');

    is_status(401, $_) for '/admin', '/optional', '/variable?pass=1';
    challenge_is('');
    is_status(401, '/admin', {roles => ['admin'], exp => 1});
    $t->header_is('X-Status' => 'expired');
    is_status(200, '/optional', {roles => ['admin']});
    is_status(403, '/optional', {});

    is_status(403, '/forbidden/page', {});
    $t->content_is('page: forbidden');
    is_status(401, '/forbidden/retry', {});
    $t->content_is('page: forbidden');
    like $t->error_log, qr/\[info\].*forbidden by "role=admin"/, 'the log has the condition';
};

subtest 'contexts' => sub {
    for my $path ('/inherit/', '/inherit/same', '/inherit/off/on') {
        is_status(200, $path, {roles => ['admin'], email_verified => \1});
        is_status(403, $path, {roles => ['admin']});
        is_status(403, $path, {email_verified => \1});
    }
    is_status(200, '/inherit/own', {roles => ['editor']},
        'its own conditions replace all of the outer ones');
    is_status(403, '/inherit/own', {roles => ['admin'], email_verified => \1});
    is_status(200, '/inherit/off/', undef, 'nothing is demanded where autoflow_auth is off');
    is_status(200, '/inherit/off/', {});

    is_status(200, '/write', {});
    is_status(403, '/write', {}, '403 POST', 'POST');
    is_status(403, '/write', {}, '403 DELETE', 'DELETE');
};

subtest "another issuer's tokens" => sub {
    my $token = sub ($name, $claims) {
        return $t->bearer($t->token({iss => "https://$name.example/", %$claims}, key => $name x 8));
    };
    my $url = "http://127.0.0.1:$foreign";
    $t->get_ok("$url/" => $token->($_, {roles => ['admin']}))->status_is(200)
        for 'other', 'partner';
    $t->get_ok("$url/" => $token->($_, {}))->status_is(403) for 'other', 'partner';

    my %superuser = (%own, is_superuser => \1);
    $t->get_ok("$url/super" => $token->('other', \%superuser))->status_is(200, "this server's own");
    $t->get_ok("$url/super" => $token->('partner', \%superuser))
        ->status_is(403, "another's, whatever it says");
    $t->get_ok('/super' => $token->($_, \%superuser))->status_is(401) for 'other', 'partner';
};

$t->finish;
done_testing;
