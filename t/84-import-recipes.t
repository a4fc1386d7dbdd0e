# The accounts of other systems, from files as these systems write them: who
# they are afterwards, and that their owners can log in with their passwords, and
# with the second factors that they have there.

use Mojo::Base -strict, -signatures;
use Crypt::PK::ECC;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json false true);
use Test::Autoflow;
use Test::Autoflow::Authenticator;
use Test::Autoflow::Import;
use Test::Autoflow::Totp qw(totp);
use Test::More;

my $good = 'correct horse battery staple';
my $key  = 'hex:' . 'a1' x 32;
my $t = Test::Autoflow->new(settings => {
    autoflow_seal_key => $key,
    autoflow_webauthn => 'rp_id=example.com origins=https://example.com name=Example',
})->start;
my $import = Test::Autoflow::Import->new(t => $t);
my @factors = ('--first', '--seal-key', $import->file('key', "$key\n"), '--rp-id', 'example.com');

# the file of t/import/, imported with its recipe
sub import_ok ($name, $counts, @options) {
    my ($recipe) = $name =~ /^(\w+(?:-(?:users|signup|roles|werkzeug|profiles)(?=\.csv))?)/;
    my $copy = path("$Test::Autoflow::root/t/import/$name")->copy_to($import->dir);
    my ($exit, $said) = $import->run('import', '--recipe', $recipe, '--create-roles', @options,
        "$copy");
    is $exit, 0, "$name is imported" or diag $said;
    my ($got) = $said =~ /: (.*); \d+ s$/m;
    is $got, $counts, 'these were counted' or diag $said;
    return "$copy";
}

# what is exported of it
sub account ($email) {
    return decode_json($t->db->selectrow_array('SELECT autoflow.export_account(u)
        FROM autoflow.users u WHERE email = ?', {}, $email) // '{}');
}

sub account_is ($email, %expected) {
    my $account = account($email);
    my %profile = %{$account->{profile}};
    $account->{"profile.$_"} = $profile{$_} for keys %profile;
    my %got = map { $_ => $account->{$_} } keys %expected;
    return is_deeply \%got, \%expected, "$email is what it was" || diag explain $account;
}

sub source_id ($source, $id) {
    return $t->db->selectrow_array('SELECT email FROM autoflow.imported_accounts
        JOIN autoflow.users ON id = user_id WHERE source = ? AND source_id = ?', {}, $source, $id);
}

sub login_is ($login, $password, $status, $code = undef) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $tx = $t->ua->post('/auth/login' => json => {
        $login =~ /@/ ? (email => $login) : (username => $login), password => $password});
    return is_deeply [$tx->res->code, $tx->res->json->{code}], [$status, $code],
        "$login: $status" || diag $tx->res->body;
}

# the right password, and a wrong one
sub logs_in ($login, $password = $good) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    login_is($login, "$password.", 401, 'invalid_credentials');
    login_is($login, $password, 200);
}


# a right password, and what is asked for then
sub asked ($login) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    login_is($login, $good, 401, 'mfa_required');
    my $json = $t->ua->post('/auth/login' => json => {
        $login =~ /@/ ? (email => $login) : (username => $login), password => $good})->res->json;
    return ($json->{mfa_token}, map { [@$_{qw(type name)}] } @{$json->{factors}});
}

sub verifies ($token, %proof) {
    return $t->post_ok('/auth/mfa/verify' => json => {mfa_token => $token, %proof})
        ->status_is(200, 'with a second factor');
}

# the passkeys of all these systems have one key
sub passkey ($of, $handle) {
    return Test::Autoflow::Authenticator->new(origin => 'https://example.com',
        rp_id => 'example.com', handle => $handle, counter => 9,
        id => substr("$of of a foreign server " . "\xfb" x 32, 0, 32),
        key => Crypt::PK::ECC->new("$Test::Autoflow::root/t/import/passkey.pem"));
}

sub options ($path, @with) { $t->post_ok($path, @with)->status_is(200)->tx->res->json }


