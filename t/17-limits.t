# Every documented default and limit is in a table here, and each row is tested
# at its edge from both sides.  An unknown number fails, and so does a row whose
# words are no longer in docs/.  (Defaults too long to wait for are in
# t/18-times.t.)

use Mojo::Base -strict, -signatures;
use MIME::Base64 qw(decode_base64url encode_base64url);
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json encode_json);
use Mojo::Util qw(decode encode url_escape);
use Test::Autoflow;
use Test::More;
use Time::HiRes ();

my $good = 'correct horse battery staple';
my $check = Test::Autoflow->new(api => 0);      # for nginx -t
my ($t, $ada, $root);


# "Default:" of directives.md

my %defaults = (
    autoflow_database               =>
        'pool=2 wide=1 inflight=64 queue=1024 timeout=5s statements=prepared',
    autoflow_database_replica       => 'pool=1 queue=1024 timeout=2s lag=10s sticky=10s',
    autoflow_secret                 => '—',
    autoflow_seal_key               => '—',
    autoflow_zone                   => 'autoflow_zone 16m;',
    autoflow_revocation_staleness   => 'autoflow_revocation_staleness 5m fail=closed;',
    autoflow_attempts               => 'autoflow_attempts account=10/15m account_total=100/15m'
        . ' address=100/1m changes=120/1m;',
    autoflow_sessions               => 'autoflow_sessions account=100;',
    autoflow_environment            => 'autoflow_environment production;',
    autoflow_access_ttl             => 'autoflow_access_ttl 30m;',
    autoflow_refresh_ttl            => 'autoflow_refresh_ttl 7d;',
    autoflow_refresh_grace          => 'autoflow_refresh_grace 10s;',
    autoflow_password               => 'autoflow_password memory=19m time=2 strength=20;',
    autoflow_password_blocklist     => '—',
    autoflow_threads                => 'autoflow_threads hash=autoflow_hash io=autoflow_io'
        . ' connect=autoflow_connect;',
    autoflow_mail                   => 'autoflow_mail off;',
    autoflow_mail_templates         => 'autoflow_mail_templates mail;',
    autoflow_link_base              => '—',
    autoflow_require_verified_email => 'autoflow_require_verified_email off;',
    autoflow_webauthn               => '—',
    autoflow_registration           => 'autoflow_registration open expires=7d;',
    autoflow_mfa                    => 'autoflow_mfa optional;',
    autoflow_audit_log              => 'autoflow_audit_log off;',
    autoflow_key                    => '—',
    autoflow_key_url                => 'refresh=10m',
    autoflow_issuer                 => 'autoflow with autoflow_database, otherwise not demanded',
    autoflow_audience               => '—',
    autoflow_leeway                 => 'autoflow_leeway 0s;',
    autoflow_token_cache            => 'autoflow_token_cache 8m;',
    autoflow_api                    => '—',
    autoflow_pages                  => '—',
    autoflow_pages_dir              => 'autoflow_pages_dir pages;',
    autoflow_verify                 => '—',
    autoflow_metrics                => '—',
    autoflow_cors_origins           => '—',
    autoflow_cookies                => 'autoflow_cookies off;',
    autoflow_require_https          => 'autoflow_require_https on; in production, where there is'
        . ' autoflow_api or autoflow_auth, and an autoflow_database'
        . ' autoflow_require_https off; otherwise',
    autoflow_auth                   => 'autoflow_auth off;',
    autoflow_require                => '—',
    autoflow_claim_set              => '—',
    autoflow_login                  => 'autoflow_login off;',
    autoflow_login_return           => '—',
    autoflow_realm                  => 'autoflow_realm autoflow;',
);


# "Range:" of directives.md: of which parameter, or of the only argument;
# minimum, maximum, and step; its arguments; the message of nginx -t beyond

my $db = '"postgresql:///x"';
my @ranges = (
    [autoflow_database => 'pool',     '1',   '256',     '',   "$db pool=%s",     qr/pool/],
    [autoflow_database => 'wide',     '1',   '256',     '',   "$db wide=%s",     qr/wide/],
    [autoflow_database => 'inflight', '1',   '4096',    '',   "$db inflight=%s", qr/inflight/],
    [autoflow_database => 'queue',    '1',   '65535',   '',   "$db queue=%s",    qr/queue/],
    [autoflow_database => 'timeout',  '1ms', undef,     'ms', "$db timeout=%s",  qr/timeout/],
    [autoflow_database_replica => 'pool',    '1',     '256',   '',   "$db pool=%s",    qr/pool/],
    [autoflow_database_replica => 'queue',   '1',     '65535', '',   "$db queue=%s",   qr/queue/],
    [autoflow_database_replica => 'timeout', '1ms',   undef,   'ms', "$db timeout=%s", qr/timeout/],
    [autoflow_database_replica => 'lag',     '100ms', undef,   'ms', "$db lag=%s",     qr/lag/],
    [autoflow_database_replica => 'sticky',  '100ms', undef,   'ms', "$db lag=100ms sticky=%s",
        qr/sticky/],
    [autoflow_zone     => undef,      '256k', undef,    '',   '%s',              qr/than 262144/],
    [autoflow_revocation_staleness => undef, '5s', undef, 'ms', '%s', qr/at least 5 seconds/],
    [autoflow_attempts => 'number',   '1', '1000000',   '',   'account=%s/1m',   qr/account=/],
    [autoflow_attempts => 'time',     '1s', '1d',       's',  'account=5/%s',    qr/account=/],
    [autoflow_sessions => 'account',  '1', '1000',      '',   'account=%s',      qr/account/],
    [autoflow_sessions => 'idle',     '1m', '3650d',    's',
        'idle=%s; autoflow_access_ttl 59s', qr/idle/],
    [autoflow_sessions => 'lifetime', '1m', '3650d',    's',  'lifetime=%s',     qr/lifetime/],
    [autoflow_registration => 'expires', '1m', '30d',   's',  'open expires=%s', qr/invitations/],
    [autoflow_mfa => 'remember', '1m', '365d',          's',
        'optional remember=%s; autoflow_seal_key hex:' . '0f' x 32, qr/remembers browsers/],
    [autoflow_access_ttl    => undef, '1s', '3650d',    's',  '%s', qr/more than 0, and 10 years/],
    [autoflow_refresh_ttl   => undef, '1s', '3650d',    's',  '%s', qr/more than 0, and 10 years/],
    [autoflow_refresh_grace => undef, '0s', '1m',       's',  '%s',
        qr/between 0 and 60|invalid value/],
    [autoflow_password => 'memory',   '8k', '1024m',      '',   'memory=%s',       qr/memory/],
    [autoflow_password => 'time',     '1', '64',        '',   'time=%s',         qr/time/],
    [autoflow_password => 'strength', '1', '128',       '',   'strength=%s',     qr/strength/],
    [autoflow_key_url  => 'refresh',  '1ms', undef,     'ms',
        'https://issuer.example/ issuer=them refresh=%s',                         qr/refresh/],
    [autoflow_token_cache => undef,   '4k', undef,      '',   '%s', qr/at least 4k/],
    [autoflow_leeway   => undef,      '0s', '5m',       's',  '%s',
        qr/between 0 and 300|invalid value/],
);


