# Second factors are imported and exported with their accounts: logins ask for
# them, and no secret is anywhere unsealed.

use Mojo::Base -strict, -signatures;
use MIME::Base64 qw(encode_base64 encode_base64url);
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json encode_json false true);
use Test::Autoflow;
use Test::Autoflow::Authenticator;
use Test::Autoflow::Foreign;
use Test::Autoflow::Import;
use Test::Autoflow::Totp qw(totp totp_wrong);
use Test::More;

my $good   = 'correct horse battery staple';
my $origin = 'https://login.example.com';
my @key    = map { 'hex:' . $_ x 32 } qw(a1 b2 c3);
my $octets = join '', map { chr } 0x61 .. 0x74;         # 20 letters
my $secret = 'MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U';        # the same in base32

sub site ($key) {
    return Test::Autoflow->new(settings => {
        autoflow_seal_key => $key,
        autoflow_webauthn => "rp_id=example.com origins=$origin name=Example",
        autoflow_attempts => 'address=100000/1m',
    })->start;
}

my $t      = site($key[0]);
my $db     = $t->db;
my $import = Test::Autoflow::Import->new(t => $t);
my @file   = map { $import->file('key', "$_\n") } @key;
my $hash   = $db->selectrow_array('SELECT password_hash FROM autoflow.users WHERE id = ?', {},
    $t->register(email => 'first@example.com')->{user}{id});
my @all    = ('--rp-id', 'example.com', '--seal-key', $file[0]);

sub import_ok ($options, @accounts) {
    my $file = $import->lines(map { {username => $_->{email} =~ s/@.*//r,
        password_hash => $hash, %$_} } @accounts);
    my ($exit, $said) = $import->run('import', @$options, $file);
    is $exit, 0, 'an import' or diag $said;
    return ($file, $said);
}

sub factors ($name, $site = $t) {
    return @{$site->db->selectall_arrayref('SELECT f.* FROM autoflow.factors f
        JOIN autoflow.users u ON u.id = user_id WHERE username = ? ORDER BY f.name', {Slice => {}},
        $name)};
}

sub asked ($name, $site = $t) {
    $site->post_ok('/auth/login' => json => {username => $name, password => $good})
        ->problem_is(401, 'mfa_required', $name);
    return $site->tx->res->json->{mfa_token};
}

sub verify ($token, %proof) { verify_at($t, $token, %proof) }

sub verify_at ($site, $token, %proof) {
    return $site->post_ok('/auth/mfa/verify' => json => {mfa_token => $token, %proof});
}

sub options ($path, $site = $t, @with) {
    $site->post_ok($path, @with)->status_is(200);
    return $site->tx->res->json;
}

sub factor_options ($token, $site = $t) {
    return options('/auth/mfa/passkey/options', $site, json => {mfa_token => $token});
}

sub enter ($device, $site = $t) {
    return $site->post_ok('/auth/login/passkey' => json =>
        {credential => $device->get(options('/auth/login/passkey/options', $site))});
}

