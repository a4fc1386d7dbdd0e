# An import that something ends in the middle continues where it was, with
# nothing missing, and nothing twice; people register meanwhile.
# Not under the sanitizers: it is about the import, which has no C.

use Mojo::Base -strict, -signatures;
use MIME::Base64 qw(encode_base64url);
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json encode_json);
use Test::Autoflow;
use Test::Autoflow::Import;
use Test::More;

my $t = Test::Autoflow->new->start;
my $import = Test::Autoflow::Import->new(t => $t);

# as many accounts, each 7th without an address; of a name of their own, each 3rd with
# a passkey
my $size = 4500;
my @command = ('import', '--rp-id', 'example.com');
my $public_key = encode_base64url(pack 'H*', 'a401010327200621' . '5820' . 'ab' x 32);
my $round = 'a';
my $file;

sub fresh {
    $round++;
    $file = $import->lines(map { {id => "$round$_", full_name => "Name $_",
        $_ % 7 ? (email => "$round$_\@example.com") : (),
        $_ % 3 != 1 ? () : (factors => [{type => 'webauthn', public_key => $public_key,
            credential_id => encode_base64url("$round$_")}])} } 1 .. $size);
    return $file;
}

sub position {
    return $t->db->selectrow_array('SELECT position FROM autoflow.imports WHERE file = ?', {},
        path($file)->basename) // 0;
}

