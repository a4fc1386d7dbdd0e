# Invalid configurations are rejected by `nginx -t`, with the reason and the
# line.

use Mojo::Base -strict, -signatures;
use MIME::Base64 qw(encode_base64 encode_base64url);
use Mojo::File qw(path);
use Test::Autoflow;
use Test::Autoflow::Guide;
use Test::More;

my $t = Test::Autoflow->new;

# the output of nginx -t for these settings
sub says (%settings) { return ($t->settings(\%settings)->check)[1] }

sub refused ($name, $expected, %settings) {
    my ($exit, $text) = $t->settings(\%settings)->check;
    subtest $name => sub {
        isnt $exit, 0, 'nginx -t fails';
        like $text, qr/\[emerg\]/, 'with [emerg]';
        like $text, $expected, 'saying why';
        unlike $text, qr/\b[0-9a-f]{32}|secret-value/, 'and not the secret';
    };
}

sub accepted ($name, %settings) {
    is_deeply [$t->settings(\%settings)->check], [0, ''], $name;
}


# The harness's own settings, and all other forms of each directive

accepted 'the settings of the tests';

accepted "@$_" => @$_ for (
    [autoflow_database => '"postgresql:///x" pool=4 inflight=16 queue=8 timeout=2s'],
    [autoflow_database => '"postgresql:///x" statements=prepared'],
    [autoflow_database => '"postgresql:///x" statements=unnamed notify=postgresql:///y'],
    [autoflow_database => '"host=/nowhere user=x" pool=1'],
    (map { [autoflow_webauthn => $_] } 'off', 'rp_id=example.com', 'rp_id=com',
        'rp_id=localhost "origins=http://localhost:*,http://app.localhost:8080"',
        'rp_id=example.com "name=My site" origins=https://example.com:8443,https://*.example.com'),
    [autoflow_database_replica => '"postgresql:///x" pool=2 queue=8 timeout=1s lag=5s sticky=1m'],
    [autoflow_database_replica => '"postgresql:///x" lag=30s'],
    [autoflow_database_replica => '"postgresql://a,b/x?target_session_attrs=standby"'],
    [autoflow_secret => 'base64url:' . 'A' x 43],
    [autoflow_secret => '"' . 'thirty-two octets or more of text' . '"'],
    [autoflow_seal_key => 'hex:' . '0f' x 32],
    [autoflow_seal_key => 'hex:' . '0f' x 32 . '; autoflow_seal_key hex:' . '0e' x 32
        . ' use=open'],
    map({ [autoflow_mfa => "$_; autoflow_seal_key hex:" . '0f' x 32] } 'off', 'optional',
        'required', 'required remember=30d',
        'optional role=admin:required role=a:b:required superuser:required remember=1m'),
    [autoflow_environment => 'testing'],
    [autoflow_environment => 'development'],
    [autoflow_access_ttl => '5m'],
    [autoflow_refresh_ttl => '30d'],
    [autoflow_password => 'memory=8m time=3 strength=30'],
    [autoflow_threads => 'hash=autoflow_io io=autoflow_hash'],
    [autoflow_threads => 'connect=autoflow_io'],
    [autoflow_database => '"postgresql:///x" wide=2'],
    [autoflow_database => '"postgresql:///x" "notify=host=/nowhere user=x"'],
    [autoflow_attempts => 'account=3/1h account_total=off address=1000/1m'],
    [autoflow_revocation_staleness => '1h fail=open'],
    [autoflow_revocation_staleness => '1m fail=closed'],
    [autoflow_cookies => 'on'],
    [autoflow_cookies => 'off'],
    [autoflow_cookies => 'on samesite=strict strip domain=example.com'],
    map({ [autoflow_cookies => "on renew=$_ strip samesite=lax domain=a.example"] }
        'on', 'off'),
    [autoflow_issuer => 'https://auth.example.com/'],
    [autoflow_audience => 'one two'],
    [autoflow_leeway => '10s'],
    [autoflow_realm => '"the $host"'],
    [autoflow_auth => 'on'],
    [autoflow_auth => 'optional token=$cookie_token preflight=deny'],
    [autoflow_auth => 'off token="$arg_a.$arg_b"'],
    [autoflow_auth => 'on; autoflow_require role=a|b superuser verified $arg_a claim:a.b=c '
    . 'error=401'],
    [autoflow_auth => 'on; autoflow_require role=a; autoflow_require error=403 role=b'],
    [autoflow_auth => 'on; autoflow_require aal=1 fresh=1h; autoflow_require aal=2 fresh=600'],
    [autoflow_auth => 'on; autoflow_require "claim:a b.c\\.d=e = f"'],
    [autoflow_cors_origins => 'https://app.example http://localhost:3000 http://[::1]:3000 '
    . 'capacitor://localhost'],
    [autoflow_cors_origins => 'https://*.app.example http://*.localhost:3000 credentials'],
    [autoflow_cors_origins => '*'],
    [autoflow_cors_origins => 'off'],
    map({ [autoflow_login => $_] } 'off', '/account/', '/account/?x=y', 'https://a.example/x',
        '/account/ confirm=/account/confirm', 'https://a.example/x confirm=https://b.example/y?z'),
    [autoflow_login_return => 'https://a.example https://*.b.example http://localhost:3000'],
    [autoflow_cors_origins => 'http://localhost:* http://[::1]:* credentials'],
    [autoflow_require_https => 'redirect'],
    [autoflow_claim_set => '$x realm access'],
    [autoflow_claim_set => '$x a; autoflow_claim_set $y a'],
    [autoflow_key => '"' . 'k' x 32 . '" alg=HS256 kid=first'],
);


# Invalid values