subtest 'Flask, SQLAlchemy, bcrypt' => sub {
    import_ok('flask-users.csv', '2 created (0 superusers), 0 known, 0 skipped, 0 refused');
    account_is('ada@example.com', full_name => 'Ada Lovelace', email_verified => true,
        is_active => true, created_at => '2024-03-01T09:15:00.000000Z',
        updated_at => '2024-05-02T10:00:00.000000Z',
        last_login_at => '2024-05-02T10:00:00.000000Z');
    account_is('grace@example.com', full_name => 'Hopper, Grace', email_verified => false,
        is_active => false, last_login_at => undef);
    is source_id('flask-users', 2), 'grace@example.com', 'an integer is found by what it was';
    logs_in('ada@example.com');
    login_is('grace@example.com', $good, 403, 'account_disabled');
};

subtest 'FastAPI with a sign-up' => sub {
    import_ok('fastapi-signup.csv', '2 created (0 superusers), 0 known, 0 skipped, 0 refused');
    account_is('john@example.com', full_name => 'John Doe', 'profile.first_name' => 'John',
        'profile.last_name' => 'Doe', created_at => '2024-06-01T08:30:00.123456Z',
        id => '7c0d1c2e-5bd2-4f52-9d55-0f8f9d1f2a01');
    account_is('jane@example.com', full_name => undef, 'profile.first_name' => undef,
        created_at => '2024-06-02T06:30:00.000000Z');
    is source_id('fastapi-signup', 'user-2'), 'jane@example.com', 'an id that is no UUID';
    logs_in($_) for qw(john@example.com jane@example.com);
};

subtest 'FastAPI with roles' => sub {
    import_ok('fastapi-roles.csv', '3 created (1 superusers), 0 known, 0 skipped, 0 refused');
    account_is('admin@example.com', username => 'admin', is_superuser => true,
        roles => [qw(admin support-team)], full_name => 'The Admin', bio => undef);
    account_is('writer@example.com', is_superuser => false, roles => [qw(editor support-team)],
        bio => qq(Writes\nin two lines, with "quotes"));
    logs_in('writer');
    login_is('gone', $good, 403, 'account_disabled');
    my $admin = $t->ua->post('/auth/login' => json => {username => 'admin', password => $good})
        ->res->json;
    $t->get_ok('/auth/users' => $t->bearer($admin))->status_is(200, 'whose superuser is one');
};

subtest "Flask with Werkzeug's hashes" => sub {
    import_ok('flask-werkzeug.csv', '2 created (0 superusers), 0 known, 0 skipped, 0 refused');
    account_is('old@example.com', full_name => 'Old Hash');
    logs_in($_) for qw(old@example.com new@example.com);
    my ($exit, $all) = $import->run('export', @factors[1, 2]);
    like $all, qr/"old\@example\.com".*"password_hash":"\$argon2id\$/,
        'the hash is upgraded by the login, and sealed';
};

subtest 'FastAPI with profiles' => sub {
    import_ok('fastapi-profiles.csv', '2 created (1 superusers), 0 known, 0 skipped, 0 refused');
    account_is('maria@example.com', id => '5f0b8a5e-7a50-4b0f-8f0b-6f0c2c4d0001',
        username => 'maria', is_superuser => true, full_name => 'Maria Silva',
        last_login_at => '2024-08-01T08:00:00.500000Z', 'profile.date_of_birth' => '1990-02-28',
        'profile.gender' => 'female', 'profile.bio' => 'Likes "quotes"',
        'profile.is_public' => true, 'profile.allow_contact' => false,
        'profile.profile_picture_url' => 'https://example.com/maria.png',
        'profile.location' => {country => 'Portugal', city => 'Porto',
            postal_code => '4000-001'},
        'profile.contacts' => [
            {type => 'phone', value => '+351 22 000 0000', is_primary => true},
            {type => 'website', value => 'https://maria.example', is_primary => false}],
        'profile.jobs' => [
            {title => 'Engineer', company => 'Example Lda.', industry => 'Software',
                start_date => '2019-01-01', end_date => '2023-12-31'},
            {title => 'Head of Engineering', company => 'Example Lda.',
                start_date => '2024-01-01'}]);
    account_is('joao@example.com', is_superuser => false, 'profile.is_public' => false);
    logs_in($_) for qw(maria joao);
};