# a passkey of another server; and what that server knows of it
sub foreign ($handle, %with) {
    my $device = Test::Autoflow::Authenticator->new(origin => $origin, handle => $handle,
        rp_id => 'example.com', id => join('', map { chr int rand 256 } 1 .. 40), %with);
    my $key = Test::Autoflow::Authenticator::cbor($device->new_key);
    return ($device, {type => 'webauthn', credential_id => encode_base64url($device->id),
        public_key => encode_base64url($key), counter => $device->counter // 0});
}


subtest 'apps' => sub {
    my %form = (
        base32 => {secret => $secret},
        shown  => {secret => lc($secret =~ s/(.{4})/$1 /gr) . '==='},
        hex    => {secret => unpack('H*', $octets), encoding => 'hex'},
        base64 => {secret => encode_base64($octets, ''), encoding => 'base64'},
        text   => {secret => $octets, encoding => 'text'},
        all    => {secret => $secret, digits => 6, period => '30', algorithm => 'HmacSHA1',
            last_step => 5, created_at => '2024-02-03T04:05:06Z', last_used_at => 1_700_000_000},
    );
    my ($file, $said) = import_ok([@all, '--first'], map { {id => $_, email => "$_\@example.com",
        factors => [{type => 'totp', name => "\x{260e} of $_", %{$form{$_}}}]} } sort keys %form);
    like $said, qr/: 6 created .*^  with + 6 second factors$/ms, 'are imported';
    ok !-e "$file.report.jsonl", 'there is nothing to report';
    for my $name (sort keys %form) {
        my ($factor) = factors($name);
        like $factor->{sealed_seed}, qr/^\$sealed\$[\w-]{100,}$/, "$name: it is sealed";
        is $factor->{name}, "\x{260e} of $name", 'and has its name';
        my $token = asked($name);
        is_deeply $t->tx->res->json->{factors},
            [{id => $factor->{id}, type => 'totp', name => "\x{260e} of $name"}], 'it is asked for';
        verify($token, code => totp_wrong($secret, time))->problem_is(401, 'invalid_code');
        my $code = totp($secret, time);
        verify($token, code => $code)->status_is(200)->json_is('/user/username' => $name);
        verify($token, code => $code)->problem_is(401, 'invalid_code', 'once');
    }
    is_deeply $db->selectrow_hashref(q{SELECT autoflow.rfc3339(created_at) AS created_at,
        confirmed_at = created_at AS confirmed FROM autoflow.factors WHERE name ~ 'of all'}),
        {created_at => '2024-02-03T04:05:06.000000Z', confirmed => 1}, 'since when there is it';
    is $db->selectrow_array(q{SELECT details ->> 'factors' FROM autoflow.audit_events
        WHERE action = 'import_finished' ORDER BY at DESC LIMIT 1}), 6, 'the audit log says';

    my ($again, $known) = import_ok(\@all, {id => 'hex', email => 'hex@example.com',
        factors => [{type => 'totp', secret => 'A' x 32}]});
    like $known, qr/1 known/, 'an account that was imported';
    unlike $known, qr/second factor/, 'gets no other ones';
    is scalar(factors('hex')), 1;

    import_ok(\@all, {email => 'ahead@example.com', factors => [{type => 'totp', name => ' ',
        secret => $secret, last_step => 1e12}, {type => 'totp', secret => 'QUFBQUFBQUFBQQ==',
        encoding => 'base64', name => "two\nlines"}]});
    is_deeply [map { $_->{name} } factors('ahead')], ['App', 'two lines'], 'names are made to fit';
    cmp_ok +(factors('ahead'))[0]{last_step}, '<=', time / 30 + 1,
        'a clock that was ahead elsewhere locks nobody out';
};

subtest 'passkeys' => sub {
    my ($known, $one) = foreign('a handle', counter => 41);
    my ($synced, $two) = foreign('a handle', counter => undef, eligible => 1, backed_up => 1);
    my ($key, $three) = foreign('unknown', alg => -8);
    my ($rsa, $four) = foreign('x' x 64, alg => -257);
    my $handle = encode_base64url('a handle');
    import_ok(\@all, {email => 'kay@example.com', factors => [
        {%$one, name => '1', user_handle => $handle, rp_id => 'example.com', discoverable => true,
            user_verified => true, backup_eligible => false, transports => ['USB', 'nfc', '?'],
            aaguid => 'ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4', attestation => 'packed'},
        {%$two, name => '2', user_handle => $handle, user_verified => 't', discoverable => 1}]},
        {email => 'kim@example.com', factors => [{%$three, name => '3', transports => 'usb,ble',
            public_key => '\\x' . unpack 'H*', MIME::Base64::decode_base64url(
                $three->{public_key})}]},
        {email => 'kai@example.com', password_hash => '', factors => [{%$four,
            user_handle => encode_base64('x' x 64, ''), user_verified => 'yes'}]});
    is_deeply [map { [@$_{qw(algorithm counter transports attestation user_verified
        backup_eligible discoverable)}] } map { factors($_) } qw(kay kim kai)],
        [[-7, 41, ['usb', 'nfc'], 'packed', 1, 0, 1], [-7, 0, [], 'none', 1, undef, 1],
            [-8, 0, ['usb', 'ble'], 'none', 0, undef, 0], [-257, 0, [], 'none', 1, undef, 0]],
        'as they were';

    enter($known)->status_is(200, 'one logs in')->json_is('/user/username' => 'kay');
    my $tokens = $t->tx->res->json;
    $t->get_ok('/auth/mfa/factors' => $t->bearer($tokens))->status_is(200)
        ->json_is('/factors/0/sign_in' => true)->json_is('/factors/1/transports' => []);
    $known->counter(40);
    enter($known)->problem_is(401, 'invalid_passkey', 'if its counter has grown since');
    enter($synced)->status_is(200, 'another one of the account');
    is_deeply [map { $_->{backup_eligible} } factors('kay')], [0, 1], 'says that it is copied';
    $synced->eligible(0)->backed_up(0);
    enter($synced)->problem_is(401, 'invalid_passkey', 'and remains so');

    my $new = options('/auth/passkeys/options', $t, $t->bearer($tokens), json => {});
    is length $new->{user}{id}, 22, 'a new passkey has a handle of ours';
    is scalar @{$new->{excludeCredentials}}, 2, 'and another authenticator';
    my $added = Test::Autoflow::Authenticator->new(origin => $origin);
    $t->post_ok('/auth/passkeys' => $t->bearer($tokens) => json =>
        {name => 'new', credential => $added->create($new)})->status_is(201);
    enter($_)->status_is(200, 'each with its own') for $added, $known->counter(50);

    my $token = asked('kim');
    enter($key)->problem_is(401, 'invalid_passkey', 'where no PIN is known it is a second factor');
    verify($token, credential => $key->get(factor_options($token)))
        ->status_is(200, 'whose handle nobody knows');
    enter($key)->status_is(200, 'and which has then shown one');
    enter($rsa)->status_is(200, 'an account without a password')
        ->json_is('/user/username' => 'kai');
};

subtest 'recovery codes' => sub {
    my $other = $t->register(email => 'other@example.com', username => 'other');
    my $id    = '0198f2a0-0000-7000-8000-0000000000c0';
    my $code  = 'ABCDEFGHIJKLMNOP';
    my $sha   = Digest::SHA::sha256_hex("$id\0" . pack 'B80',
        join '', map { sprintf '%05b', ord($_) - 65 } split //, $code);
    my $totp  = {type => 'totp', secret => $secret};
    my ($file) = import_ok(\@all,
        {id => $id, email => 'rec@example.com', factors => [$totp], recovery_codes => [$sha]},
        {id => 1, email => 'rec1@example.com', factors => [$totp], recovery_codes => [$sha]},
        {email => 'rec2@example.com', factors => [$totp], recovery_codes => ['abcd-efgh']},
        {id => $id =~ s/c0$/c1/r, email => 'rec3@example.com', recovery_codes => [$sha]});
    is_deeply $db->selectcol_arrayref(q{SELECT username FROM autoflow.recovery_codes
        JOIN autoflow.users u ON u.id = user_id WHERE username ~ '^rec'}), ['rec'],
        'nobody has any of whom nothing else is asked';
    verify(asked('rec'), recovery_code => $code)->status_is(200, 'those of this module are good');
    is_deeply [map { @$_{qw(record outcome dropped)} } $import->report($file)],
        [map { ($_, 'created', ['recovery_codes format']) } 2, 3], 'and no other ones';
};

subtest 'what is refused of an account is not all of it' => sub {
    my ($device, $passkey) = foreign('a handle');
    my $totp = {type => 'totp', secret => $secret};
    my $cose = sub (%members) {
        return encode_base64url(Test::Autoflow::Authenticator::cbor({1 => 2, 3 => -7, -1 => 1,
            -2 => [octets => 'x' x 32], -3 => [octets => 'y' x 32], %members}));
    };
    my @cases = (
        [{%$totp, digits => 8}, 'digits unsupported'],
        [{%$totp, period => 60}, 'period unsupported'],
        [{%$totp, algorithm => 'SHA-256'}, 'algorithm unsupported'],
        [{%$totp, offset => 15}, 'offset unsupported'],
        [{type => 'totp'}, 'secret required'],
        [{%$totp, secret => 'not base32!'}, 'secret format'],
        [{%$totp, secret => 'abc', encoding => 'hex'}, 'secret format'],
        [{%$totp, secret => 'MFRGGZDF'}, 'secret length'],
        [{%$totp, secret => 'M' x 108}, 'secret length'],
        [{%$totp, encoding => 'rot13'}, 'encoding unsupported'],
        [{type => 'totp', sealed_secret => '$sealed$' . 'A' x 100}, 'secret format'],
        [{type => 'hotp', secret => $secret}, 'type unsupported'],
        [{type => 'phone', value => '+1'}, 'type unsupported'],
        ['totp', 'type format'],
        [{%$passkey, rp_id => 'example.org'}, 'rp_id reference'],
        [{%$passkey, credential_id => ''}, 'credential_id required'],
        [{%$passkey, credential_id => 'a*b'}, 'credential_id format'],
        [{%$passkey, credential_id => 'A' x 1366}, 'credential_id format'],
        [{%$passkey, public_key => 'AAAA'}, 'public_key format'],
        [{%$passkey, public_key => $cose->(-2 => [octets => 'x' x 31])}, 'public_key format'],
        [{%$passkey, public_key => $cose->(2 => 1)}, undef],
        [{%$passkey, public_key => $cose->(4 => 1)}, 'public_key format'],
        [{%$passkey, public_key => $cose->(3 => -47)}, 'algorithm unsupported'],
        [{%$passkey, user_handle => 'A' x 87}, 'user_handle format'],
        [{%$passkey, counter => -1}, 'counter format'],
        [{%$passkey, counter => 1 << 32}, 'counter format'],
    );
    my $n = 0;
    my @accounts = map { {email => 'lost' . ++$n . '@example.com',
        factors => [{%$totp, name => 'good'}, $_->[0]]} } @cases;
    for my $options (['--dry-run'], []) {
        my ($file, $said) = import_ok([@all, @$options], @accounts);
        my %dropped = map { $_->{record} => $_->{dropped} } $import->report($file,
            @$options ? 'dry-run' : ());
        for my $number (1 .. @cases) {
            my ($factor, $problem) = @{$cases[$number - 1]};
            is_deeply $dropped{$number}, $problem ? ["factors.1.$problem"] : undef,
                substr encode_json($factor), 0, 70;
        }
        like $said, qr/^  without + 2 factors\.secret length$/m, 'the reasons are counted';
        is +($import->report($file, @$options ? 'dry-run' : ()))[0]{account}{factors}[0]{name},
            'good', 'it shows their names';
        unlike path("$file." . (@$options ? 'dry-run' : 'report') . '.jsonl')->slurp,
            qr/$secret|\Q$passkey->{public_key}\E/, 'and nothing that is secret';
    }
    is scalar(grep { $_->{name} eq 'good' } map { factors("lost$_") } 1 .. $n), $n,
        'the others are there';
    asked('lost1');

    my ($file) = import_ok(\@all, {email => 'many@example.com', factors => [($totp) x 21]},
        {email => 'none@example.com', factors => 'x'},
        {email => 'column@example.com', factors => encode_json([$totp])});
    is_deeply [map { @$_{qw(record dropped)} } $import->report($file)],
        [1, ['factors length'], 2, ['factors format']], 'an account has twenty';
    is_deeply [map { scalar factors($_) } qw(many none column)], [20, 0, 1];
};

subtest 'whose passkey it is' => sub {
    my ($device, $passkey) = foreign('a handle');
    my ($other, $second) = foreign('a handle');
    my @accounts = map { {id => "own$_", email => "own$_\@example.com", factors => [$passkey,
        $second]} } 1, 2;
    $accounts[0]{factors} = [$passkey, $passkey];
    for my $options (['--dry-run'], []) {
        my ($file) = import_ok([@all, @$options], @accounts);
        is_deeply {map { $_->{record} => $_->{dropped} // [] } $import->report($file,
            @$options ? 'dry-run' : ())}, {1 => ['factors.1.credential_id taken'],
            2 => ['factors.0.credential_id taken']}, 'the first has it, once';
    }
    is_deeply [map { scalar factors($_) } qw(own1 own2)], [1, 1];
    my @again = ({email => 'own3@example.com', factors => [$passkey]});
    for my $options (['--dry-run'], []) {
        my ($file) = import_ok([@all, @$options], @again);
        is_deeply +($import->report($file, @$options ? 'dry-run' : ()))[0]{dropped},
            ['factors.0.credential_id taken'], 'nor has anybody who comes later';
    }
};

subtest 'keys' => sub {
    my ($device, $passkey) = foreign('a handle');
    my @factors = ({type => 'totp', secret => $secret}, $passkey);
    my ($file) = import_ok([], {email => 'nokey@example.com', factors => \@factors});
    is_deeply +($import->report($file))[0]{dropped},
        ['factors.0.secret key', 'factors.1.rp_id required'], 'without options there are none';
    $t->post_ok('/auth/login' => json => {username => 'nokey', password => $good})
        ->status_is(200, 'and nothing is asked for');
    ($file) = import_ok(['--rp-id', 'example.org'], {email => 'site@example.com',
        factors => [$passkey, {%$passkey, rp_id => 'example.com'}]});
    is_deeply +($import->report($file))[0]{dropped}, ['factors.1.rp_id reference'],
        'another site is another one';

    my ($exit, $said) = $import->run('import', '--seal-key', $file[1],
        $import->lines({email => 'wrong@example.com', factors => \@factors}));
    is $exit, 1, 'a key with which nothing was sealed';
    like $said, qr/no hash has been sealed.*--first/, 'may be a wrong one';
    is $db->selectrow_array(q{SELECT count(*) FROM autoflow.users WHERE username = 'wrong'}), 0;
};

subtest 'an export, and its import' => sub {
    my $file = $import->dir->child('all.jsonl');
    my ($exit, $said) = $import->run('export', "$file");
    is $exit, 0, 'an export' or diag $said;
    like $said, qr/^\d+ hashes and secrets are sealed/m, 'says what is sealed';
    my ($all) = grep { $_->{username} eq 'all' }
        map { decode_json($_) } grep { /"all"/ } split /\n/, path($file)->slurp;
    like delete $all->{factors}[0]{sealed_secret}, qr/^\$sealed\$/, 'it is sealed';
    is delete $all->{factors}[0]{last_used_at}, $db->selectrow_array('SELECT
        autoflow.rfc3339(last_used_at) FROM autoflow.factors WHERE id = ?', {},
        (factors('all'))[0]{id});
    is_deeply $all->{factors}, [{type => 'totp', name => "\x{260e} of all", digits => 6,
        period => 30, algorithm => 'SHA1', last_step => (factors('all'))[0]{last_step},
        created_at => '2024-02-03T04:05:06.000000Z'}], 'and all that there is to know';
    my $opened = $import->dir->child('opened.jsonl');
    ($exit, $said) = $import->run('export', '--seal-key', $file[1], '--seal-key', $file[0],
        "$opened");
    unlike $said, qr/sealed/, 'all can be opened';
    like path($opened)->slurp, qr/"secret":"$secret"/;
    unlike path($file)->slurp, qr/"secret":"$secret"/;

    my @ways = (
        ['the same key',              0, "$file"],
        ['another key, sealed',       1, "$file", '--seal-key', $file[1], '--seal-key', $file[0]],
        ['another key, unsealed',     1, "$opened", '--seal-key', $file[1]],
    );
    for my $way (@ways) {
        my ($what, $key, $from, @keys) = @$way;
        my $there = site($key[$key]);
        my $moved = Test::Autoflow::Import->new(t => $there, dir => $import->dir);
        ($exit, $said) = $moved->run('import', '--rp-id', 'example.com', '--first', @keys, $from);
        is $exit, 0, "$what: it is imported" or diag $said;
        unlike $said, qr/without/, "$what: nothing is lost" or diag $said;
        my $second = $import->dir->child('second.jsonl');
        $moved->run('export', '--seal-key', $file[$key], "$second");
        is_deeply [map { decode_json($_) } split /\n/, path($second)->slurp],
            [map { decode_json($_) } split /\n/, path($opened)->slurp], "$what: all is the same";
        $there->db->do('UPDATE autoflow.factors SET last_step = NULL');
        verify_at($there, asked('base32', $there), code => totp($secret, time))
            ->status_is(200, "$what: a login");
        $there->finish;
    }
};

subtest 'a key that is wrong' => sub {
    my $file = $import->dir->child('all.jsonl');
    my $there = site($key[1]);
    my $moved = Test::Autoflow::Import->new(t => $there, dir => $import->dir);
    my ($exit, $said) = $moved->run('import', '--first', '--rp-id', 'example.com', '--seal-key',
        $file[1], '--seal-key', $file[2], "$file");
    like $said, qr/^  without +\d+ factors\.secret key$/m, 'opens nothing, and leaves it out';
    is $there->db->selectrow_array(q{SELECT count(*) FROM autoflow.factors
        WHERE kind = 'totp'}), 0;
    $there->finish;
};

subtest 'what the server logs' => sub {
    my $mine = 'LOGGEDLOGGEDLOGGEDLOGGEDLOGGEDLO';
    $t->postgresql->connect('postgres')->do(
        'ALTER ROLE autoflow SET log_min_duration_statement = 0');
    my ($file) = import_ok(\@all, {email => 'logged@example.com', factors => [
        {type => 'totp', secret => $mine}, {type => 'totp', secret => $mine, digits => 8}]});
    is scalar(factors('logged')), 1, 'an account is imported';
    my $log = path($t->postgresql->log)->slurp;
    like $log, qr/duration: .* autoflow\.import_factors/, 'the server logs its statements';
    unlike $log, qr/$mine/, 'its secret is nowhere in the log';
    unlike path("$file.report.jsonl")->slurp, qr/$mine/, 'nor in the report';
};

subtest "the module's role" => sub {
    my $app = $t->postgresql->connect('autoflow_app');
    ok !eval { $app->do("SELECT $_"); 1 }, "can't: $_"
        for q{autoflow.import_factors(NULL, '[]')}, 'autoflow.export_factors(NULL)';
};

subtest 'an authenticator and an app of others' => sub {
    Test::Autoflow::npm() // plan skip_all => 'npm was not reached';
    my $device = Test::Autoflow::Foreign->device(alg => ['EdDSA']);
    $device->create('https://old.example.com', {challenge => 'AAAA',
        rp => {id => 'example.com', name => 'Old'},
        user => {id => encode_base64url('no 4711'), name => 'x', displayName => 'x'},
        pubKeyCredParams => [{type => 'public-key', alg => -8}], excludeCredentials => [],
        authenticatorSelection => {residentKey => 'required', userVerification => 'required'}});
    my $credential = $device->public_key;
    import_ok(\@all, {email => 'fay@example.com', factors => [
        {type => 'webauthn', credential_id => $credential->{id}, user_verified => true,
            public_key => $credential->{public_key}, user_handle => encode_base64url('no 4711')},
        {type => 'totp', secret => $secret}]});
    my $used = $device->get($origin, options('/auth/login/passkey/options'));
    $t->post_ok('/auth/login/passkey' => json => {credential => $used})->status_is(200)
        ->json_is('/user/username' => 'fay');
    my $token = asked('fay');
    verify($token, credential => $device->get($origin, factor_options($token)))->status_is(200);
    verify($token, code => Test::Autoflow::Foreign->code($secret, time))->status_is(200);
};

$t->finish;
done_testing;