my @rows = (
    [autoflow_database    => '"postgresql:///x" pool=many',   qr/pool/],
    [autoflow_database    => '"postgresql:///x" timeout=soon', qr/timeout/],
    [autoflow_database    => '"postgresql:///x" colour=red',  qr/colour=red/],
    [autoflow_database    => '"colour=red"',                  qr/colour/],
    [autoflow_database    => '"postgresql://[::1"',           qr/autoflow_database/],
    [autoflow_database_replica => '"colour=red"', qr/"autoflow_database_replica" has .*colour/],
    [autoflow_database_replica => '"postgresql:///x" wide=1', qr/wide=1/],
    map({ [autoflow_database_replica => qq{"postgresql://a,b/x?target_session_attrs=$_"},
        qr/"target_session_attrs" that only the primary has/] } 'read-write', 'primary'),
    [autoflow_database_replica => '"postgresql:///x" lag=10s sticky=9s',
        qr/"sticky=" shorter than its "lag="/],
    [autoflow_database_replica => 'postgresql:///x; autoflow_database_replica postgresql:///x',
        qr/duplicate/],
    [autoflow_secret      => 'hex:' . '0f' x 31 . '0g',       qr/prefix/],
    [autoflow_secret      => 'base64url:' . 'A' x 42 . '!',   qr/prefix/],
    [autoflow_secret      => 'file:/nowhere/secret',          qr{/nowhere/secret.*No such file}s],
    [autoflow_secret      => 'env:AUTOFLOW_NOT_SET',          qr/AUTOFLOW_NOT_SET/],
    [autoflow_seal_key    => 'short',                         qr/32 octets/],
    [autoflow_seal_key    => '"' . 'k' x 32 . '" use=seal',   qr/use=seal/],
    [autoflow_seal_key    => 'hex:' . '0f' x 32 . ' use=open; autoflow_seal_key hex:' . '0e' x 32,
        qr/must come first/],
    [autoflow_key         => 'secret-value',                  qr/32/],
    [autoflow_key         => '"' . 'k' x 32 . '" alg=none',   qr/algorithm/],
    [autoflow_key         => '"' . 'k' x 32 . '" alg=hs256',  qr/algorithm/],
    [autoflow_key         => '"' . 'k' x 32 . '" colour=red', qr/colour=red/],
    [autoflow_key         => '"' . 'k' x 32 . '" alg=HS256 alg=HS256', qr/alg=HS256/],
    [autoflow_database    => '"postgresql:///x" statements=unnamed', qr/without "notify="/],
    [autoflow_database    => '"postgresql:///x" statements=unnamed notify=x=y inflight=2',
        qr/"statements=unnamed" with more than one inflight/],
    [autoflow_database    => '"postgresql:///x" statements=named',   qr/statements=named/],
    [autoflow_key         => '"' . 'k' x 32 . '" kid=',       qr/kid=/],
    [autoflow_key         => '"' . 'k' x 32 . '" use=both',   qr/use=both/],
    [autoflow_key         => '"' . 'k' x 32 . '" use=sign issuer=them',
    qr/another issuer's key can't sign/],
    [autoflow_key         => '"' . 'k' x 32 . '" use=verify',
    qr/autoflow_api.*autoflow_key.*that signs in .*snippets/],
    [autoflow_key         => '"' . 'k' x 32 . '" issuer=them',
    qr/autoflow_api.*autoflow_key.*that signs in .*snippets/],
    [autoflow_key         => '"' . 'k' x 32 . '"; autoflow_key "' . 'k' x 32 . '"',
    qr/listed twice/],
    [autoflow_key         => 'file:/tmp',                     qr/Is a directory/],
    [autoflow_key         => 'file:/nowhere/key',             qr{/nowhere/key.*No such file}s],
    [autoflow_key         => 'env:AUTOFLOW_NOT_SET',          qr/AUTOFLOW_NOT_SET/],
    [autoflow_environment => 'staging',                       qr/staging/],
    [autoflow_access_ttl  => 'soon',                          qr/autoflow_access_ttl/],
    [autoflow_password    => 'memory=much',                   qr/memory/],
    [autoflow_password    => 'strength=-1',                   qr/strength/],
    [autoflow_password    => 'colour=red',                    qr/colour=red/],
    [autoflow_threads     => 'hash=nowhere',                  qr/thread_pool nowhere/],
    [autoflow_threads     => 'connect=nowhere',               qr/thread_pool nowhere/],
    [autoflow_threads     => 'colour=red',                    qr/colour=red/],
    [autoflow_cookies     => 'yes',                           qr/yes.*must be "on" or "off"/],
    [autoflow_cookies     => 'off path=/',                    qr/off/],
    [autoflow_cookies     => 'on stripped',                   qr/stripped/],
    [autoflow_cookies     => 'on strip=on',                   qr/strip=on/],
    [autoflow_cookies     => 'on renew=yes',                  qr/renew=yes/],
    [autoflow_cookies     => 'on path=api',                   qr/path=api/],
    [autoflow_cookies     => 'on "path=/;x"',                 qr{path=/;x}],
    [autoflow_cookies     => 'on domain=a;b',                 qr/b/],
    [autoflow_cookies     => 'on domain=a/b',                 qr{domain=a/b}],
    [autoflow_cookies     => 'on samesite=no',                qr/samesite=no/],
    [autoflow_cookies     => 'on samesite=none',              qr/samesite=none.*development/],
    [autoflow_cookies     => 'on; autoflow_cookies on',       qr/duplicate/],
    [autoflow_database    => '"postgresql:///x" "notify=colour=red"', qr/colour/],
    [autoflow_database    => '"postgresql:///x" notify=env:AUTOFLOW_NOT_SET', qr/AUTOFLOW_NOT_SET/],
    [autoflow_zone        => 'large',                         qr/autoflow_zone/],
    [autoflow_zone        => '1m; autoflow_zone 1m',          qr/duplicate/],
    [autoflow_sessions    => 'account=off',                   qr/account=off/],
    [autoflow_sessions    => 'lifetime=59s',                  qr/less than a minute/],
    [autoflow_sessions    => 'idle=59s',                      qr/idle time of less than a minute/],
    [autoflow_sessions    => 'idle=30m',         qr/not longer than "autoflow_access_ttl"/],
    [autoflow_sessions    => 'idle=1h; autoflow_sessions account=5', qr/duplicate/],
    [autoflow_sessions    => 'lifetime=1h; autoflow_sessions account=5', qr/duplicate/],
    [autoflow_sessions    => 'account=5; autoflow_sessions account=5', qr/duplicate/],
    [autoflow_registration => 'on',                           qr/must begin with "open"/],
    [autoflow_registration => 'domains=example.com',          qr/must begin with "open"/],
    [autoflow_registration => 'invite; autoflow_registration invite', qr/duplicate/],
    [autoflow_registration => 'verified colour=red',          qr/colour=red/],
    (map { [autoflow_registration => "verified domains=$_",
        qr/not a domain of addresses/] } 'x', 'a..b', 'example.com,', '*.', '*.com', 'a@b.example',
        'example.com/', '*.*.example.com'),
    [autoflow_registration => 'invite inviters=Staff',        qr/not the name of a role/],
    [autoflow_registration => 'open domains=example.com',
        qr/domains=" needs its addresses to be verified, by "verified" instead of "open"/],
    [autoflow_webauthn    => 'on',                            qr/invalid parameter "on"/],
    [autoflow_webauthn    => 'off rp_id=example.com',         qr/parameters beside "off"/],
    [autoflow_webauthn    => 'name=x',                        qr/needs "off" or "rp_id="/],
    [autoflow_webauthn    => 'off; autoflow_webauthn off',    qr/duplicate/],
    (map { [autoflow_webauthn => "rp_id=$_", qr/"rp_id" that is not a domain/] } '127.0.0.1',
        '[::1]', 'https://example.com', 'example.com:443', 'Example.com', 'example..com', '.com',
        'example.com.', '-a.example', 'a-.example', 'a_b.example', 'x' x 64 . '.example'),
    (map { [autoflow_webauthn => "rp_id=example.com origins=$_",
        qr/is no origin of passkeys for "example.com"/] } 'example.com', 'https://example.com/',
        'https://example.org', 'https://badexample.com', 'http://example.com',
        'https://example.com,', 'https://com', 'https://*.com', 'ftp://example.com',
        'http://localhost:8080'),
    [autoflow_webauthn    => q{rp_id=example.com "name=a\tb"}, qr/not a line of text/],
    [autoflow_attempts    => 'account=10',                    qr/account=10/],
    [autoflow_attempts    => 'account=10/',                   qr{account=10/}],
    [autoflow_attempts    => 'user=10/1m',                    qr{user=10/1m}],
    [autoflow_revocation_staleness => 'off',                  qr/at least 5 seconds/],
    [autoflow_revocation_staleness => '1m fail=maybe',        qr/fail=maybe/],
    [autoflow_revocation_staleness => '1m; autoflow_revocation_staleness 1m', qr/duplicate/],
    [autoflow_auth        => 'maybe',                         qr/maybe/],
    [autoflow_auth        => 'ON',                            qr/ON/],
    [autoflow_auth        => 'on token=secret',               qr/token/],
    [autoflow_auth        => 'on token=',                     qr/token=/],
    [autoflow_auth        => 'on token=$nowhere',             qr/nowhere/],
    [autoflow_auth        => 'on preflight=allow',            qr/preflight=allow/],
    [autoflow_auth        => 'on colour=red',                 qr/colour=red/],
    [autoflow_auth        => 'on strip=on',                   qr/strip=on/],
    map({ [autoflow_cors_origins => $_->[0],
    qr/autoflow_cors_origins".*$_->[1].* in \S+nginx\.conf:\d+$/m] } (
        ['https://app.example/',                'invalid origin "https://app.example/".*no path'],
        ['https://app.example/x',               'no path'],
        ['app.example',                         'scheme'],
        ['//app.example',                       'scheme'],
        ['null',                                'null'],
        ['https://a.*.example',                 'first label'],
        ['https://a*.example',                  'first label'],
        ['https://*.*.example',                 'first label'],
        ['https://*',                           'first label'],
        ['https://*.com',                       'two labels'],
        ['https://app.example:0',               'port'],
        ['https://app..example',                'host'],
        ['https://user@app.example',            'host'],
        ['https://app.example *',               'alone'],
        ['* https://app.example',               'alone'],
        ['* credentials',                       'list the origins'],
        ['credentials https://app.example',     'last parameter'],
        ['credentials',                         'last parameter'],
        ['off https://app.example',             'scheme'],
        ['https://app.example off',             'scheme'],
    )),
    map({ [autoflow_login => $_, qr/must be a path, or the URL of another host/] }
        'account', '//evil.example/', '"/a b"', 'ftp://a.example/', '/\\\\x', 'on'),
    [autoflow_login       => '/account/#x',                   qr/fragment/],
    [autoflow_login       => 'off confirm=/x',                qr/is off, and has a parameter/],
    [autoflow_login       => '/a confirm=b',                  qr/must be a path, or the URL/],
    [autoflow_login       => '/a confirm=https://b.example/', qr/a path, and a URL of another/],
    [autoflow_login       => '/a from=/b',                    qr/from=/],
    [autoflow_login       => '/a; autoflow_login /b',         qr/duplicate/],
    [autoflow_login_return => 'https://a.example/',           qr/invalid origin.*no path/],
    [autoflow_login_return => 'https://a.example ftp://b.example', qr/neither http nor https/],
    [autoflow_login_return => 'https://*.com',                  qr/two labels/],
    [autoflow_cors_origins  => '',                            qr/number of arguments/],
    [autoflow_cors_origins  => 'https://app.example:*',       qr/only loopback hosts/],
    [autoflow_require_https => 'yes',                         qr/invalid value "yes"/],
    [autoflow_claim_set   => 'x a',                           qr/invalid variable name "x"/],
    [autoflow_claim_set   => '$ a',                           qr/invalid variable name/],
    [autoflow_claim_set   => '$x',                            qr/number of arguments/],
    [autoflow_claim_set   => '$x ""',                         qr/empty/],
    [autoflow_claim_set   => '$x a; autoflow_claim_set $x b', qr/duplicate "x"/],
    [autoflow_claim_set   => '$autoflow_email a',             qr/duplicate/],
    [autoflow_claim_set   => '$host a',                       qr/duplicate/],
    map({ [autoflow_auth => "on; autoflow_require $_->[0]",   $_->[1]] } (
        ['admin',                 qr/"admin".*unknown condition/],
        ['aal=0',                 qr/"aal=0": it must be 1 or 2/],
        map({ ["aal=$_",          qr/must be 1 or 2/] } '', 3, 'two', '-1', '2x'),
        map({ ["fresh=$_",        qr/from 1s to 365d/] } '', '0', 'soon', '-1s', '500ms', '366d'),
        ['role',                  qr/"role"/],
        ['role=',                 qr/"role=".*empty/],
        ['role=a||b',             qr/empty/],
        ['role=a|',               qr/empty/],
        ['superuser=1',           qr/superuser=1/],
        ['verified=yes',          qr/verified=yes/],
        ['claim:',                qr/no "="/],
        ['claim:a',               qr/no "="/],
        ['claim:=x',              qr/empty/],
        ['claim:a.=x',            qr/empty/],
        ['claim:.a=x',            qr/empty/],
        ['claim:a..b=x',          qr/empty/],
        ['claim:a=',              qr/empty/],
        ['claim:a\\=b',           qr/no "="/],
        ['claim:sub=$host',       qr/invalid condition "claim:sub=\$host": .*variables are not/],
        ['claim:a=x-$host',       qr/variables are not allowed/],
        ['"claim:a=${host}"',     qr/variables are not allowed/],
        ['role=$arg_role',        qr/variables are not allowed/],
        ['role=a|$arg_role',      qr/variables are not allowed/],
        ['$nowhere',              qr/nowhere/],
        ['$',                     qr/invalid/],
        ['"role=a" error=404',    qr/error=404/],
        ['error=401',             qr/no condition/],
        ['',                      qr/number of arguments/],
    )),
);
refused "$_->[0] $_->[1]", $_->[2], $_->[0] => $_->[1] for @rows;

refused "twice: $_->[0]", qr/"$_->[0]" directive is duplicate/,
    $_->[0] => "$_->[1]; $_->[0] $_->[1]"
    for (
        [autoflow_database    => '"postgresql:///x"'],
        [autoflow_environment => 'testing'],
        [autoflow_access_ttl  => '5m'],
        [autoflow_refresh_ttl => '5d'],
        [autoflow_password    => 'time=1'],
        [autoflow_threads     => 'io=autoflow_io'],
        [autoflow_issuer      => 'me'],
        [autoflow_leeway      => '1s'],
        [autoflow_auth        => 'on'],
        [autoflow_cors_origins => '*'],
        [autoflow_require_https => 'on'],
        [autoflow_realm       => 'here'],
    );


# Conflicts

refused 'an API without a database', qr/autoflow_api.*autoflow_database/s,
    autoflow_database => undef, autoflow_secret => undef;

refused 'a database without a secret', qr/autoflow_secret/,
    autoflow_secret => undef;

refused 'an API without a key to sign with', qr/autoflow_key/,
    autoflow_key => undef;

$t->main('# no thread_pool');
refused 'no thread pools: the missing lines are printed',
    qr/thread_pool autoflow_hash threads=\d+ max_queue=\d+;/;

$t->main('thread_pool autoflow_hash threads=2; thread_pool autoflow_io threads=2;');
like says(),
    qr/^.*\[warn\].*"thread_pool autoflow_connect threads=\d+ max_queue=\d+;".*nginx.conf:\d+\n\z/,
    'none to connect in: a warning, and no more';
$t->main('');

$t->api(0)->server('location / { autoflow_auth on; }');
refused 'protection without a key', qr/autoflow_key/,
    map { ("autoflow_$_" => undef) } qw(database secret key password environment);

accepted 'a key alone makes a verifier',
    map { ("autoflow_$_" => undef) } qw(database secret password);
$t->api(1)->server('');


# Requirements without effect

sub refused_server ($name, $expected, $server) {
    $t->server($server);
    refused $name, $expected;
    $t->server('');
}

sub accepted_server ($name, $server) {
    $t->server($server);
    accepted $name;
    $t->server('');
}

refused 'autoflow_require without autoflow_auth',
    qr{"autoflow_require" needs an "autoflow_auth" in \S+nginx.conf:\d+},
    autoflow_require => 'verified';
refused_server "in a server: $_", qr/"autoflow_require" needs an "autoflow_auth"/, $_
    for 'autoflow_require verified;',
        'autoflow_auth off; autoflow_require verified;',
        'location /x/ { autoflow_require verified; }',
        'autoflow_auth on; location /x/ { autoflow_auth off; autoflow_require verified; }',
        'location /x/ { limit_except GET { autoflow_require verified; } }',
        'location /x/ { autoflow_require verified; location /x/y { autoflow_auth on; } }',
        'location /x/ { autoflow_verify; location /x/y { autoflow_require verified; } }';
accepted_server "in a server: $_", $_
    for 'autoflow_auth optional; location /x/ { autoflow_require verified; }',
        'autoflow_auth on; autoflow_require verified; location /x/ { autoflow_auth off; }',
        'location /x/ { autoflow_auth on; limit_except GET { autoflow_require verified; } }',
        'location /x/ { limit_except GET { autoflow_auth on; autoflow_require verified; } }',
        'location /x/ { autoflow_verify; autoflow_require verified; }',
        'location /x/ { autoflow_auth off; autoflow_verify; limit_except GET { autoflow_require '
        . 'verified; } }';


# autoflow_verify

refused_server "in a server: $_->[0]", $_->[1], $_->[0]
    for ['autoflow_verify;', qr/not allowed here/],
        ['location /x/ { autoflow_verify; autoflow_verify; }', qr/duplicate/],
        ['location /x/ { autoflow_verify status=201; }', qr/status=201/],
        ['location /x/ { autoflow_verify status=ok; }', qr/status=ok/],
        ['location /x/ { autoflow_verify 200; }', qr/"200"/],
        ['location /x/ { autoflow_claim_set $x y; }', qr/not allowed here/];
accepted_server "in a server: $_", $_
    for 'location /x/ { autoflow_verify status=200; }',
        'location /x/ { limit_except GET { autoflow_verify; } }';

# autoflow_metrics

refused_server "in a server: $_->[0]", $_->[1], $_->[0]
    for ['autoflow_metrics;', qr/not allowed here/],
        ['location /x/ { autoflow_metrics; autoflow_metrics; }', qr/duplicate/],
        ['location /x/ { autoflow_metrics on; }', qr/invalid number of arguments/],
        ['location /x/ { autoflow_api; autoflow_metrics; }', qr/conflicts with another/];
accepted_server "in a server: $_", $_
    for 'location /x/ { autoflow_metrics; }',
        'location /x/ { limit_except GET { autoflow_metrics; } }';

refused_server 'a base that no document can name', qr/"autoflow_api".* is not UTF-8/,
    "location /x/ { autoflow_api /\xe9; }";

$t->api(0)->server('location / { autoflow_verify; }');
refused 'autoflow_verify without a key',
    qr{"autoflow_verify" needs an "autoflow_key" in \S+nginx.conf:\d+},
    map { ("autoflow_$_" => undef) } qw(database secret key password environment);
accepted 'but without a database', map { ("autoflow_$_" => undef) } qw(database secret password);
$t->api(1)->server('');


# Mails

my %mail = (
    autoflow_mail           => 'maildir:' . $t->dir . '/mail',
    autoflow_mail_templates => "$Test::Autoflow::root/conf/mail",
    autoflow_link_base      => 'https://example.com/',
);
my $from = 'from=auth@example.com';

accepted "autoflow_mail $_" => %mail, autoflow_mail => $_ for (
    'off', $mail{autoflow_mail}, "$mail{autoflow_mail}/ $from",
    "smtp://localhost $from", "smtps://mail.example.com:4465 $from",
    "smtp://[::1]:587/our.name $from",
    "smtp://localhost \"from=The \xc3\x84pp <auth\@example.com>\" user=u password=p",
    "smtp://u:p%40w\@localhost $from starttls=required",
    "smtp://localhost $from starttls=required ca=nginx.conf",
);
accepted "autoflow_link_base $_" => %mail, autoflow_link_base => $_
    for 'http://127.0.0.1:8080', 'https://example.com/a/b/', 'https://[::1]/';
ok -d $t->dir . '/mail', 'nginx makes the Maildir';
accepted 'autoflow_mail_templates' => %mail,
    autoflow_mail_templates => "$Test::Autoflow::root/conf/mail/";

refused "autoflow_mail $_->[0]", $_->[1], %mail, autoflow_mail => $_->[0] for (
    ['sendmail',                                    qr/must begin with "smtp:\/\/"/],
    ['http://localhost',                            qr/must begin with "smtp:\/\/"/],
    ["off $from",                                   qr/off/],
    ['maildir:',                                    qr/no path/],
    ['maildir:/nowhere/mail',
    qr{the workers can't write to "/nowhere/mail".*No such file}],
    ['maildir:mail user=u',                         qr/no parameter but "from="/],
    ['smtp://localhost',                            qr/needs a "from="/],
    ['smtp://localhost from=nobody',                qr/neither an address/],
    ['smtp://localhost "from=A <a@b.c>, d@e.f"',    qr/neither an address/],
    ["smtp:// $from",                               qr/an invalid URL/],
    ["smtp://localhost:99999 $from",                qr/an invalid URL/],
    ["smtp://localhost/?x=y $from",                 qr/an invalid URL/],
    ["smtp://localhost $from user=u",               qr/both "user=" and "password="/],
    ["smtp://localhost $from password=secret-value", qr/both "user=" and "password="/],
    ["smtp://u\@localhost $from",                   qr/both "user=" and "password="/],
    ["smtp://localhost $from starttls=on",          qr/"starttls="/],
    ["smtps://localhost $from starttls=required",   qr/implicit TLS/],
    ["smtp://localhost $from ca=nginx.conf",        qr/needs "starttls=required"/],
    ["smtps://localhost $from ca=/nowhere/ca.pem",
    qr{"/nowhere/ca.pem" can't be read.*No such file}],
    ["smtp://localhost $from user=u password=file:/nowhere/p", qr{/nowhere/p.*No such file}],
    ["smtp://localhost $from colour=red",           qr/colour=red/],
    ['off; autoflow_mail off',                      qr/duplicate/],
);
refused "autoflow_link_base $_", qr/"autoflow_link_base"/, %mail, autoflow_link_base => $_
    for 'example.com', 'ftp://example.com', 'https://', 'https://a@b', 'https://a/?x',
    '"https://a/#x"', '"https://a/b c"', q('https://a/"x'), 'https://a/<x';
refused 'autoflow_mail without a place for its links',
    qr{"autoflow_mail" needs an "autoflow_link_base".* in \S+nginx.conf:\d+},
    %mail, autoflow_link_base => undef;
refused 'autoflow_mail without templates',
    qr{verify_email.subject" failed.*autoflow_mail_templates}s,
    %mail, autoflow_mail_templates => '/nowhere';
accepted "autoflow_require_verified_email $_" => %mail, autoflow_require_verified_email => $_
    for 'on', 'off';
accepted 'autoflow_require_verified_email without mails, in development',
    autoflow_require_verified_email => 'on';
refused "autoflow_require_verified_email $_->[0]", $_->[1],
    autoflow_require_verified_email => $_->[0]
    for ['maybe', qr/"on" or "off"/], ['on; autoflow_require_verified_email on', qr/duplicate/];
$t->api(0);
refused 'autoflow_database_replica without a database',
    qr/"autoflow_database_replica" needs an "autoflow_database"/,
    autoflow_database_replica => 'postgresql:///x', autoflow_database => undef,
    autoflow_secret => undef;
refused 'autoflow_mail without a database', qr/"autoflow_mail" needs an "autoflow_database"/,
    %mail, autoflow_database => undef, autoflow_secret => undef;
$t->api(1);

my $templates = path($t->dir, 'templates')->make_path;
for (['subject', "one\ntwo", qr/more than one line in \S+verify_email.subject:1/],
    ['txt', "a\nb {{nothing}}",
    qr/an unknown variable between "\{\{" and "\}\}" in \S+verify_email.txt:2/],
    ['html', "<p>{{link</p>", qr/without its "\}\}" in \S+verify_email.html:1/],
    ['txt', "\xff", qr/is not UTF-8 in \S+verify_email.txt:1/])
{
    my ($suffix, $text, $expected) = @$_;
    $_->copy_to($templates) for path("$Test::Autoflow::root/conf/mail")->list->each;
    path($templates, "verify_email.$suffix")->spurt($text);
    refused "a template: $suffix", $expected, %mail, autoflow_mail_templates => $templates;
}

my $secrets = path($t->dir, 'mail.password')->spurt("secret-value\n")->chmod(0600);
my %strict = (%mail, autoflow_environment => 'production',
    map { my $file = path($t->dir, $_)->spurt('hex:' . '0f' x 32)
    ->chmod(0600); ("autoflow_$_" => "file:$file") } qw(secret key));
refused "production: $_->[0]", $_->[1], %strict, autoflow_mail => "$_->[0] $from" for (
    ["smtp://localhost user=u password=file:$secrets",  qr/passwords are sent over TLS only/],
    ["smtps://localhost user=u password=secret-value",  qr/literal secret/],
    ["smtps://u:secret-value\@localhost",               qr/literal secret/],
);
accepted "production: $_" => %strict, autoflow_mail => "$_ $from" for (
    "smtp://localhost user=u password=file:$secrets starttls=required",
    "smtps://localhost user=u password=file:$secrets", 'smtp://localhost',
);
refused 'production: autoflow_require_verified_email without mails',
    qr/"autoflow_require_verified_email"[ ]needs[ ]"autoflow_mail"[ ]in
        [ ]"autoflow_environment[ ]production"[ ]in[ ]\S+nginx.conf:\d+/x,
    %strict, autoflow_mail => 'off', autoflow_require_verified_email => 'on';
refused 'production: autoflow_registration verified without mails',
    qr/"autoflow_registration[ ]verified"[ ]needs[ ]"autoflow_mail"[ ]in
        [ ]"autoflow_environment[ ]production"[ ]in[ ]\S+nginx.conf:\d+/x,
    %strict, autoflow_mail => 'off', autoflow_registration => 'verified';
accepted "production: autoflow_registration $_" => %strict, autoflow_mail => 'off',
    autoflow_registration => $_ for 'open', 'invite inviters=staff', 'closed domains=a.example';
accepted 'production: autoflow_require_verified_email' =>
    %strict, autoflow_mail => "smtp://localhost $from", autoflow_require_verified_email => 'on';


# Keys and secrets from other sources

my $file = path($t->dir, 'key')->spurt("base64url:" . 'A' x 43 . "\n");
chmod 0600, $file;
accepted 'a file with a key', autoflow_key => "file:$file";
accepted 'a file with a secret', autoflow_secret => "file:$file";

$ENV{AUTOFLOW_TEST_KEY} = 'k' x 32;
like says(autoflow_cookies => 'on path=/api/'), qr/\[warn\].*"path=".*deprecated.*all paths/,
    'legacy cookies';
like says(autoflow_database => '"host=/a,/b user=x"'),
    qr/\[warn\].*"autoflow_database" has several hosts, of which a standby may be taken/,
    'several hosts, of which any is taken';
is says(autoflow_database => '"postgresql://a,b/x?target_session_attrs=read-write"'), '',
    'unless it is the primary';

like says(autoflow_key => 'env:AUTOFLOW_TEST_KEY'), qr/\[warn\].*"env AUTOFLOW_TEST_KEY;"/,
    'an environment variable that nginx will lose';
$t->main('env AUTOFLOW_TEST_KEY;');
accepted 'an environment variable', autoflow_key => 'env:AUTOFLOW_TEST_KEY';
$t->main('');


# Public and private keys, generated here

sub openssl (@arguments) {
    open my $out, '-|', 'sh', '-c', '"$@" 2>/dev/null', 'sh', 'openssl', @arguments or die $!;
    return join '', <$out>;
}

sub key_file ($name, $text, $mode = 0600) {
    return path($t->dir, $name)->spurt($text)->chmod($mode);
}

my @ec = qw(genpkey -algorithm EC -pkeyopt);
my $ec  = key_file('ec.pem', openssl(@ec, 'ec_paramgen_curve:P-256'));
my $rsa = key_file('rsa.pem', openssl(qw(genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048)));
my $ed  = key_file('ed.pem', openssl(qw(genpkey -algorithm ed25519)));

my ($ec_public, $rsa_public, $ed_public) = map {
    key_file($_->basename('.pem') . '.pub', openssl('pkey', '-in', $_, '-pubout'), 0644)
} $ec, $rsa, $ed;

my $jwk = '{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",'
    . '"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}';
my $jwk_public = $jwk =~ s/"d":"[^"]+",//r;

accepted 'autoflow_key ' . s/\n.*\n/.../sr, autoflow_key => $_ for (
    "file:$rsa", "file:$rsa alg=PS512 kid=first", "file:$ec alg=ES256 use=sign", "file:$ed",
    "'$jwk' alg=EdDSA kid=x", qq('{"keys":[$jwk]}'),
    "'@{[$ec->slurp]}'", "'@{[$ec_public->slurp]}'; autoflow_key file:$ec alg=ES256 kid=other",
    "file:$ec_public issuer=them; autoflow_key file:$ec",
    "file:$rsa; autoflow_key file:$rsa alg=RS512; autoflow_key file:$rsa_public issuer=them",
);

like says(autoflow_key => qq('{"keys":[{"kty":"AKP"},$jwk,{"kty":"OKP","crv":"X25519"}]}')),
    qr/^.*\[notice\].*skips[ ]key[ ]1[ ]of[ ]the[ ]set:[ ]keys[ ]of[ ]this[ ]kind.*[ ]in[ ]\S+
        nginx\.conf:\d+\n.*\[notice\].*key[ ]3[ ]of[ ]the[ ]set.*\n\z/x,
    'keys of a set that are of no use are skipped with a notice';

# generated by this test: an invalid point, too few bits
my $off_curve = '{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",'
    . '"y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a4"}';
my $short = key_file('short.pem',
    openssl(qw(genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024)));
my $encrypted = key_file('encrypted.pem', openssl('pkey', '-in', $ec, qw(-aes256 -passout pass:x)));
my $other_curve = key_file('other.pem', openssl(@ec, 'ec_paramgen_curve:secp256k1'));
my $broken = key_file('broken.pem', $ec->slurp =~ s/\nM/\nA/r);
my $twice = key_file('twice.pem', $ec->slurp . $ed->slurp);

refused "autoflow_key $_->[0]", qr/autoflow_key" can't be used: $_->[1].* in \S+nginx\.conf:\d+$/m,
    autoflow_key => $_->[0] for (
    ["file:$short",                      qr/the modulus is shorter than 2048 bits/],
    ["file:$encrypted",                  qr/the private key is encrypted/],
    ["file:$other_curve",                qr/keys of this kind are not supported/],
    ["file:$broken",                     qr/the PEM holds no valid key/],
    ["file:$twice",                      qr/there is more than one key in the PEM/],
    ["file:$rsa alg=ES256",              qr/the algorithm is not for this kind of key/],
    ["file:$ec alg=ES384",               qr/the algorithm is not for this kind of key/],
    ["file:$rsa_public alg=HS256",       qr/the algorithm is not for this kind of key/],
    ["file:$rsa_public use=sign",        qr/a public key can't sign/],
    ["file:$ec use=sign issuer=them",    qr/another issuer's key can't sign/],
    ["file:$ec; autoflow_key file:$ec_public", qr/it is listed twice/],
    ["'$off_curve'",                     qr/the key is not valid/],
    ["'$jwk' alg=ES256",                 qr/the algorithm is not for this kind of key/],
    [qq('{"kid":"a",@{[substr $jwk, 1]}' kid=b), qr/the JWK has another kid/],
    [qq('{"alg":"EdDSA",@{[substr $jwk, 1]}' alg=RS256), qr/the JWK has another algorithm/],
    ["'$jwk_public' use=sign",           qr/the key can't sign/],
    [qq('{"keys":[$jwk,$off_curve]}' kid=x), qr/\"kid=\" is for a single key/],
    [qq('{"keys":[$jwk,$off_curve]}'),   qr/key 2 of the set: the key is not valid/],
    [qq('{"keys":[]}'),                  qr/there is no usable key in the set/],
    [q('{"kty":"oct"'),                  qr/the JSON is malformed/],
    ['base64url:' . encode_base64url($rsa_public->slurp), qr/PEM is not a secret/],
);

# a well-known HMAC key: a file meant as another kind of key
my $rsa_der = openssl('pkey', '-in', $rsa, qw(-pubout -outform DER));
my $certificate = openssl(qw(req -x509 -days 1 -subj /CN=x -outform DER -key), $ed);
chomp(my $base64 = encode_base64($rsa_der));
my $n;
refused "a secret that is $_->[0]",
    qr/autoflow_key" can't be used: $_->[1].* in \S+nginx\.conf:\d+$/m,
    autoflow_key => 'file:' . key_file('no-secret' . $n++, $_->[2]) for (
    ['a public key in DER',       qr/DER is not a secret: a key must be in PEM/, $rsa_der],
    ['another one',               qr/DER is not a secret/,
    openssl('pkey', '-in', $ed, qw(-pubout -outform DER))],
    ['a private key in DER',      qr/DER is not a secret/,
    openssl('pkey', '-in', $ec, qw(-outform DER))],
    ['a certificate in DER',      qr/DER is not a secret/, $certificate],
    ['PEM without its lines',     qr/DER is not a secret/, $base64],
    ['the same in one line',      qr/DER is not a secret/, $base64 =~ s/\n//gr],
    ['the same in base64url',     qr/DER is not a secret/, encode_base64url($rsa_der)],
    ['the same with a prefix',    qr/DER is not a secret/, 'base64url:'
    . encode_base64url($rsa_der)],
    ['an SSH key',                qr/an SSH key is not a secret/, 'ssh-ed25519 ' . 'A' x 68
    . ' me@here'],
    ['a JWK behind a BOM',        qr/JSON is not a secret/, "\xef\xbb\xbf$jwk_public"],
    ['a list of JWKs',            qr/JSON is not a secret/, "[$jwk_public]"],
);
accepted "a secret that is $_->[0]", autoflow_key => 'file:' . key_file('a-secret' . $n++, $_->[1])
    for (
    ['base64',                    encode_base64(pack('C*', map { 7 * $_ % 256 } 1 .. 48))],
    ['text',                      '[{a text in brackets, of 32 octets}]'],
    ['octets',                    pack('C*', 0x30, 1 .. 31)],
);

refused 'an API with public keys alone',
    qr/autoflow_api.*autoflow_key" that signs in \S+autoflow_api\.conf:\d+/,
    autoflow_key => "file:$ec_public";

# a server's keys replace those of http
$t->server("autoflow_key file:$ec_public;");
refused 'keys of a server that can not sign', qr/autoflow_api.*autoflow_key" that signs/;
$t->server('');


# Keys that are fetched

openssl(qw(req -x509 -nodes -days 2 -subj /CN=CA -newkey ec -pkeyopt ec_paramgen_curve:P-256),
    '-keyout', $t->dir . '/ca.key', '-out', $t->dir . '/ca.pem');
my $ca = path($t->dir, 'ca.pem');
my $broken_ca = key_file('broken-ca.pem', $ca->slurp . $ca->slurp =~ s/\nM/\nA/r);
my $a_key = "file:$ec";

my $url = 'https://issuer.example/jwks.json';
$t->server("autoflow_key $a_key; autoflow_key_url $_;"), accepted "autoflow_key_url $_" for (
    "$url issuer=them", "$url issuer=them refresh=1h ca=$ca", "$url issuer=them ca=ca.pem",
    'https://[::1]:8443/ issuer=them', "http://127.0.0.1/ issuer=them",
    "$url issuer=one; autoflow_key_url $url issuer=two",
);
for (
    [$url,                                        qr/number of arguments/],
    ["$url refresh=1h",                           qr/needs an "issuer="/],
    ["$url issuer=",                              qr/"issuer="/],
    ["$url issuer=them refresh=soon",             qr/"refresh=soon"/],
    ["$url issuer=them colour=red",               qr/"colour=red"/],
    ["jwks.json issuer=them",                     qr{needs a URL that begins with "https://"}],
    ["file:///jwks.json issuer=them",             qr{needs a URL that begins with "https://"}],
    ["https:// issuer=them",                      qr/can't be used: \w/],
    ["'https://issuer example/' issuer=them",     qr/can't be used: \w/],
    ["https://issuer.example:port/ issuer=them",  qr/can't be used: \w/],
    ['https://$host/ issuer=them',                qr/can't be used: \w/],
    ["https://me:secret-value\@issuer.example/ issuer=them", qr/has a user or a password/],
    ["$url issuer=them ca=nowhere.pem",           qr/nowhere\.pem" failed \(2: No such file/],
    ["$url issuer=them ca=$ec",                   qr/the CA file has no valid certificate/],
    ["$url issuer=them ca=$broken_ca",            qr/the CA file has no valid certificate/],
    ["http://127.0.0.1/ issuer=them ca=$ca",      qr/"ca=" for a URL without TLS/],
) {
    $t->server("autoflow_key $a_key; autoflow_key_url $_->[0];");
    refused "autoflow_key_url $_->[0]", qr/$_->[1].* in \S+nginx\.conf:\d+$/m;
}

# even a verifier without a database needs a thread pool for them
my @verifier = map { ("autoflow_$_" => undef) } qw(database secret key password environment);
$t->api(0)->server("autoflow_key_url $url issuer=them; location / { autoflow_auth on; }");
accepted 'in production, with nothing but a URL', @verifier;
$t->main('# no thread_pool');
refused 'without threads', qr/thread_pool autoflow_io threads=.* in \S+nginx\.conf:\d+$/m,
    @verifier;
$t->main('')->server("autoflow_key_url http://127.0.0.1/ issuer=them;");
refused 'by http in production', qr/keys fetched over http in \S+nginx\.conf:\d+$/m, @verifier;
$t->api(1)->server('');


# docs/keys.md: its commands generate accepted keys

my $guide = Test::Autoflow::Guide->new('keys.md');
my $commands = $guide->text(language => 'sh', under => 'Making one');
$guide->finish;
for my $made (split /\n\n/, $commands) {
    path($t->dir, 'keys')->make_path;
    system 'sh', '-c', 'cd "$1" && umask 077 && eval "$2" 2>/dev/null', 'sh', $t->dir, $made;
    my ($comment, $name) = $made =~ m{^# ([^\n]+).*(keys/\S+)$}s or next;
    accepted "$comment in $name", autoflow_environment => 'production',
        autoflow_secret => "file:$file",
        autoflow_key => "file:$ec kid=first; autoflow_key file:" . path($t->dir, $name);
}


# Production

like says(autoflow_environment => 'production'), qr/literal/,
    'production refuses literal keys';

chmod 0644, $file;
my %production = (autoflow_environment => 'production',
    autoflow_key => "file:$file", autoflow_secret => "file:$file");
like says(%production), qr/\Q$file\E/, 'and files that others can read';

chmod 0600, $file;
is says(%production), '', 'and takes files of mode 0600';

like says(%production, autoflow_cors_origins => '* credentials'), qr/list the origins/,
    'as everywhere, no credentials for any origin';
is says(%production, autoflow_cors_origins => $_), '', "but $_"
    for '*', 'https://*.app.example credentials';
like says(%production, autoflow_database => '"postgresql://x:secret-value@/x"'),
    qr/refuses a literal secret/,
    'nor a literal password';

my $place = qr/in \S+nginx\.conf:\d+$/m;
for my $key ($rsa, $ec, $ed) {
    $production{autoflow_key} = "file:$key";
    is says(%production), '', $key->basename;
    $key->chmod(0644);
    like says(%production), qr/refuses a file that everyone may read: \Q$key\E $place/,
        'not if others can read it';
}
like says(%production, autoflow_key => $_), qr/refuses a literal secret $place/,
    'no literal private key'
    for "'$jwk'", "'@{[$ec->slurp]}'", qq('{"keys":[$jwk]}');

$ec->chmod(0600);
is says(%production, autoflow_key => "file:$ec; autoflow_key $_"), '',
    'but public ones, wherever they stand'
    for "'$jwk_public'", "'@{[$rsa_public->slurp]}'", "file:$rsa_public",
    "file:$ed_public issuer=them";

done_testing;