# Other limits in docs/: where, in which words, and what tests it, here or in a
# subtest of another file

my $budgets = 't/57-budgets.t';
my $hashes  = 't/83-imported-hashes.t: what is wrong with a hash, as the module judges';
my @limits = (
    ['directives.md', 'Directives', 'A file may have 64 KiB', sub {
        my $file = path($t->dir, 'a-secret');
        $file->spurt('x' x $_)->chmod(0600), accepted(autoflow_secret => "file:$file")
            for 32, 65_536;
        $file->spurt('x' x 65_537);
        refused(autoflow_secret => "file:$file", qr/a-secret" is too large/);
    }],
    ['directives.md', 'autoflow_secret', 'At least 32 octets', sub {
        accepted(autoflow_secret => $_) for 'x' x 32, 'hex:' . '0f' x 32;
        refused(autoflow_secret => $_, qr/32 octets/) for 'x' x 31, 'hex:' . '0f' x 31;
    }],
    ['directives.md', 'autoflow_seal_key', 'At least 32 octets', sub {
        accepted(autoflow_seal_key => $_) for 'x' x 32, 'hex:' . '0f' x 32;
        refused(autoflow_seal_key => $_, qr/32 octets/) for 'x' x 31, 'hex:' . '0f' x 31;
    }],
    ['directives.md', 'autoflow_pages', 'larger than 1 MiB', 't/64-pages.t: files with mistakes'],
    ['directives.md', 'autoflow_database', 'may run two of them at once',
        't/55-lanes.t: lists that take long'],
    ['directives.md', 'autoflow_database', '2 connections per node',
        't/53-processes.t: workers delayed by a client'],
    ['directives.md', 'autoflow_attempts', 'address the first 64 bits count',
        't/58-familiar.t: IPv6'],
    ['directives.md', 'autoflow_attempts', 'within the last 30 days',
    't/58-familiar.t: for 30 days'],
    ['directives.md', 'autoflow_attempts', 'the latest 32 addresses',
        't/58-familiar.t: at most 32'],
    ['directives.md', 'autoflow_attempts', 'ten times as many', "$budgets: an account's"],
    ['directives.md', 'autoflow_attempts', 'each a quarter of that',
        "$budgets: the reserved budgets"],
    ['directives.md', 'autoflow_require', 'from `1s` to `365d`', sub {
        my $fresh = sub ($time) { "on; autoflow_require fresh=$time" };
        accepted(autoflow_auth => $fresh->($_)) for qw(1s 365d);
        refused(autoflow_auth => $fresh->($_), qr/from 1s to 365d/) for qw(0s 31536001s);
    }],
    ['directives.md', 'autoflow_key', "the algorithm's digest (32 octets for HS256)", sub {
        for (['', 32], [' alg=HS256', 32], [' alg=HS384', 48], [' alg=HS512', 64]) {
            my ($alg, $octets) = @$_;
            accepted(autoflow_key => 'x' x $octets . $alg);
            refused(autoflow_key => 'x' x ($octets - 1) . $alg, qr/$octets/);
        }
    }],
    ['directives.md', 'autoflow_key', 'below 2048 or above 8192 bits', sub {
        accepted(autoflow_key => rsa($_, 65_537)) for 2048, 8192;
        refused(autoflow_key => rsa(2047, 65_537), qr/shorter than 2048 bits/);
        refused(autoflow_key => rsa(8193, 65_537), qr/longer than 8192 bits/);
    }],
    ['directives.md', 'autoflow_key', 'even exponents and 1', sub {
        accepted(autoflow_key => rsa(2048, 3));
        refused(autoflow_key => rsa(2048, $_), qr/the exponent is not/) for 1, 2, 4;
    }],
    ['directives.md', 'autoflow_key_url', 'the limits are 10 seconds',
        't/18-times.t: a fetch of keys'],
    ['directives.md', 'autoflow_key_url', 'and 256 KiB', sub {
        $t->wait_for(sub { $t->error_log =~ m{can't fetch the keys of "\S+/long.json"} });
        judged('short')->status_is(200);
        $t->wait_for(
            sub { $t->error_log =~ m{keys of "\S+/long.json": the response is too large} });
        pass 'an octet more is not read';
    }],
    ['directives.md', 'autoflow_key_url', 'only the first 64 keys are used', sub {
        judged('nth64')->status_is(200);
        my $none = qr{keys of "\S+/nth65.json": there is no usable key};
        ok $t->wait_for(sub { $t->error_log =~ $none }), 'the 65th does not';
    }],
    ['directives.md', 'autoflow_key_url', 'every 30 seconds',
        't/36-key-url.t: unknown key ids are fetched, but rarely'],
    ['directives.md', 'autoflow_token_cache', '176 octets for a token',
        't/39-token-cache.t: its memory is bounded'],
    ['directives.md', 'autoflow_token_cache', 'if they have at most 52 octets',
        't/39-token-cache.t: variables are about the claims, each time'],
    ['directives.md', 'autoflow_api', 'it has at most 128 octets', sub {
        my $base = '/' . 'x' x 127;
        $check->server("location /base/ { autoflow_api $base; }");
        accepted(autoflow_realm => 'here');
        $check->server("location /base/ { autoflow_api ${base}x; }");
        refused(autoflow_realm => 'here', qr/"autoflow_api".*is too long/);
        $check->server('');
    }],
    ['directives.md', 'autoflow_api', 'no body longer than 64 KiB', \&bodies],
    ['directives.md', 'autoflow_cookies', 'a cookie of more than 4096 octets',
        't/64-cookies.t: a token too long for a cookie'],
    ['directives.md', 'Variables', 'has more than 8192 octets', sub {
        # three octets are four characters, so that not every header will do
        my $token = sub ($octets) {
            my %claims = (sub => 'x', exp => time + 600, iat => time - 60, iss => 'autoflow',
                fill => '');
            for my $blanks (0 .. 3) {
                my $header = '{"alg":"HS256"' . ' ' x $blanks . '}';
                my $made = sub ($n) {
                    $claims{fill} = 'x' x $n;
                    return Test::Autoflow::sign($t->key, $header, encode_json(\%claims));
                };
                my $n = int(($octets - length $made->(0)) * 3 / 4);
                length $made->($_) == $octets and return $made->($_) for $n .. $n + 1;
            }
            die "no token of $octets octets";
        };
        $t->get_ok('/app/x' => $t->bearer($token->(8192)))->status_is(200)
            ->header_is('X-Status' => 'ok');
        $t->get_ok('/app/x' => $t->bearer($token->(8193)))->status_is(401)
            ->header_is('X-Status' => 'too_long');
    }],
    ['directives.md', 'autoflow_cookies', 'kept for 10 seconds',
        't/69-renew.t: only so often'],
    ['directives.md', 'autoflow_login', 'longer than 2048 octets',
        't/69-login.t: no loop, and no end of a URL'],
    ['directives.md', 'autoflow_login_return', '2048 octets at most',
        't/69-login.t: no loop, and no end of a URL'],
    ['directives.md', 'autoflow_cors_origins', 'two hours', 't/60-cors.t: preflights to the API'],

    ['api.md', 'The HTTP API', 'within 100 ms', 't/56-health.t: the database is too slow'],
    ['api.md', 'Health', 'within 80 ms', 't/56-health.t: the database is too slow'],
    ['api.md', 'Sessions', 'at most 255 octets of the User-Agent', sub {
        my $device = sub ($agent) {
            my $pair = $t->ua->post('/auth/login' => {'User-Agent' => $agent} => json =>
                {email => $ada->{user}{email}, password => $good})->res->json;
            my ($current) = grep { $_->{is_current} }
                @{$t->ua->get('/auth/sessions?size=100' => $t->bearer($pair))->res->json('/data')};
            return $current->{device_info};
        };
        is $device->('a' x 255), 'a' x 255, 'as many are kept';
        is $device->('a' x 255 . 'b'), 'a' x 255, 'more are not';
        is $device->('a' x 253 . "\xc3\xa4"), 'a' x 253 . 'ä', 'a character at the end';
        is $device->('a' x 254 . "\xc3\xa4"), 'a' x 254, 'which is not cut';
    }],
    ['api.md', 'Administration', '3 to 255 characters', sub {
        my $q = sub ($q) {
            $t->get_ok('/auth/users?q=' . url_escape(encode 'UTF-8', $q) => $t->bearer($root));
        };
        $q->($_)->status_is(200) for 'abc', 'äöü', 'ä' x 255;
        $q->($_)->problem_is(422, 'validation_failed')->errors_are({q => 'length'})
            for '', 'ab', 'äö', 'ä' x 256;
    }],
    ['api.md', 'Administration', 'a name of 1 to 100 of', sub {
        field('/auth/roles', 'name', {}, ['r', 'r' x 100], ['', 'r' x 101]);
    }],
    ['api.md', 'Administration', 'a description of at most 10000 characters', sub {
        my $n = 0;
        for (['', 201], ['ä' x 10_000, 201], ['ä' x 10_001, 422]) {
            $t->post_ok('/auth/roles' => $t->bearer($root) => json =>
                {name => 'described' . $n++, description => $_->[0]})->status_is($_->[1]);
        }
        $t->errors_are({description => 'length'});
    }],
    ['api.md', 'Administration', 'an account has at most 32 roles',
        't/71-roles.t: the maximum number of roles'],
    ['api.md', 'Directory', 'at most 100 contacts and 100 jobs',
        't/80-directory.t: maximum numbers'],
    ['api.md', 'Directory', 'at most 1000 locations and 1000 organizations',
        't/80-directory.t: maximum numbers'],
    ['api.md', 'Administration', 'two letters or digits are next to each other', sub {
        my $q = sub ($q) {
            $t->get_ok('/auth/users?q=' . url_escape(encode 'UTF-8', $q) => $t->bearer($root));
        };
        $q->($_)->status_is(200) for '--ab', 'ä&öü', '株式-';
        $q->($_)->problem_is(422, 'validation_failed')->errors_are({q => 'format'})
            for 'a-b', '   ', '株-式';
    }],
    ['api.md', 'Directory', 'its first 10 contacts and 10 jobs',
        't/80-directory.t: includes of many'],
    ['api.md', 'Directory', '100 of a profile or 1000 of a creator',
        't/80-directory.t: what was deactivated'],
    ['api.md', 'The HTTP API', 'more than 10,000 messages or events', 't/80-directory.t: export'],
    ['api.md', 'The HTTP API', 'more than 8 MiB together',
        't/80-directory.t: export of long texts'],
    ['api.md', 'Lists', 'by `?page=` from 1 and `?size=` from 1 to 100, 10 by default', sub {
        my $list = sub ($query) { $t->get_ok("/auth/sessions$query" => $t->bearer($ada)) };
        $list->("?page=$_")->status_is(200)->json_is('/page' => $_) for 1, 2;
        $list->("?size=$_")->status_is(200)->json_is('/size' => $_) for 1, 100;
        $list->("?page=$_")->problem_is(422, 'validation_failed')->errors_are({page => 'range'})
            for 0, -1;
        $list->("?size=$_")->problem_is(422, 'validation_failed')->errors_are({size => 'range'})
            for 0, 101;
        $list->('')->json_is('/page' => 1)->json_is('/size' => 10);
    }],
    ['api.md', 'Lists', 'the first 10,000 elements: if `page` × `size` is more, the response is',
        't/76-lists.t: too deep'],
    ['directives.md', 'Variables', 'at most 1024 octets of valid UTF-8',
        't/77-logs.t: whatever is requested'],
    ['directives.md', 'Variables', 'likewise, at most 255 octets',
        't/77-logs.t: whatever is requested'],
    ['api.md', 'Lists', 'for a longer list it is 10000', 't/76-lists.t: events'],
    ['api.md', 'Lists', 'may run two at once', 't/55-lanes.t: lists that take long'],
    ['api.md', 'Bodies', 'at most 64 KiB', \&bodies],
    ['api.md', 'Bodies', 'at most 16 levels of objects and arrays, including itself', sub {
        my $json = {'Content-Type' => 'application/json'};
        for (['[', ']', '1'], ['{"x":', '}', '1']) {
            my ($open, $close, $inner) = @$_;
            my $body = sub ($n) { '{"x":' . $open x ($n - 1) . $inner . $close x ($n - 1) . '}' };
            my $post = sub ($n) { $t->post_ok('/auth/login' => $json => $body->($n)) };
            $post->(16)->problem_is(422, 'validation_failed');
            $post->(17)->problem_is(400, 'invalid_json');
        }
    }],
    ['api.md', 'Bodies', 'one address of at most 254 octets, 64 of them before the `@`', sub {
        my $address = sub ($before, $octets) {
            my $domain = 'd' x ($octets - $before - 1);
            $domain =~ s/(.{20})(?=..)./$1./g;
            return 'l' x $before . "\@$domain";
        };
        my $wide = "l\@" . join '.', ('ü' x 20) x 6, 'example';
        field('/auth/register', 'email', {password => $good},
            [$address->(1, 254), $address->(64, 254), $address->(64, 90)],
            [$address->(1, 255)]);
        field('/auth/register', 'email', {password => $good}, [], [$address->(65, 90)], 'format');
        is length(encode 'UTF-8', $wide), 2 + 6 * 41 + 7, 'of characters there are fewer';
        field('/auth/register', 'email', {password => $good}, [], [$wide]);
    }],
    ['api.md', 'Bodies', '8 to 128 characters of any kind', sub {
        my $hard = sub ($length) { join '', map { chr 0x4e00 + 37 * $_ } 1 .. $length };
        field('/auth/register', 'password', sub { (email => "hard$_[0]\@example.com") },
            [map { $hard->($_) } 8, 128], [map { $hard->($_) } 7, 129]);
        $t->put_ok('/auth/me/password' => $t->bearer($ada) => json => {current_password => $good,
            new_password => $hard->($_)})->errors_are({new_password => 'length'}) for 7, 129;
    }],
    ['api.md', 'Bodies', '3 to 100 of', sub {
        field('/auth/register', 'username',
            sub { (email => "u$_[0]\@example.com", password => $good) },
            ['abc', 'x' x 100], ['ab', '', 'x' x 101]);
    }],
    ['api.md', 'Bodies', '1 to 255 characters', sub {
        field('/auth/register', $_, sub { (email => "n$_[0]\@example.com", password => $good) },
            ['é', 'é' x 255], ['', 'é' x 256]) for 'full_name', 'name';
        $t->patch_ok('/auth/me' => $t->bearer($ada) => json => {full_name => 'é' x $_->[0]})
            ->status_is($_->[1]) for [255, 200], [256, 422];
    }],
    ['api.md', 'Bodies', 'at most 10000 characters, may be empty', sub {
        for (['', 200], ['ä' x 10_000, 200], ['ä' x 10_001, 422]) {
            $t->patch_ok('/auth/me' => $t->bearer($ada) => json => {bio => $_->[0]})
                ->status_is($_->[1]);
        }
        $t->errors_are({bio => 'length'});
    }],
    ['api.md', 'Bodies', 'what follows, at most 2000 characters', 't/80-directory.t: profiles'],
    ['api.md', 'Bodies', '1 to 10000 characters, no control characters',
    't/80-messages.t: valid contents'],
    ['api.md', 'Bodies', '`token`, `refresh_token` | 1 to 1024 octets', sub {
        for ([token => '/api/user/verify-email', 400], [refresh_token => '/auth/refresh', 401],
            [token => '/auth/reset-password', 400])
        {
            my ($name, $path, $status) = @$_;
            my %more = $path =~ /reset/ ? (new_password => $good) : ();
            $t->post_ok($path => json => {%more, $name => $_})
                ->problem_is($status, 'invalid_token') for 'x', 'x' x 1024, 'ä' x 512;
            $t->post_ok($path => json => {%more, $name => $_})->problem_is(422, 'validation_failed')
                ->errors_are({$name => 'length'}) for '', 'x' x 1025, 'ä' x 513;
        }
    }],
    ['api.md', 'Bodies', 'anything from 1 to 1024 octets', sub {
        my $login = sub (%fields) {
            $t->post_ok('/auth/login' => json => {email => 'x', password => 'y', %fields});
        };
        for my $name (qw(email password)) {
            $login->($name => $_)->problem_is(401, 'invalid_credentials')
                for 'x', 'x' x 1024, 'ä' x 512;
            $login->($name => $_)->problem_is(422, 'validation_failed')
                ->errors_are({$name => 'length'}) for '', 'x' x 1025, 'ä' x 513;
        }
    }],
    ['api.md', 'Errors', 'it is 1 to 128 of', sub {
        my $id = sub ($sent) {
            my $res = $t->ua->get('/health/live' => {'X-Request-ID' => $sent})->res;
            return $res->headers->header('X-Request-ID');
        };
        is $id->($_), $_, length($_) . ' characters' for 'x', 'x' x 128;
        like $id->($_), qr/^[0-9a-f]{32}\z/, length($_) . ' are too many or few' for '', 'x' x 129;
    }],

    (map { ['passwords.md', 'Hashes of other systems', $_, $hashes] } 'a cost of 15',
        '1048576 KiB, and 4194304 for KiB × passes',
        '4194304 iterations with SHA-1 or SHA-256, 2097152 with SHA-512',
        '4194304 for *N* × *r* × *p*', 'has 16 to 64 octets'),
    ['passwords.md', 'Hashes of other systems', 'the first 72 octets',
        't/83-imported-hashes.t: the password is replaced as a whole'],
    ['mail.md', 'What is mailed', "the account's address | valid for 24 hours",
        't/41-recovery.t: and expire'],
    ['mail.md', 'What is mailed', "the account's address | valid for an hour",
        't/41-recovery.t: and expire'],
    ['mail.md', 'What is mailed', 'within a minute, and no more than five within an hour',
        't/41-recovery.t: limits of mails'],
    ['mail.md', 'What is mailed',
        'five an hour per account, whatever the address, and ten per address',
        't/49-addresses.t: limits of changes'],
    ['api.md', 'Factors', 'at most 20', 't/22-factors.t: twenty factors'],
    ['api.md', 'Factors', '1 to 100 characters', 't/22-factors.t: twenty factors'],
    (map { ['api.md', 'Invitations', $_, 't/44-invitations.t: limits'] }
        'at most 1000 invitations', 'at most 100 an hour, a superuser 1000'),
    ['api.md', 'Invitations', 'within a minute, and no more than five within an hour',
        't/44-invitations.t: sent again'],
);

# numbers of directives.md and api.md that aren't limits
my @others = (
    'SQLSTATE 40P01 and 40001', '+ 1 connections per node', 'revocations, 32 octets each',
    '16m has room for 390 000 revocations', '8m has room for 47 660 tokens',
    'port 25 by default', 'port 465.',
    'PKCS#8, PKCS#1, SEC 1', 'X.509', 'Version 0.1 set', 'those of 0.1', 'Argon2id', 'Ed25519',
    'HS256', 'RS256', 'ES256', 'level 3', 't/69-passkeys-browser.t',
    'base32', 'base64', 'SHA-1, six digits, 30 seconds',
    'of version 0.1, which know no factors', 'of version 0.1, which expect a',
    'IPv6', '5xx', 'OpenAPI 3.1', 'W3C',
);


# The documents

# a file of docs/, as the texts of its sections by heading
sub sections ($file) {
    my (%text, $title);
    my $code = 0;
    for (split /\n/, decode 'UTF-8', path($Test::Autoflow::root, 'docs', $file)->slurp) {
        $code ^= 1 if /^```/;
        !$code && /^#+ (.*)/ ? $title = $1 : ($text{$title} .= "$_\n");
    }
    return \%text;
}

# "Syntax:", "Default:" and other lines above the text
sub head ($text) {
    my ($lines) = ($text // '') =~ /\A\n*((?:    .*\n)+)/ or return {};
    my (%head, $name);
    for (split /\n/, $lines) {
        $name = $1 if s/^    (\w+): +//;
        $head{$name} .= " $_" if defined $name;
    }
    s/^\s+|\s+$//g, s/\s+/ /g for values %head;
    return \%head;
}

sub words ($text) { $text =~ s/\s+/ /gr }

my %docs = map { ($_ => sections($_)) }
    'directives.md', 'api.md', 'mail.md', 'passwords.md';
my %heads = map { ($_ => head($docs{'directives.md'}{$_})) }
    grep { /^autoflow_/ } keys %{$docs{'directives.md'}};

# the directives of a heading: those of its default and its range, too
for my $title (grep { /, / } keys %heads) {
    my $head = delete $heads{$title};
    for my $name (split /, /, $title) {
        $heads{$name} = {map {
            ($_ => $head->{$_} =~ /(?:^| )(\Q$name\E\b[^;]*;)/ ? $1 : $head->{$_})
        } keys %$head};
    }
}

subtest 'documented defaults' => sub {
    is_deeply {map { ($_ => $heads{$_}{Default}) } keys %heads}, \%defaults, 'of each directive';

    my $module = path($Test::Autoflow::root, 'src', 'ngx_http_autoflow_module.c')->slurp;
    is_deeply [sort keys %defaults], [sort $module =~ /\{ ngx_string\("(autoflow_\w+)"\)/g],
        'which are all there are';
};

subtest 'documented ranges' => sub {
    my %documented;
    for my $name (keys %heads) {
        my $range = $heads{$name}{Range} // next;
        $documented{$1 eq $name ? $name : "$name $1"} = $2
            while $range =~ /(\w+)[= ](\w+\.\.\w*)/g;
        is $range =~ s/\w+[= ]\w+\.\.\w*;? ?//gr, '', "nothing else is there of $name";
    }
    is_deeply \%documented, {map {
        my ($name, $parameter, $least, $greatest) = @$_;
        (join(' ', $name, $parameter // ()) => "$least.." . ($greatest // ''))
    } @ranges};
};

subtest 'documented limits' => sub {
    for (@limits) {
        my ($file, $section, $words, $shown) = @$_;
        ok index(words($docs{$file}{$section} // ''), $words) >= 0, "$file, $section: $words";
        next if ref $shown;
        my ($other, $name) = split /: /, $shown, 2;
        like path($Test::Autoflow::root, $other)->slurp, qr/^ *subtest (['"])\Q$name\E\1/m,
            "is shown by $shown";
    }

    # what is left without all known words
    for my $file (qw(directives.md api.md)) {
        for my $section (sort keys %{$docs{$file}}) {
            my $text = $docs{$file}{$section};
            $text =~ s/^```.*?^```//gms;
            $text =~ s/^    .*$//gm;
            $text = words($text);
            $text =~ s/\Q$_\E//g for map({ $_->[2] }
                grep { $_->[0] eq $file && $_->[1] eq $section } @limits), @others;
            $text =~ s/`[^`]*`|\]\([^)]*\)//g;
            $text =~ s/RFC \d+(?:, section [\d.]+)?//g;
            $text =~ s/\b(?:20[0124]|30[348]|40[01345]|409|41[35]|422|429|50[03])\b//g;
            is_deeply [$text =~ /.{0,30}\d.{0,20}/g], [], "no other number in $file, $section";
        }
    }
};


# docs/limits.md has all of them

# the sections of a file by their anchors on GitHub, with the numbers in each
my %linked;
sub linked ($link) {
    my ($file, $anchor) = split /#/, $link;
    return $linked{$link} //= numbers(decode 'UTF-8',
        path($Test::Autoflow::root, 'docs', $file)->slurp) if !$anchor;
    my $of = $docs{$file} //= sections($file);
    my ($title) = grep { anchor($_) eq $anchor } keys %$of;
    return $linked{$link} //= numbers($of->{$title // die "no $link"});
}

sub anchor ($title) { lc $title =~ s/[^\w\s-]//gr =~ s/\s/-/gr }

sub numbers ($text) { return {map { s/,//gr => 1 } $text =~ /(\d+(?:,\d{3})*)/g} }

subtest 'limits.md' => sub {
    my $text = decode 'UTF-8', path($Test::Autoflow::root, 'docs', 'limits.md')->slurp;

    my %anchors = map { my $title = $_; map { $_ => anchor($title) } split /, /, $title }
        grep { /^autoflow_/ } keys %{$docs{'directives.md'}};
    my $table = join '', "| | default | range |\n| --- | --- | --- |\n", map {
        my ($name, $default, $range) = ($_, map { $_ // '' } @{$heads{$_}}{qw(Default Range)});
        s/\b$name (?!with)//g, s/;$//, s/;( |$)/,$1/g for $default, $range;
        my @cells = map { $_ eq '' || $_ eq '—' ? '' : " `$_`" } $default, $range;
        "| [$name](directives.md#$anchors{$name}) |$cells[0] |$cells[1] |\n";
    } grep { "$heads{$_}{Default} @{[$heads{$_}{Range} // '']}" =~ /\d/ } sort keys %heads;
    my ($there) = $text =~ /^## What you set\n.*?(^\|.*?)^$/ms;
    is $there, $table, 'defaults and ranges are those of directives.md';

    my @rows = map { [split /\s*\|\s*/] } grep { /^\|.*\]\(/ }
        split /\n/, $text =~ s/^## What you set.*?(?=^## )//mrs;
    my %rows;                   # the numbers of all rows with a link
    for my $row (@rows) {
        my (undef, $what, $number, $where) = @$row;
        my @links = ($where // '') =~ /\]\((\S+?)\)/g;
        my @numbers = keys %{numbers($number)};
        for my $n (@numbers) {
            ok scalar(grep { linked($_)->{$n} } @links), "$what: $n is in $where";
            $rows{$_}{$n} = 1 for @links;
        }
    }
    for (@limits) {
        my ($file, $section, $words) = @$_;
        next if $file eq 'passwords.md';        # of which only the gist is there
        my $link = "$file#" . anchor($section);
        ok $rows{$link}{$_}, "$link has $_: $words" for
            keys %{numbers($words =~ s/HS256|UTF-8|exponents and 1//r)};
    }
};


# What can be configured: nginx -t

# a value with its unit, in steps of the smallest one
my %units = ('' => 1, k => 1024, m => 1024 ** 2);
my %times = (ms => 1, s => 1000, m => 60_000, h => 3_600_000, d => 86_400_000);

sub steps ($value, $step) {
    my ($n, $unit) = $value =~ /^(\d+)(\w*)$/;
    return $step ? $n * $times{$unit} / $times{$step} : $n * $units{$unit};
}

sub configured ($name, $arguments) {
    $check->settings({
        $name eq 'autoflow_key_url' ? (autoflow_key => 'x' x 32 . "; autoflow_key_url $arguments")
            : ($name => $arguments)
    });
    return $check->check;
}

sub accepted ($name, $arguments) {
    is_deeply [configured($name, $arguments)], [0, ''], substr "$name $arguments", 0, 80;
}

sub refused ($name, $arguments, $why) {
    my ($exit, $text) = configured($name, $arguments);
    ok $exit != 0 && $text =~ /\[emerg\][^\n]*$why/, substr "not $name $arguments", 0, 80
        or diag $text;
}

# a public key of so many bits.  All bits set is divisible by 3: these offsets
# have no factor below 3,000,000, which OpenSSL would find by chance and refuse,
# and are not prime.
my %less = (2047 => 27, 2048 => 29, 8192 => 45, 8193 => 3);

sub rsa ($bits, $exponent) {
    my $n = pack 'B*', '0' x (-$bits % 8) . '1' x ($bits - 8) . sprintf '%08b', 256 - $less{$bits};
    my $e = pack('N', $exponent) =~ s/^\0+//r;
    my $jwk = {kty => 'RSA', n => encode_base64url($n), e => encode_base64url($e)};
    return "'@{[encode_json($jwk)]}' issuer=them";
}

subtest 'ranges' => sub {
    for (@ranges) {
        my ($name, $parameter, $least, $greatest, $step, $form, $why) = @$_;
        for ([$least, -1], defined $greatest ? [$greatest, 1] : ()) {
            my ($edge, $beyond) = @$_;
            accepted($name, sprintf $form, $edge);
            refused($name, sprintf($form, steps($edge, $step) + $beyond . $step), $why);
        }
    }
};


# The server with its defaults: in production, behind a proxy that terminates
# TLS

my $https = sub ($port) {  };
$t = Test::Autoflow->new(
    clock => 1,
    patient => 0,
    http => 'set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;
        large_client_header_buffers 4 16k;',
    server => q{
        location /cookies/ { autoflow_cookies on; autoflow_api; }
        location /verify/ { autoflow_verify; }
        location /metrics { autoflow_metrics; }
        location /app/ {
            autoflow_auth on;
            add_header X-Status $autoflow_status always;
            proxy_pass http://echo;
        }
        location /admin/ { autoflow_auth on; autoflow_require superuser; proxy_pass http://echo; }
        location /open/ { return 200; }
    },
);

# with nothing configured but what is required; undef: not even that
my %defaulted = map { ("autoflow_$_" => undef) } qw(environment password attempts);
for (qw(secret key)) {
    path($t->dir, $_)->spurt($_ eq 'key' ? $t->key : 'x' x 32)->chmod(0600);
    $defaulted{"autoflow_$_"} = 'file:' . path($t->dir, $_);
}
$t->settings({%defaulted});
$t->ua->on(prepare => sub ($ua, $tx) {
    my $headers = $tx->req->headers;
    $headers->header('X-Real-IP' => '192.0.2.1') if !$headers->header('X-Real-IP');
    $headers->header('X-Forwarded-Proto' => 'https') if !$headers->header('X-Forwarded-Proto');
});
$t->start;

sub claims ($token) { decode_json(decode_base64url((split /\./, $token)[1])) }

sub refresh ($pair) {
    return $t->post_ok('/auth/refresh' => json => {refresh_token => $pair->{refresh_token}});
}

# a login without checks
sub login ($email) {
    return $t->ua->post('/auth/login' => json => {email => $email, password => $good})->res->json;
}

subtest 'defaults of the service' => sub {
    $check->settings({autoflow_environment => undef});
    like +($check->check)[1], qr/refuses a literal secret/, 'autoflow_environment production';
    $t->get_ok('/auth/me' => {'X-Forwarded-Proto' => 'http'})
        ->problem_is(403, 'https_required', 'autoflow_require_https on');

    is $t->connections, 2, 'pool=2';
    is $t->wide, 1, 'wide=1';
    my ($pid) = $t->worker_pids;
    no warnings 'portable';
    my @sizes = map { /^(\w+)-(\w+) rw-s .*zero/ ? hex($2) - hex($1) : () }
        split /\n/, path("/proc/$pid/maps")->slurp;
    is_deeply [grep { $_ == 16 * 1024 ** 2 } @sizes], [16 * 1024 ** 2], 'autoflow_zone 16m';
};

subtest 'defaults of tokens' => sub {
    $t->post_ok('/cookies/auth/register' => json => {email => 'ada@example.com', password => $good})
        ->status_is(201)->json_is('/expires_in' => 1800);
    my $pair = $t->tx->res->json;
    my $claims = claims($pair->{access_token});
    ok grep({ $claims->{exp} == $claims->{iat} + $_ } 1800, 1801), 'autoflow_access_ttl 30m';
    is $claims->{iss}, 'autoflow', 'autoflow_issuer autoflow';
    ok !exists $claims->{aud}, 'no autoflow_audience';
    is $t->db->selectrow_array('SELECT extract(epoch FROM expires_at - created_at)::int
        FROM autoflow.sessions'), 604_800, 'autoflow_refresh_ttl 7d';
    is $t->db->selectrow_array('SELECT left(password_hash, 30) FROM autoflow.users'),
        '$argon2id$v=19$m=19456,t=2,p=1', 'autoflow_password memory=19m time=2';
    my %cookies = map { /^([^=]+)=[^;]/ ? ($1 => $_) : () }
        @{$t->tx->res->headers->every_header('Set-Cookie')};
    is_deeply [sort keys %cookies], [map { "__Host-af_$_" } qw(access csrf refresh)],
        'in production';
    is_deeply [grep { !/; SameSite=Lax/i } values %cookies], [], 'samesite=lax';

    # of 19.8 and 20.8 bits
    $t->post_ok('/auth/register' => json =>
        {email => "weak$_->[1]\@example.com", password => $_->[0]})->status_is($_->[1])
        for ['garden12', 422], ['garden84', 201];
    is_deeply $t->tx->res->headers->every_header('Set-Cookie'), [], 'autoflow_cookies off';
};

subtest 'defaults of checking tokens' => sub {
    my $app = sub (%claims) {
        $t->get_ok('/app/x' => $t->bearer($t->token({sub => 'x', %claims})));
    };
    $app->(exp => time)->status_is(401)->header_is('X-Status' => 'expired')
        ->header_like('WWW-Authenticate' => qr/realm="autoflow"/);
    $app->(exp => time + 60)->status_is(200);
    $app->(iat => time + 2)->status_is(401)
        ->header_is('X-Status' => 'not_yet_valid', 'autoflow_leeway 0s');
    $app->(iss => 'other')->status_is(401)->header_is('X-Status' => 'issuer');
    $t->get_ok('/verify/' => $t->bearer($t->token({sub => 'x'})))->status_is(204);
    $t->get_ok('/admin/' => $t->bearer($t->token({sub => 'x'})))->status_is(403);
    $t->get_ok('/open/' => {Origin => 'https://app.example', 'X-Forwarded-Proto' => 'http'})
        ->status_is(200, 'autoflow_auth off')->header_is(Vary => undef, 'no autoflow_cors_origins');
};

subtest 'limits of requests in flight, and waiting' => sub {
    my %headers = (%{$t->bearer(login('ada@example.com'))},
        'X-Real-IP' => '192.0.2.1', 'X-Forwarded-Proto' => 'https');
    # so that the locked statements don't time out, in the server or the module
    $t->db->do(q{ALTER ROLE autoflow_app SET statement_timeout = '60s'});
    $t->reload->ready->hold;
    my $lock = $t->locked;
    my @clients;
    for (1 .. 9) {          # two connections of 64, and 1024 that wait
        my $client = $t->client_h2;
        $client->headers(GET => '/auth/me', \%headers, 1) for 1 .. 128;
        push @clients, $client;
    }
    $t->all_read;
    $t->get_ok('/auth/me' => \%headers)->problem_is(503, 'overloaded', 'inflight=64 queue=1024');
    $lock->rollback;
    my %status;
    for my $client (@clients) { $status{$client->status(1 + 2 * $_)}++ for 0 .. 127 }
    is_deeply \%status, {200 => 1152};
    $t->get_ok('/auth/me' => \%headers)->status_is(200);
    $t->go;
};


# From here on hashes are cheap, and there is a server with fetched keys

sub configure (%settings) { $t->settings({%settings})->reload->ready }

my $addresses = 0;
sub address { sprintf '198.18.%d.%d', ++$addresses / 250, 1 + $addresses % 250 }

# the number of responses by status
sub statuses (@requests) {
    my %status;
    while (my @some = splice @requests, 0, 50) {
        $status{$_->res->code}++ for $t->at_once(@some);
    }
    return \%status;
}

# a window that has just begun is full
sub refused_for ($seconds, $why) {
    $t->problem_is(429, 'too_many_attempts', $why);
    my $after = $t->tx->res->headers->header('Retry-After');
    ok $after > $seconds / 2 && $after <= $seconds, "in $seconds seconds" or diag $after;
}

subtest 'autoflow_attempts by default' => sub {
    configure(autoflow_attempts => undef);
    my $email = $t->register->{user}{email};
    my $login = sub ($name, $password, $ip = address()) {
        return (POST => '/auth/login' => {'X-Real-IP' => $ip} => json =>
            {email => $name, password => $password});
    };
    my $try = sub (@request) { $t->tx($t->ua->start($t->ua->build_tx(@request))) };

    my $here = address();
    is_deeply statuses(([$login->($email, 'wrong', $here)]) x 10), {401 => 10};
    $try->($login->($email, $good, $here));
    refused_for(900, 'account=10/15m');

    is_deeply statuses(map { [$login->($email, 'wrong')] } 1 .. 89), {401 => 89};
    $try->($login->($email, $good))->status_is(200, 'a stranger who is right is not the 100th');
    is_deeply statuses([$login->($email, 'wrong')]), {401 => 1};
    $try->($login->($email, $good));
    refused_for(900, 'account_total=100/15m');

    $here = address();
    is_deeply statuses(map { [$login->("nobody$_", 'wrong', $here)] } 1 .. 100), {401 => 100};
    $try->($login->('nobody', 'wrong', $here));
    refused_for(60, 'address=100/1m');

    my $eve = $t->register;
    my @change = (PATCH => '/auth/me' => $t->bearer($eve) => json => {bio => 'x'});
    is_deeply statuses(([@change]) x 120), {200 => 120};
    $try->(@change);
    refused_for(60, 'changes=120/1m');
};

subtest 'autoflow_sessions by default' => sub {
    configure();
    my $eve = $t->register;
    my @login = (POST => '/auth/login' => json =>
        {email => $eve->{user}{email}, password => $good});
    my $living = sub {
        $t->db->selectrow_arrayref('SELECT count(*), count(*) FILTER (WHERE ended_at IS NULL)
            FROM autoflow.sessions WHERE user_id = ?', {}, $eve->{user}{id});
    };
    is_deeply statuses(([@login]) x 99), {200 => 99};
    is_deeply $living->(), [100, 100], 'account=100';
    is_deeply statuses([@login]), {200 => 1};
    is_deeply $living->(), [101, 100], 'a login more ends one';
};

subtest 'autoflow_refresh_grace by default' => sub {
    my ($eve, $next);
    my $rotated = sub ($seconds) {
        $t->db->do(q{UPDATE autoflow.sessions SET rotated_at = now() - ? * interval '1 second'
            WHERE user_id = ?}, {}, $seconds, $eve->{user}{id});
    };
    # once more on a machine that takes a second for it
    my $late;
    do {
        $eve = $t->register;
        $next = refresh($eve)->status_is(200)->tx->res->json;
        my $before = Time::HiRes::time;
        $rotated->(9.1);
        refresh($eve);
        $late = Time::HiRes::time - $before > 0.8;
    } while $late;
    $t->status_is(200)->json_is('/refresh_token' => $next->{refresh_token}, 'for 10 seconds');
    $rotated->(10);
    refresh($eve)->problem_is(401, 'token_reused');
};

subtest 'documented sizes of autoflow_zone' => sub {
    my $text = path($Test::Autoflow::root, 'docs', 'limits.md')->slurp;
    my @sizes = $text =~ /^\| (\d+m) \| ([\d,]+) \| ([\d,]+) \|$/gm or die;
    while (my ($size, @room) = splice @sizes, 0, 3) {
        configure(autoflow_zone => $size);
        is_deeply [$t->get_ok('/metrics')->tx->res->body
            =~ /^autoflow_(?:attempts|revocations)_capacity (\S+)/mg], [map { s/,//gr } @room],
            $size;
    }
    configure();
};

subtest 'autoflow_mail by default' => sub {
    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.outbox'), 0,
        'off: nothing is to be sent';
    $check->settings({
        autoflow_mail => 'maildir:mails', autoflow_link_base => 'https://example.com'
    });
    like +($check->check)[1], qr{open\(\) "\S+/mail/verify_email.subject" failed},
        'autoflow_mail_templates mail';
    is_deeply [$check->copied('mail')->check], [0, ''], 'which is beside nginx.conf';
};


# The limits

my $dir = path($t->dir, 'sets')->make_path->chmod(0755);
my ($issuer, $others) = map { Test::Autoflow::free_port() } 1, 2;

my $signer = path($t->dir, 'signer.pem');
system("openssl genpkey -algorithm ed25519 -out $signer 2>/dev/null") == 0 or die;
my $jwk = {kty => 'OKP', crv => 'Ed25519', kid => 'theirs',
    x => encode_base64url(substr `openssl pkey -in $signer -pubout -outform DER`, -32)};

my $set = sub ($n) { encode_json({keys => [map({ {kty => 'none'} } 2 .. $n), $jwk]}) };
path($dir, "nth$_.json")->spurt($set->($_)) for 64, 65;
path($dir, "$_->[0].json")->spurt($set->(1) . ' ' x ($_->[1] - length $set->(1)))
    for [short => 256 * 1024], [long => 256 * 1024 + 1];

$t->http(join "\n", $t->http, "server { listen 127.0.0.1:$issuer; root $dir; }", map {
    "server {
        listen 127.0.0.1:$others;
        server_name $_;
        autoflow_key_url http://127.0.0.1:$issuer/$_.json issuer=them;
        autoflow_auth on;
        add_header X-Status \$autoflow_status always;
        location / { proxy_pass http://echo; }
    }"
} qw(short long nth64 nth65));

my $theirs = do {
    my $input = join '.', map { encode_base64url(encode_json($_)) }
        {alg => 'EdDSA', kid => 'theirs'},
        {iss => 'them', sub => 'someone', exp => time + 3600};
    path($t->dir, 'input')->spurt($input);
    my @sign = ('-inkey', $signer, '-in', path($t->dir, 'input'));
    my $signature = `openssl pkeyutl -sign -rawin @sign`;
    "$input." . encode_base64url($signature);
};

# by the keys of a set, when they have been fetched
sub judged ($name) {
    my @get = ("http://127.0.0.1:$others/" => {Host => $name, Authorization => "Bearer $theirs"});
    $t->wait_for(sub { $t->ua->get(@get)->res->code != 503 });
    return $t->get_ok(@get);
}

# a body that is accepted, and one that is an octet too long
sub bodies {
    my $body = sub ($octets) { '{"x":"' . 'x' x ($octets - 8) . '"}' };
    my $json = {'Content-Type' => 'application/json'};
    $t->post_ok('/auth/login' => $json => $body->(65_536))->problem_is(422, 'validation_failed');
    $t->post_ok('/auth/login' => $json => $body->(65_537))->problem_is(413, 'payload_too_large');
}

# what a field accepts and rejects, each in an account or a role of its own
my $fields = 0;
sub field ($path, $name, $more, $good, $bad, $code = 'length') {
    for (map([$_, 201], @$good), map([$_, 422], @$bad)) {
        my ($value, $status) = @$_;
        my %more = ref $more eq 'CODE' ? $more->(++$fields) : %$more;
        $t->post_ok($path => $t->bearer($root) => json => {%more, $name => $value})
            ->status_is($status, "$name of " . length $value);
        $t->problem_is(422, 'validation_failed')->errors_are({$name => $code}) if $status == 422;
    }
}

configure(autoflow_mail => 'maildir:mails', autoflow_link_base => 'https://example.com',
    autoflow_mail_templates => "$Test::Autoflow::root/conf/mail");
($ada, $root) = map { $t->register } 1, 2;
$t->db->do('UPDATE autoflow.users SET is_superuser = true WHERE id = ?', {}, $root->{user}{id});
$root = login($root->{user}{email});

for (@limits) {
    my ($file, $section, $words, $shown) = @$_;
    subtest "$section: $words", $shown if ref $shown;
}

$t->finish;
done_testing;
