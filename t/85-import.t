# Accounts are imported, and exported: what becomes of each, what is refused and
# why, and what is left.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json encode_json false true);
use Test::Autoflow;
use Test::Autoflow::Import;
use Test::More;

my $seal = 'hex:' . 'a1' x 32;
my $t = Test::Autoflow->new(settings => {autoflow_seal_key => $seal})->start;
my $db = $t->db;
my $import = Test::Autoflow::Import->new(t => $t);
my $hash = $db->selectrow_array('SELECT password_hash FROM autoflow.users WHERE email = ?', {},
    $t->register(email => 'first@example.com', username => 'First')->{user}{email});
my $good = 'correct horse battery staple';

sub count_of ($table, $where = 'true') {
    return $db->selectrow_array("SELECT count(*) FROM autoflow.$table WHERE $where");
}

sub account ($email) {
    return $db->selectrow_hashref('SELECT u.*, autoflow.role_names(id) AS roles
        FROM autoflow.users u WHERE email = ? AND deleted_at IS NULL', {}, $email);
}

# imports accounts; returns the file's name, and what was said
sub import_lines ($options, @accounts) {
    my $file = $import->lines(@accounts);
    my ($exit, $said) = $import->run('import', @$options, $file);
    is $exit, 0, 'the import is finished' or diag $said;
    return ($file, $said);
}

my $full = {
    id => 4711, email => ' Ada@Example.com', email_verified => true, username => 'Ada.L',
    full_name => 'Ada Lovelace', bio => "two\nlines", password_hash => $hash, is_superuser => true,
    roles => ['author', 'admin'], created_at => '2020-02-03T04:05:06.789012+01:00',
    updated_at => 1_700_000_000, last_login_at => '1700000000123',
    verified_at => '2020-02-04', profile => {first_name => 'Ada', date_of_birth => '1815-12-10',
        is_public => true},
};

subtest 'a dry run' => sub {
    my $before = join ' ', map { count_of($_) } qw(users roles imports audit_events);
    my ($file, $said) = import_lines(['--dry-run', '--create-roles'], $full,
        {email => 'ADA@example.com'}, {email => 'first@EXAMPLE.com'}, {email => 'b@example.com'});
    like $said, qr/dry run: 2 created \(1 superusers\), 0 known, 0 skipped, 2 refused/,
        'says what it would do';
    is join(' ', map { count_of($_) } qw(users roles imports audit_events)), $before,
        'and does nothing of it';
    my @report = $import->report($file, 'dry-run');
    is_deeply [map { [@$_{qw(record line outcome)}, @{$_->{problems} // []}] } @report],
        [[1, 1, 'created'], [2, 2, 'refused', 'email taken'], [3, 3, 'refused', 'email taken'],
            [4, 4, 'created']], 'its report has every record';
    is_deeply $report[0]{account}, {%$full, password_hash => true}, 'but no hash';
    is sprintf('%o', (stat "$file.dry-run.jsonl")[2] & 0777), 600, 'and is ours alone';
};

subtest 'everything of an account' => sub {
    my $mails = count_of('outbox');
    my ($file, $said) = import_lines(['--create-roles'], $full);
    like $said, qr/: 1 created \(1 superusers\), 0 known, 0 skipped, 0 refused/, 'it is created';
    ok !-e "$file.report.jsonl", 'there is nothing to report';

    my $account = account('Ada@Example.com');
    is_deeply {map { $_ => $account->{$_} } qw(username full_name bio password_hash roles
        is_superuser is_active email_verified token_epoch)},
        {username => 'Ada.L', full_name => 'Ada Lovelace', bio => "two\nlines",
            password_hash => $hash, roles => [qw(admin author)], is_superuser => 1,
            is_active => 1, email_verified => 1, token_epoch => 1}, 'as it was';
    is_deeply [$db->selectrow_array(q{SELECT autoflow.rfc3339(created_at),
        autoflow.rfc3339(updated_at), autoflow.rfc3339(last_login_at),
        autoflow.rfc3339(verified_at) FROM autoflow.users WHERE id = ?}, {}, $account->{id})],
        ['2020-02-03T03:05:06.789012Z', '2023-11-14T22:13:20.000000Z',
            '2023-11-14T22:13:20.123000Z', '2020-02-04T00:00:00.000000Z'], 'and its times';
    is count_of('outbox'), $mails, 'nobody is sent a mail';
    is $db->selectrow_array('SELECT user_id FROM autoflow.imported_accounts
        WHERE source = ? AND source_id = ?', {}, 'accounts', '4711'), $account->{id},
        'its former id leads to it';

    my $login = $t->ua->post('/auth/login' => json => {username => 'ada.l', password => $good})
        ->res->json;
    $t->get_ok('/api/v1/profiles/me' => $t->bearer($login))->status_is(200)
        ->json_is('/first_name' => 'Ada')->json_is('/date_of_birth' => '1815-12-10')
        ->json_is('/is_public' => true);
    $t->get_ok('/api/user/export' => $t->bearer($login))->status_is(200)
        ->json_is('/imports' => [{source => 'accounts', source_id => '4711'}],
            'its owner gets to see it');
    $t->get_ok('/auth/audit?action=created' => $t->bearer($login))->status_is(200)
        ->json_is('/data/0/target_id' => $account->{id})
        ->json_is('/data/0/details/is_superuser' => true);
};

subtest 'the audit log' => sub {
    my ($file) = import_lines([], {email => 'audited@example.com'}, {email => 'x'});
    my ($begun, $finished) = map { decode_json($_) } @{$db->selectcol_arrayref(
        "SELECT details FROM autoflow.audit_events WHERE action ~ '^import_' AND target_id =
            (SELECT id FROM autoflow.imports ORDER BY started_at DESC LIMIT 1) ORDER BY at")};
    is_deeply [@$begun{qw(source file by)}], ['accounts', path($file)->basename, 'autoflow'],
        'says who has begun to import what';
    is_deeply {map { $_ => $finished->{$_} } qw(created known skipped refused superusers)},
        {created => 1, known => 0, skipped => 0, refused => 1, superusers => 0},
        'and with what result';
};

subtest 'what is refused' => sub {
    $db->do(q{INSERT INTO autoflow.roles (name) VALUES ('reader')});
    my @rows = (
        [{}, 'email required'],
        [{email => ''}, 'email required'],
        [{email => 'no address'}, 'email format'],
        [{email => "b\@b\x{fc}cher..example"}, 'email format'],
        [{email => "b\@\x{ff20}.example"}, 'email format'],
        [{email => 'First@example.com'}, 'email taken'],
        [{id => '00000000-0000-0000-0000-000000000000', email => 'nil@example.com'}, 'id format'],
        [{id => 'x' x 1001, email => 'long@example.com'}, 'id length'],
        [{email => 'u1@example.com', username => 'fIRST'}, 'username taken'],
        [{email => 'u2@example.com', username => 'a@b'}, 'username format'],
        [{email => 'u3@example.com', full_name => ' '}, 'full_name format'],
        [{email => 'u4@example.com', full_name => "a\tb\x{7f}"}, 'full_name format'],
        [{email => 'u5@example.com', bio => 'x' x 10001}, 'bio format'],
        [{email => 'u6@example.com', bio => "\0"}, 'record characters'],
        [{email => 'u7@example.com', password_hash => '5f4dcc3b5aa765d61d8327deb882cf99'},
            'password_hash unknown_scheme'],
        [{email => 'u8@example.com', password_hash => '$2b$31$' . 'a' x 53},
            'password_hash excessive'],
        [{email => 'u9@example.com', roles => ['nobody']}, 'roles reference'],
        [{email => 'u10@example.com', roles => ['Reader']}, 'roles format'],
        [{email => 'u11@example.com', roles => [map { "r$_" } 1 .. 33]}, 'roles length',
            'roles reference'],
        [{email => 'u12@example.com', roles => {a => 1}}, 'roles format'],
        [{email => 'u13@example.com', created_at => '31/12/2020'}, 'created_at format'],
        [{email => 'u14@example.com', created_at => '2020-02-30 10:00:00'}, 'created_at format'],
        [{email => 'u15@example.com', created_at => '9999-01-01T00:00:00Z'}, 'created_at format'],
        [{email => 'u16@example.com', last_login_at => 'now'}, 'last_login_at format'],
        [{email => 'u17@example.com', is_superuser => 'maybe'}, 'is_superuser format'],
        [{email => 'u18@example.com', profile => {date_of_birth => '1990-13-01',
            profile_picture_url => 'javascript:alert(1)'}},
            'profile.profile_picture_url format', 'profile.date_of_birth format'],
        [{email => 'u19@example.com', profile => {location => {city => 'Nowhere'},
            contacts => [{type => 'phone', value => '1'}, {type => 'pigeon', value => '2'}],
            jobs => [{title => 'a', company => 'b', start_date => '2020-02-02',
                end_date => '2020-02-01'}]}},
            map { "profile.$_ format" } qw(location contacts jobs)],
        [{email => 'u20@example.com', profile => {contacts => [({}) x 101], jobs => {}}},
            'profile.contacts length', 'profile.jobs format'],
        [['an array'], 'record recipe'],
        [{email => 'x', username => 'y', full_name => "\x{1}"},
            'email format', 'username format', 'full_name format'],
    );
    my ($file, $said) = import_lines([], map { $_->[0] } @rows);
    my $got = $import->refused($file);
    for my $number (1 .. @rows) {
        my ($account, @problems) = @{$rows[$number - 1]};
        is_deeply [sort @{$got->{$number} // []}], [sort @problems],
            substr encode_json($account), 0, 70;
    }
    like $said, qr/^  refused + 4 email format$/m, 'the reasons are counted';
    unlike path("$file.report.jsonl")->slurp, qr/5f4dcc|aaaaaa/, 'no hash is in the report';

    my $csv = $import->file('csv', "email,pwd,totp_secret,bio\nx,Hash,Secret,a bio\n");
    my ($exit) = $import->run('import', '--map', 'password_hash=pwd', '--map',
        'profile.token=totp_secret', '--map', 'profile.first_name=bio', $csv);
    is_deeply +($import->report($csv))[0]{account}, {email => 'x', bio => 'a bio',
        password_hash => true, profile => {first_name => 'a bio'}},
        'nor anything that is no field of an account';
    is sprintf('%o', (stat "$file.report.jsonl")[2] & 0777), 600, 'which is ours alone';
};

subtest 'one of several' => sub {
    my ($file) = import_lines([],
        {id => 1, email => 'one@example.com', username => 'only'},
        {id => 2, email => 'ONE@example.com'},
        {id => 3, email => 'three@example.com', username => 'ONLY'},
        {id => 1, email => 'four@example.com'},
        {id => 5, email => 'x', username => 'five'},
        {id => 6, email => 'six@example.com', username => 'five'},
        {id => 7, email => "b\@b\x{fc}cher.example"},
        {id => 8, email => "B\@xn--bcher-kva.example"});
    is_deeply $import->refused($file), {2 => ['email taken'], 3 => ['username taken'],
        4 => ['id taken'], 5 => ['email format'], 8 => ['email taken']},
        'the first that is accepted has an address, a name, an id';
    $t->post_ok('/auth/register' => json => {email => "b\@B\x{dc}CHER.example",
        password => $good})->problem_is(409, 'email_taken');
};

subtest 'a directory' => sub {
    my $contact = sub ($value, $primary) {
        {type => 'phone', value => $value, is_primary => $primary} };
    import_lines(['--drop', 'profile'], map { {id => "dir$_", email => "dir$_\@example.com",
        username => "dir$_", password_hash => $hash, profile => {is_public => true,
            allow_contact => true, location => {country => $_ == 2 ? '' : 'Chile'},
            contacts => [$contact->('1', false), $contact->('2', true), $contact->('3', true)],
            jobs => [{title => 'Cook', company => 'Inn', industry => 'Food'}]}} } 1, 2);
    my $login = $t->ua->post('/auth/login' => json => {username => 'dir2', password => $good})
        ->res->json;
    my ($id) = $db->selectrow_array('SELECT p.id FROM autoflow.profiles p
        JOIN autoflow.users u ON u.id = user_id WHERE username = ?', {}, 'dir1');
    $t->get_ok("/api/v1/profiles/$id?include=location,contacts,jobs" => $t->bearer($login))
        ->status_is(200)->json_is('/location/country' => 'Chile')
        ->json_is('/jobs/0/title' => 'Cook');
    is_deeply {map { @$_{qw(value is_primary)} } @{$t->tx->res->json->{contacts}}},
        {1 => false, 2 => true, 3 => false}, 'the first of its kind is primary';
    is $db->selectrow_array('SELECT location_id FROM autoflow.profiles JOIN autoflow.users u
        ON u.id = user_id WHERE username = ?', {}, 'dir2'), undef,
        'what is refused of it can be left out';
};

subtest 'again' => sub {
    my @accounts = map { {id => "again$_", email => "again$_\@example.com"} } 1 .. 3;
    my ($file) = import_lines([], @accounts[0, 1]);
    $db->do(q{UPDATE autoflow.users SET full_name = 'Changed' WHERE email = ?}, {},
        'again1@example.com');
    $db->do('UPDATE autoflow.users SET deleted_at = now() WHERE email = ?', {},
        'again2@example.com');
    $accounts[0]{full_name} = 'Former';
    my (undef, $said) = import_lines([], @accounts);
    like $said, qr/: 1 created .* 2 known, 0 skipped, 0 refused/, 'what was there is known';
    is account('again1@example.com')->{full_name}, 'Changed', 'and is not changed';
    is account('again2@example.com'), undef, 'who was deleted since does not come back';

    $db->do('UPDATE autoflow.users SET email = ? WHERE email = ?', {},
        qw(moved@example.com again1@example.com));
    $db->do('DELETE FROM autoflow.users WHERE email = ?', {}, 'again2@example.com');
    my $dry = $import->lines(@accounts);
    like +($import->run('import', '--dry-run', $dry))[1], qr/0 created .* 3 known, 0 skipped/,
        'nor whose row was removed; who has another address is known, too';
    (undef, $said) = import_lines([], @accounts, {id => 'again4', email => 'again4@example.com'});
    like $said, qr/1 created .* 3 known/, 'likewise';
    is account('again2@example.com'), undef, 'there is no account';

    (undef, $said) = import_lines(['--source', 'other'], $accounts[2]);
    like $said, qr/ 1 refused/, 'the same id in another system is another account';
};

subtest 'left out instead of refused' => sub {
    my ($file, $said) = import_lines(['--drop', 'username,password_hash', '--drop', 'profile'],
        {email => 'd1@example.com', username => 'x', password_hash => 'unknown',
            profile => {gender => '', date_of_birth => 'never', first_name => 'D'}},
        {email => 'd2@example.com', username => 'twice'},
        {email => 'd3@example.com', username => 'Twice'},
        {email => 'd4@example.com', username => 'first', full_name => ' '});
    is_deeply [map { @$_{qw(record dropped problems)} } $import->report($file)],
        [1, [qw(username password_hash profile.date_of_birth)], undef, 3, ['username'], undef,
            4, undef, ['full_name format']], 'these fields, where they are';
    is_deeply [map { account("d$_\@example.com")->{username} } 1, 2, 3],
        [undef, 'twice', undef], 'the accounts are there without them';
    like $said, qr/^  without + 2 username$/m, 'and are counted';

    my ($exit, $text) = $import->run('import', '--drop', 'email', $file);
    is $exit, 1, 'but no account can do without an address';
    like $text, qr/can do without: email/, 'so it is said';
    ($exit) = $import->run('import', '--dry-run', '--drop', 'email', $file);
    is $exit, 1, 'in a dry run, too';
};

subtest 'CSV' => sub {
    my $file = $import->file('csv',
        "\xef\xbb\xbfemail;full_name;bio;is_active;roles;b\xc3\xa4r\r\n",
        qq(c1\@example.com;"Quoted ""Name""; first";"two\r\nlines";f;reader;x\r\n),
        qq(c2\@example.com;;;;;\r\n\r\n),
        qq(c3\@example.com;too few\r\n),
        qq(c4\@example.com;\xff;;;;\r\n),
        qq(c5\@example.com;Last;;;;"B\xc3\xa4r"\r\n));
    my ($exit, $said) = $import->run('import', '--delimiter', ';', '--map',
        "username=b\xc3\xa4r", '--drop', 'username', $file);
    is $exit, 0, 'a file with a mark, another delimiter, quotes' or diag $said;
    is_deeply [map { [@$_{qw(line record)}, $_->{problems} // $_->{dropped}] }
        $import->report($file)], [[2, 1, ['username']], [6, 3, ['record columns']],
        [7, 4, ['record encoding']], [8, 5, ['username']]], 'each fault has its line';
    my $account = account('c1@example.com');
    is_deeply [@$account{qw(full_name bio is_active roles)}],
        ['Quoted "Name"; first', "two\nlines", 0, ['reader']], 'values are as quoted';
    is account('c2@example.com')->{full_name}, undef, 'what is empty is missing';

    ($exit, $said) = $import->run('import',
        $import->file('csv', "email,bio\nq1\@example.com,\"never\nended\n"));
    is $exit, 1, 'a quote that never ends is an error';
    like $said, qr/line \d.*was not read to its end/s, 'that names a line';
    ok !account('q1@example.com'), 'not half an account';

    ($exit, $said) = $import->run('import', $import->file('csv', "email,email\na,b\n"));
    like $said, qr/two columns have the name email/, 'nor can a name be ambiguous';
};

subtest 'JSON' => sub {
    my @some = map { encode_json({id => "j$_", email => "j$_\@example.com"}) } 1 .. 8;
    my %files = (
        'an array'  => "\n [$some[0] ,\n$some[1]]",
        'an object' => qq({"a" : [{"users": [1]}], "b":"x\\"]", "c":-1.5e3,"d":null,)
            . qq("users":[$some[2],$some[3]], "e": [}),
        'a single line' => qq({"users":[$some[4]]}\n),
        'lines' => "$some[5]\n\n{broken\n$some[6]\r\n\"x\"\n",
        'one account' => $some[7],
    );
    for my $name (sort keys %files) {
        my $file = $import->file('json', $files{$name});
        my ($exit, $said) = $import->run('import', $file);
        is $exit, 0, $name or diag $said;
        is_deeply $import->refused($file),
            $name eq 'lines' ? {2 => ['record json'], 4 => ['record json']} : {}, 'nothing else';
    }
    is count_of('users', q{email ~ '^j\d@'}), 8, 'all are there';

    for my $broken ('[{"email":"j9@example.com"}', '[', '', '[1 2]') {
        my ($exit, $said) = $import->run('import', $import->file('json', $broken));
        is $exit, 1, "an error: $broken" or diag $said;
    }
    is +($import->run('import', $import->file('json', '{"users": []}')))[0], 0, 'none is none';

    my $big = '12345678901234567';
    my ($exit) = $import->run('import', $import->file('json',
        qq({"id":$big,"email":"big\@example.com","bio":"1:$big, 1.$big"})));
    is $exit, 0, 'a large number';
    is $db->selectrow_array(q{SELECT source_id FROM autoflow.imported_accounts
        JOIN autoflow.users ON id = user_id WHERE email = 'big@example.com'}), $big, 'is exact';
    is account('big@example.com')->{bio}, "1:$big, 1.$big", 'in a text it was anyway';
    ($exit) = $import->run('import', '--recipe',
        $import->file('jq', '{email, full_name: "\(.small + 1) \(.big)"}'),
        $import->file('json', qq({"email":"sum\@example.com","small":1,"big":-$big})));
    is account('sum@example.com')->{full_name}, "2 -$big", 'others stay numbers';
};

subtest 'what one record could stop' => sub {
    my $deep = sub ($depth) { '{"email":"deep@example.com","x":' . '[' x $depth . ']' x $depth
        . '}' };
    my $good = sub ($n) { qq({"id":"odd$n","email":"odd$n\@example.com"}) };
    my $long = '{"id":"odd4","email":"odd4@example.com","x":"'
        . '\\u00e9:1234567890123456789' x 4000 . '"}';
    my $escaped = '{"id":"odd5","email":"odd5@example.com","x":"' . '\\n' x 70_000
        . ',1234567890123456"}';
    my $literal = '{"id":"odd6","email":"odd6@example.com","bio":"\\\\u0000"}';
    my $file = $import->file('jsonl', map { "$_\n" } $deep->(300), $good->(1), $deep->(600),
        $deep->(240), $good->(2), $long, $escaped, $literal);
    my ($exit, $said) = $import->run('import', $file);
    is $exit, 0, 'does not stop an import' or diag $said;
    is_deeply $import->refused($file), {map { $_ => ['record json'] } 1, 3, 4},
        'those that are too deep are refused';
    is account('odd6@example.com')->{bio}, '\\u0000', 'a backslash and letters are no U+0000';

    $file = $import->file('json', '[', join(',', $deep->(600), $good->(7), '{"a": tru}',
        $deep->(3000), $good->(8), '{"email":"\\u0000"}'), ']');
    ($exit, $said) = $import->run('import', $file);
    is $exit, 0, 'nor in an array' or diag $said;
    is_deeply $import->refused($file), {map({ $_ => ['record json'] } 1, 3, 4),
        6 => ['record characters']}, 'likewise';

    my $wide = '{"id":"odd9","email":"odd9@example.com","x":"' . 'x' x 2e6 . '"}';
    for my $text ("$wide\n" . $good->(10),
        '{"x":"' . 'x' x 2e6 . '","users":[' . $good->(11) . ']}')
    {
        $file = $import->file('json', $text);
        ($exit, $said) = $import->run('import', $file);
        is $exit, 0, 'a long line' or diag $said;
    }
    is_deeply [grep { !account("odd$_\@example.com") } 1 .. 11], [3], 'the others are there';
};

subtest 'a recipe of one\'s own' => sub {
    my $recipe = $import->file('jq', 'select(.kind == "person")
        | {id: .no, email: .mail, full_name: (.name | text), bio: $settings.bio}');
    my $settings = $import->file('txt', "bio: from elsewhere,\n");
    my $file = $import->lines({kind => 'person', no => 1, mail => 'r1@example.com', name => ''},
        {kind => 'robot'}, {kind => 'person', name => {}, mail => 'x'}, ['secret']);
    my ($exit, $said) = $import->run('import', '--recipe', $recipe, '--settings', $settings,
        '--map', 'profile.first_name=kind', $file);
    is $exit, 0, 'works as ours do' or diag $said;
    like $said, qr/1 created .* 1 skipped, 2 refused/, 'it may skip records';
    is account('r1@example.com')->{bio}, 'from elsewhere', 'and has settings';
    unlike path("$file.report.jsonl")->slurp, qr/secret/, 'its errors show no values';

    ($exit, $said) = $import->run('import', '--recipe', $import->file('jq', '{email: '), $file);
    is $exit, 1, 'one that is none is an error';
    ($exit, $said) = $import->run('import', '--recipe', 'nothing', $file);
    like $said, qr/there is no recipe nothing: accounts, auth0, authelia, django/,
        'and so is a wrong name';
};

subtest 'in SQL' => sub {
    my $sql = q{SELECT number, outcome, problems FROM autoflow.import_accounts('old', ?, ?)};
    my $accounts = encode_json([{id => 1, email => 's1@example.com', roles => ['sql']},
        {id => 2, email => 's1@example.com'}]);
    is_deeply $db->selectall_arrayref($sql, {}, $accounts, '{"create_roles": true}'),
        [[1, 'created', []], [2, 'refused', ['email taken']]], 'likewise';
    is_deeply $db->selectall_arrayref($sql, {}, $accounts, '{}'),
        [[1, 'known', []], [2, 'refused', ['email taken']]], 'again';

    is_deeply $db->selectall_arrayref($sql, {}, encode_json([map { {id => 3,
        email => "s$_\@example.com"} } 4, 5]), '{}'),
        [[1, 'created', []], [2, 'refused', ['id taken']]], 'two of one id';

    my $begun = $db->selectrow_hashref(q{SELECT * FROM autoflow.import_begin('x', 'y', 'z', '{}')});
    my $rows = encode_json([{number => 1, account => {email => 's3@example.com'}}]);
    my $batch = $db->prepare('SELECT outcome FROM autoflow.import_batch(?, ?, ?)');
    ok !eval { $batch->execute($begun->{id}, 1, $rows) }, 'a batch has its position';
    ok $batch->execute($begun->{id}, 0, $rows), 'the next one is accepted';
    ok !eval { $batch->execute($begun->{id}, 0, $rows) }, 'only once';

    my $app = $t->postgresql->connect('autoflow_app');
    for my $what (q{autoflow.import_accounts('x', '[]')},
        q{autoflow.import_preview('x', '[]', '{}')},
        'autoflow.imports', '(SELECT autoflow.export_account(u) FROM autoflow.users u) AS e')
    {
        ok !eval { $app->do("SELECT * FROM $what"); 1 }, "the module's role can't: $what";
    }
};

subtest 'an export, and its import' => sub {
    my $file = $import->dir->child('all.jsonl');
    my $victim = $import->file('txt', 'precious');
    chmod 0666, $victim;
    symlink $victim, "$file.new";
    my ($exit, $said) = $import->run('export', "$file");
    is path($victim)->slurp, 'precious', 'whatever was there is not written to';
    is $exit, 0, 'all accounts are exported' or diag $said;
    like $said, qr/password hashes/, 'with a warning';
    is sprintf('%o', (stat $file)[2] & 0777), 600, 'to a file that is ours alone';
    my @lines = split /\n/, path($file)->slurp;
    is @lines, count_of('users', 'deleted_at IS NULL'), 'a line each';
    is count_of('audit_events', q{action = 'accounts_exported'}), 1, 'which the audit log has';

    my $empty = Test::Autoflow::PostgreSQL->new(dir => $import->dir . '/postgresql')->start;
    my $there = Test::Autoflow::Import->new(t => $t, url => $empty->url('autoflow'));
    ($exit, $said) = $there->run('import', '--create-roles', "$file");
    is $exit, 0, 'and imported into an empty database' or diag $said;
    ($exit, $said) = $there->run('export', "$file.again");
    is path("$file.again")->slurp, path($file)->slurp, 'they are the same';
    ok scalar(grep { /"password_hash":"\$sealed\$/ } @lines), 'with their hashes';
    $empty->stop;

    ($exit, $said) = $import->run('export');
    is scalar(() = $said =~ /^\{.*\}$/mg), @lines, 'or to the standard output';
};

subtest 'sealed hashes' => sub {
    my ($key, $other) = map { $import->file('key', "$_\n") } $seal, 'base64url:' . 'A' x 43;
    my $hashes = sub (@options) {
        my ($exit, $said) = $import->run('export', @options);
        is $exit, 0, "exported with (@options)" or diag $said;
        return {map { $_->{email} => $_->{password_hash} } map { decode_json($_) }
            $said =~ /^\{.*\}$/mg}, $said;
    };
    my ($kept, $said) = $hashes->();
    is $kept->{'first@example.com'}, $hash, 'stay sealed';
    like $said, qr/^\d+ hashes and secrets are sealed/m, 'as is said';
    my ($opened) = $hashes->('--seal-key', $other, '--seal-key', $key);
    like $opened->{'first@example.com'}, qr/^\$argon2id\$v=19\$m=1024,t=1,p=1\$/,
        'or are opened with their key';
    ($kept) = $hashes->('--seal-key', $other);
    is $kept->{'first@example.com'}, $hash, 'but not with another one';

    import_lines([], {email => 'opened@example.com', username => 'opened',
        password_hash => $opened->{'first@example.com'}}, {email => 'shut@example.com',
        username => 'shut', password_hash => $hash});
    for my $name (qw(opened shut)) {
        $t->post_ok('/auth/login' => json => {username => $name, password => $good})
            ->status_is(200, "an account that is imported with it: $name");
    }
};

subtest 'what the server logs' => sub {
    my $secret = '$2b$04$' . 'S' x 53;
    $t->postgresql->connect('postgres')->do(
        'ALTER ROLE autoflow SET log_min_duration_statement = 0');
    import_lines([], {email => 'logged@example.com', password_hash => $secret});
    is account('logged@example.com')->{password_hash}, $secret, 'an account is imported';
    like path($t->postgresql->log)->slurp, qr/duration: .* autoflow\.import_batch/,
        'the server logs its statements';
    unlike path($t->postgresql->log)->slurp, qr/SSSSSS/, 'its hash is nowhere in the log';
};

subtest 'the command' => sub {
    is_deeply [map { ($import->run(@$_))[0] } ['import'], ['import', '/nowhere'], ['nothing'],
        ['import', '--nothing'], ['export', 'a', 'b'], ['import', '--help']],
        [1, 1, 2, 2, 1, 0], 'its arguments are checked';
    my ($exit, $said) = $import->run('import', '--database', 'postgresql:///?host=/nowhere',
        $import->lines({}));
    is $exit, 1, 'a database that is not there';
    like $said, qr/nowhere/, 'is an error';
};

$t->finish;
done_testing;