# whether the database and the report have each record once
sub complete ($name, @also) {
    my %refused = map { $_ => 1 } grep({ $_ % 7 == 0 } 1 .. $size), @also;
    my @accounts = map { substr $_, length $round } @{$t->db->selectcol_arrayref(
        'SELECT source_id FROM autoflow.imported_accounts
           JOIN autoflow.users ON id = user_id AND source_id = split_part(email, ?, 1)
          WHERE source_id ~ ?', {}, '@', "^$round\\d")};
    is_deeply [sort { $a <=> $b } @accounts], [grep { !$refused{$_} } 1 .. $size],
        "$name: each account is there once";
    is_deeply [sort { $a <=> $b } @{$t->db->selectcol_arrayref(q{
        SELECT substr(convert_from(credential_id, 'UTF8'), ?)::integer FROM autoflow.factors
          JOIN autoflow.imported_accounts USING (user_id)
         WHERE source_id = convert_from(credential_id, 'UTF8') AND source_id ~ ?}, {},
        1 + length $round, "^$round\\d")}], [grep { $_ % 3 == 1 && !$refused{$_} } 1 .. $size],
        "$name: and so is its passkey";
    is_deeply [map { $_->{record} } $import->report($file)],
        [sort { $a <=> $b } keys %refused], "$name: each refused one is reported once";
    is_deeply [$t->db->selectrow_array('SELECT position, created, refused, finished_at IS NOT NULL
        FROM autoflow.imports WHERE file = ? ORDER BY started_at', {}, path($file)->basename)],
        [$size, $size - keys %refused, scalar keys %refused, 1], "$name: and counted";
}

# someone registers, and hasn't quite, so that the third batch waits
sub somebody ($number) {
    my $db = $t->postgresql->connect;
    $db->begin_work;
    $db->do('INSERT INTO autoflow.users (email) VALUES (?)', {}, "$round$number\@example.com");
    return $db;
}

# the SQLSTATE of a batch from the beginning of the import
sub stale {
    return eval { $t->db->do(q{SELECT FROM autoflow.imports i,
        autoflow.import_batch(i.id, 0, '[]') WHERE file = ?}, {}, path($file)->basename) }
        ? '' : $t->db->state;
}

sub waits {
    $t->wait_for(sub { position() == 2000 && $t->db->selectrow_array(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'autoflow import'
            AND wait_event_type = 'Lock'") });
}

sub continues ($name, @also) {
    my ($exit, $said) = $import->run(@command, $file);
    is $exit, 0, "$name: the same command" or diag $said;
    like $said, qr/continues after 2000 records/, "$name: continues";
    complete($name, @also);
}

my %ends = (
    'killed'  => sub ($process) { $process->signal('KILL')->ended },
    'SIGTERM' => sub ($process) { $process->signal('TERM') },
    'a lost connection' => sub ($process) {
        $t->db->do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = 'autoflow import'");
        isnt $process->ended, 0, 'a lost connection: it fails';
        like path($import->dir, 'output')->slurp, qr/continues after 2000 records/,
            'a lost connection: saying how to continue';
    },
);

for my $end (sort keys %ends) {
    my $somebody = do { fresh(); somebody(2346) };
    my $process = $import->start(@command, $file);
    waits();
    $ends{$end}->($process);
    $somebody->rollback;
    is stale(), '55000', 'a batch that was done is not done again' if $end eq 'killed';
    if ($end eq 'SIGTERM') {
        is $process->ended, 1 << 8, "$end: it ends"
            or diag path($import->dir, 'output')->slurp;
        my ($stopped) = path($import->dir, 'output')->slurp =~ /stopped after (\d+) records/;
        cmp_ok $stopped, '>', 2000, "$end: after the batch";
        is position(), $stopped, "$end: which is done";
        is +($import->run(@command, $file))[0], 0, "$end: the same command";
        complete($end);
    }
    else {
        continues($end);
    }
}

subtest 'the server dies' => sub {
    my $somebody = do { fresh(); somebody(2346) };
    my $process = $import->start(@command, $file);
    waits();
    $somebody->{InactiveDestroy} = 1;       # there is nobody to say goodbye to
    $t->postgresql->stop('QUIT');
    isnt $process->ended, 0, 'the import fails';
    $t->postgresql->start;
    $t->handle(undef);
    $t->ready;
    continues('after a crash');
};

# the report of a batch is written first
subtest 'a batch that is not committed' => sub {
    my $lock = $t->postgresql->connect;
    $lock->do('SELECT pg_advisory_lock(4711)');
    $t->db->do(q{CREATE FUNCTION autoflow.slow() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NULL; END $$});
    $t->db->do(q{CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON autoflow.users
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.full_name = 'Name 2222')
        EXECUTE FUNCTION autoflow.slow()});
    fresh();
    my $process = $import->start(@command, $file);
    waits();
    is +($import->report($file))[-1]{record}, 2996, 'is in the report';
    $process->signal('KILL')->ended;
    $t->db->do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'autoflow import'");
    $lock->disconnect;
    continues('not committed');
    $t->db->do('DROP FUNCTION autoflow.slow() CASCADE');
};

subtest 'someone is faster' => sub {
    my $somebody = do { fresh(); somebody(2346) };
    my $process = $import->start(@command, $file);
    waits();
    $somebody->commit;
    is $process->ended, 0, 'the import ends well';
    is_deeply [grep { $_->{record} == 2346 } $import->report($file)],
        [{record => 2346, line => 2346, outcome => 'refused', problems => ['email taken'],
            account => {id => "${round}2346", full_name => 'Name 2346',
                email => "${round}2346\@example.com"}}], 'whose address it is';
    complete('someone is faster', 2346);
};

subtest 'another import from the same system is faster' => sub {
    fresh();
    my $other = $t->postgresql->connect;
    $other->begin_work;
    $other->do(q{SELECT autoflow.import_accounts('accounts', ?)}, {}, encode_json([{
        id => "${round}2346", email => "${round}2346\@example.com"}]));
    my $process = $import->start(@command, $file);
    waits();
    $other->commit;
    is $process->ended, 0, 'the import ends well';
    is_deeply [$t->db->selectrow_array('SELECT known, refused FROM autoflow.imports
        WHERE file = ?', {}, path($file)->basename)], [1, int $size / 7], 'the account is known';
};

subtest 'someone else takes a name that may be left out' => sub {
    fresh();
    my $lines = $import->lines(map { {email => "$round$_\@example.com",
        username => "$round.name.$_"} } 1 .. 2500);
    $file = $lines;
    my $somebody = $t->postgresql->connect;
    $somebody->begin_work;
    $somebody->do('INSERT INTO autoflow.users (email, username) VALUES (?, ?)', {},
        "somebody$round\@example.com", "$round.name.2346");
    my $process = $import->start('import', '--drop', 'username', $file);
    waits();
    $somebody->commit;
    is $process->ended, 0, 'the import ends well';
    is_deeply [map { [@$_{qw(record outcome dropped)}] } $import->report($file)],
        [[2346, 'created', ['username']]], 'without the name';
};

subtest 'several processes begin one import' => sub {
    fresh();
    my @imports = map { Test::Autoflow::Import->new(t => $t) } 1 .. 4;
    my @processes = map { $_->start(@command, $file) } @imports;
    is_deeply [map { $_->ended } @processes], [(0) x 4], 'all of them end'
        or diag map { path($_->dir, 'output')->slurp } @imports;
    complete('at once');
};

subtest 'the same import twice at once' => sub {
    my $somebody = do { fresh(); somebody(2346) };
    my $process = $import->start(@command, $file);
    waits();
    my $again = Test::Autoflow::Import->new(t => $t);
    my $second = $again->start(@command, $file);
    $t->wait_for(sub { $t->db->selectrow_array(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'") });
    $somebody->rollback;
    is $process->ended, 0, 'the first one ends';
    is $second->ended, 0, 'the second one waits for it';
    complete('twice');
    like path($again->dir, 'output')->slurp, qr/: 0 created/, 'and has nothing to do';
};

subtest 'two imports with the same addresses' => sub {
    fresh();
    my $other = $import->lines(reverse map { {id => "o$round$_",
        email => "$round$_\@example.com"} } grep { $_ % 7 } 1 .. $size);
    my @imports = map { Test::Autoflow::Import->new(t => $t) } 1, 2;
    my @processes = ($imports[0]->start('import', '--source', 'x', $file),
        $imports[1]->start('import', '--source', 'y', $other));
    is_deeply [map { $_->ended } @processes], [0, 0], 'both end';
    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.users WHERE email ~ ?', {},
        "^$round\\d"), scalar(grep { $_ % 7 } 1 .. $size), 'each account is there once';
    is $t->db->selectrow_array('SELECT sum(created) FROM autoflow.imports
        WHERE file IN (?, ?)', {}, map { path($_)->basename } $file, $other),
        scalar(grep { $_ % 7 } 1 .. $size), 'created by either of them';
};

subtest 'people register meanwhile' => sub {
    fresh();
    my $process = $import->start(@command, $file);
    my @codes;
    for my $n (1 .. 40) {
        my ($tx) = $t->at_once([POST => '/auth/register' => json => {
            email => "visitor$n\@example.com", password => 'correct horse battery staple'}]);
        push @codes, $tx->res->code;
    }
    is_deeply [grep { $_ != 201 } @codes], [], 'as ever';
    is $process->ended, 0, 'and the import ends';
    complete('meanwhile');
};

# accounts with certain names break rules that only the database has: one at
# once, the other one when the transaction is committed
subtest 'a batch that the database refuses' => sub {
    fresh();
    $t->db->do(q{ALTER TABLE autoflow.users
        ADD CONSTRAINT users_odd_check CHECK (full_name <> 'Name 1234') NOT VALID});
    $t->db->do(q{CREATE FUNCTION autoflow.odd() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE 'odd' USING ERRCODE = 'check_violation'; END $$});
    $t->db->do(q{CREATE CONSTRAINT TRIGGER odd AFTER INSERT ON autoflow.users
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.full_name = 'Name 2222')
        EXECUTE FUNCTION autoflow.odd()});
    is +($import->run(@command, $file))[0], 0, 'the import ends';
    is_deeply [map { $_->{problems} } grep { $_->{record} =~ /^(?:1234|2222)$/ }
        $import->report($file)], [['database users_odd_check'], ['database error']],
        'one record of each is refused';
    complete('a batch', 1234, 2222);
};

$t->finish;
done_testing;