subtest 'Django' => sub {
    my $file = import_ok('django.csv',
        '5 created (1 superusers), 0 known, 0 skipped, 2 refused', @factors);
    is_deeply +($import->report($file))[0]{dropped}, ['factors.0.digits unsupported'],
        'who has a device of eight digits is without';
    is_deeply $import->refused($file),
        {6 => ['password_hash unknown_scheme'], 7 => ['email required']}, 'two are refused';
    account_is('root@example.com', username => 'root', full_name => 'Ro Ot', roles => ['staff'],
        is_superuser => true, created_at => '2020-01-01T00:00:00.000000Z',
        last_login_at => '2024-09-01T10:00:00.123456Z');
    account_is('bcrypt@example.com', username => undef, roles => [qw(editors site-admins)]);
    account_is('unusable@example.com', password_hash => undef);
    logs_in('root@example.com');
    for my $name (qw(bcrypt script)) {
        my ($token, @asked) = asked("$name\@example.com");
        is_deeply \@asked, [['totp', $name eq 'script' ? 'App' : 'default']], $name;
        verifies($token, code => totp('GEZDGNBVGY3TQOJQ' x 2, time));
    }
    my ($token) = asked('argon@example.com');
    verifies($token, credential => passkey('django', 'whatever')->eligible(1)->get(
        options('/auth/mfa/passkey/options', json => {mfa_token => $token})));
    login_is('unusable@example.com', $good, 401, 'invalid_credentials');
};

subtest "GoTrue's auth.users" => sub {
    my $file = import_ok('gotrue.csv',
        '4 created (0 superusers), 0 known, 2 skipped, 0 refused', @factors);
    is_deeply [map { @$_{qw(record dropped)} } $import->report($file)],
        [1, ['factors.1.type unsupported'], 2, ['factors.0.secret format']],
        'what is sent by SMS, or is encrypted, is left out';
    account_is('sb@example.com', id => '9a1f1c1e-31a4-4a0e-9c29-000000000001',
        email_verified => true, verified_at => '2024-02-03T04:10:00.500000Z', roles => [],
        full_name => 'Super Base', 'profile.profile_picture_url' => 'https://example.com/sb.png',
        is_superuser => false);
    account_is('banned@example.com', is_active => false, email_verified => false,
        roles => ['editor']);
    account_is('free@example.com', is_active => true);
    account_is('social@example.com', password_hash => undef);
    my ($token, @asked) = asked('sb@example.com');
    is_deeply \@asked, [[qw(totp Phone)]];
    verifies($token, code => totp('GEZDGNBVGY3TQOJQ' x 2, time));
    ($token, @asked) = asked('free@example.com');
    is_deeply \@asked, [[qw(webauthn Key)]];
    verifies($token, credential => passkey('gotrue', '9a1f1c1e-31a4-4a0e-9c29-000000000003')->get(
        options('/auth/mfa/passkey/options', json => {mfa_token => $token})));
    my $phone = passkey('supabase', '9a1f1c1e-31a4-4a0e-9c29-000000000004')->eligible(1);
    $t->post_ok('/auth/login/passkey' => json => {credential => $phone->get(
        options('/auth/login/passkey/options'))})->status_is(200, 'a passkey alone')
        ->json_is('/user/email' => 'social@example.com');
    login_is('banned@example.com', $good, 403, 'account_disabled');
};

subtest 'Keycloak' => sub {
    my $file = import_ok('keycloak-realm.json',
        '4 created (0 superusers), 0 known, 1 skipped, 1 refused', @factors);
    is_deeply [map { @$_{qw(record dropped)} } grep { $_->{dropped} } $import->report($file)],
        [2, ['factors.1.algorithm unsupported'], 3, ['factors.1.type unsupported']],
        'what the module has no code for is left out';
    is_deeply $import->refused($file), {4 => ['email required']}, 'one has no address';
    account_is('kc@example.com', id => '826731b2-bf17-4bd9-b45c-6a26c76ddaae',
        username => 'kc-pbkdf2', email_verified => true, full_name => 'Kay Cloak',
        roles => ['app_admin'], created_at => '2023-09-05T04:20:31.918000Z',
        'profile.last_name' => 'Cloak');
    account_is('sha512@example.com', is_active => false, roles => []);
    account_is('federated@example.com', password_hash => undef);
    account_is('argon2@example.com', username => undef);
    # "JBSWY3DPEHPK3PXP", which is no base32 there, but the secret
    my ($token, @asked) = asked('kc@example.com');
    is_deeply \@asked, [[qw(totp phone)]];
    verifies($token, code => totp('JJBFGV2ZGNCFARKIKBFTGUCYKA', time));
    ($token, @asked) = asked('argon2@example.com');
    is_deeply \@asked, [[qw(webauthn Laptop)]];
    my $laptop = passkey('keycloak', '2a117809-8285-4718-a131-bd61fb57cd1f');
    $t->post_ok('/auth/login/passkey' => json => {credential => $laptop->get(
        options('/auth/login/passkey/options'))})->status_is(200, 'a passkey alone')
        ->json_is('/user/email' => 'argon2@example.com');
    login_is('sha512@example.com', $good, 403, 'account_disabled');
    import_ok('keycloak-users-0.json', '0 created (0 superusers), 1 known, 0 skipped, 0 refused');
};

subtest 'Firebase' => sub {
    my $settings = "$Test::Autoflow::root/t/import/firebase-hash.txt";
    my $file = import_ok('firebase.json',
        '1 created (0 superusers), 0 known, 0 skipped, 2 refused');
    is_deeply $import->refused($file), {1 => ['record recipe'], 2 => ['email required']},
        'without the hash parameters only those without a password';
    like +($import->report($file))[0]{error}, qr/--settings/, 'and the report says why';
    import_ok('firebase.json', '1 created (0 superusers), 1 known, 0 skipped, 1 refused',
        '--settings', $settings);
    account_is('user1@example.com', email_verified => true, roles => ['editor'],
        full_name => 'User One', created_at => '2019-04-03T06:45:12.000000Z',
        last_login_at => '2019-04-03T06:45:12.318000Z',
        'profile.profile_picture_url' => 'https://example.com/1.png');
    account_is('google@example.com', is_active => false, password_hash => undef);
    logs_in('user1@example.com', 'user1password');
    is source_id('firebase', 'ePwXHHyUcJY2JKiiy8G0YuQ3EtD3'), 'user1@example.com',
        'found by its localId';
};

subtest 'Auth0' => sub {
    import_ok('auth0.ndjson', '3 created (0 superusers), 0 known, 0 skipped, 0 refused',
        @factors);
    account_is('a0@example.com', email_verified => false);
    account_is('euclid@example.com', email_verified => true);
    account_is('profile@example.com', is_active => false, roles => ['reader'],
        full_name => 'Pro File', last_login_at => '2022-06-04T00:25:25.382000Z');
    is source_id('auth0', 'auth0|60425dc43519d90068f82973'), 'a0@example.com',
        'found by what its tokens had as "sub"';
    is source_id('auth0', 'auth0|euclid'), 'euclid@example.com', 'which may be of its own';
    logs_in('a0@example.com');
    my ($token) = asked('euclid@example.com');
    verifies($token, code => totp('GEZDGNBVGY3TQOJQ' x 2, time));
};

subtest 'Authelia' => sub {
    my $file = import_ok('authelia.jsonl',
        '1 created (0 superusers), 0 known, 0 skipped, 1 refused', @factors);
    is_deeply $import->refused($file), {2 => ['password_hash unknown_scheme']},
        'a hash of crypt is refused';
    account_is('jdoe@example.com', username => 'john', full_name => 'John Doe',
        roles => [qw(admins dev)]);
    my ($token, @asked) = asked('john');
    is_deeply \@asked, [[qw(totp auth.example.com)], [qw(webauthn Desk)]];
    verifies($token, code => totp('GEZDGNBVGY3TQOJQ' x 2, time));
    $t->post_ok('/auth/login/passkey' => json => {credential => passkey('authelia', 'any')->get(
        options('/auth/login/passkey/options'))})->status_is(200, 'a passkey alone')
        ->json_is('/user/username' => 'john');
};

$t->finish;
done_testing;
