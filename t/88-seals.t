# The job "seals": what a former autoflow_seal_key has sealed is sealed anew, and
# what none of them opens is told.

use Mojo::Base -strict, -signatures;
use List::Util qw(uniq);
use Mojo::File qw(path);
use Test::Autoflow;
use Test::Autoflow::Factors;
use Test::More;

my %key = map { $_ => 'hex:' . $_ x 32 } qw(a1 b2 c3 d4);
$key{"$_ opens"} = "$key{$_} use=open" for qw(a1 b2);

my $t = Test::Autoflow->new(clock => 1, server => 'location = /metrics { autoflow_metrics; }',
    settings => {autoflow_seal_key => $key{a1}, autoflow_attempts => 'address=100/1m'},
    allow => [qr/exited on signal 9/])->start;
factors_at($t);
my $db = $t->db;

# the job is due, unless it is off
sub keys_are (@names) {
    $t->settings->{autoflow_seal_key} = join '; autoflow_seal_key ', @key{@names};
    $t->reload->ready;
    $db->do(q{UPDATE autoflow.jobs SET until = now() WHERE name = 'seals'
        AND until <> 'infinity'});
}

# the log since the last look
my $read = 0;
sub said {
    my $log = $t->error_log;
    my $new = substr $log, $read;
    $read = length $log;
    return $new;
}

# what it says then
sub logged ($what) {
    comes_true(sub { substr($t->error_log, $read) =~ $what });
    return said();
}

# waits for a condition, with a bit faster a clock
sub comes_true ($condition, @nodes) {
    $t->wait_for(sub { $condition->() || !map { $_->pass(0.5) } $t, @nodes });
}

sub job_until ($until) {
    $db->do(q{UPDATE autoflow.jobs SET until = ? WHERE name = 'seals'}, {}, $until);
}

sub seeds_left { (values %{seeds()})[0] }

# who has sealed what: how many of each key
sub seals ($table, $column) {
    return {map { @$_ } @{$db->selectall_arrayref("SELECT left($column, 13), count(*)
        FROM autoflow.$table WHERE starts_with($column, '\$sealed\$') GROUP BY 1")}};
}
sub seeds { seals(factors => 'sealed_seed') }
sub hashes { seals(users => 'password_hash') }

sub gauges {
    my $text = $t->ua->get($t->url('/metrics'))->res->body;
    return {map { /^autoflow_seals\{of="(\w+)",key="(\w+)"\} (\d+)/ ? ("$1 $2" => $3) : () }
        split /\n/, $text};
}
sub gauges_are (%of) {
    my %all = (map({ $_ => 0 } 'seed former', 'seed missing', 'hash former', 'hash missing'), %of);
    comes_true(sub { my $is = gauges(); !grep { ($is->{$_} // -1) != $all{$_} } keys %all });
    is_deeply gauges(), \%all, 'metrics say so';
}

# nobody's seal but this key's: its name, as of now
sub all_of ($seals, $number, $what) {
    my @keys = keys %{$seals->()};
    is @keys, 1, "$what: by one key";
    is $seals->()->{$keys[0] // ''}, $number, 'all of them';
    return $keys[0];
}

# all else that there is
sub rest ($table, @without) {
    my $rows = $db->selectall_hashref("SELECT * FROM autoflow.$table", 'id');
    delete @$_{@without} for values %$rows;
    return $rows;
}

my %user = map { $_ => guarded($_) } qw(ada bob);
my $pending = add($user{bob}, 'tablet');
account('carol');
# an address that a new password would withdraw
$db->do(q{UPDATE autoflow.users SET last_login_at = now() - interval '1 hour',
    pending_email = 'new@example.com'});
$db->do(q{INSERT INTO autoflow.factors (user_id, kind, name, credential_id, public_key, algorithm,
    counter, confirmed_at) VALUES (?, 'webauthn', 'key', 'x', 'x', -7, 0, now())}, {},
    $user{ada}{user}{id});

sub code_ok ($name, $what) {
    unused($name);
    verify(asked($name), code => code($user{$name}{secret}))->status_is(200, $what);
}

subtest 'a key is replaced' => sub {
    $db->do(q{UPDATE autoflow.factors SET last_step = 4711 WHERE kind = 'totp'});
    my %former = map { $_ => all_of(@$_) } [\&seeds, 3, 'seeds'], [\&hashes, 3, 'hashes'];
    my @before = (rest(factors => 'sealed_seed'), rest(users => 'password_hash', 'last_login_at'));

    keys_are('b2 opens', 'a1 opens');
    my $fence = sub { $db->selectrow_array(q{SELECT fence FROM autoflow.jobs
        WHERE name = 'purge'}) };
    my $now = $fence->();
    $t->jobs_due;
    comes_true(sub { $fence->() > $now });
    is $db->selectrow_array(q{SELECT count(*) FROM autoflow.jobs WHERE name = 'seals'}), 0,
        'those that only open seal nothing';

    keys_are(qw(a1 b2));
    comes_true(sub { $db->selectrow_array(q{SELECT ran_at FROM autoflow.jobs
        WHERE name = 'seals'}) });
    all_of(\&seeds, 3, 'a second key');
    is_deeply [sort values %former], [sort map { keys %{$_->()} } \&seeds, \&hashes],
        'seals nothing';

    keys_are(qw(b2 a1));
    comes_true(sub { my %now = (%{seeds()}, %{hashes()}); !grep { $now{$_} } values %former });
    all_of(\&seeds, 3, 'the first one');
    all_of(\&hashes, 3, 'of passwords, too');
    is_deeply [rest(factors => 'sealed_seed'), rest(users => 'password_hash', 'last_login_at')],
        \@before, 'nothing else has changed';
    ok logged(qr/\[notice\].*6 seals of former keys were replaced/), 'which is told';
    gauges_are();

    keys_are('b2');
    code_ok($_, 'without the former key') for qw(ada bob);
    login('carol')->status_is(200);
    confirm($user{bob}, $pending)->status_is(200, 'one that was not confirmed then');
    unlike said(), qr/no "autoflow_seal_key"/;
};

subtest 'a key is removed too early' => sub {
    my ($seed) = keys %{seeds()};
    my ($hash) = keys %{hashes()};
    my $token = asked('ada');
    my $open = $t->register(email => 'open@example.com', username => 'open');
    my $late = add($open);
    said();
    keys_are('c3');
    like logged(qr/nobody can use/), qr/\[error\].*opens\ what.*
        :\ secrets\ of\ factors:\ 4\ by\ the\ key\ \Q$seed\E,
        \ hashes\ of\ passwords:\ 4\ by\ the\ key\ \Q$hash\E/x, 'how many, and of which key';
    gauges_are('seed missing' => 4, 'hash missing' => 4);

    my $events = sub { $db->selectrow_array('SELECT count(*) FROM autoflow.audit_events') };
    my $before = $events->();
    unused('ada');
    verify($token, code => code($user{ada}{secret}))
        ->problem_is(503, 'codes_unavailable', "it isn't the code's fault")
        ->header_is('Retry-After' => 1);
    my @codes = uniq map { $t->ua->post($t->url('/auth/mfa/verify') => json => {mfa_token => $token,
        code => '123456'})->res->code } 1 .. 110;
    is_deeply \@codes, [503], 'however often: an address may fail a hundred times';
    is $events->(), $before, 'nothing has failed';
    is $db->selectrow_array(q{SELECT count(*) FROM autoflow.failed_attempts WHERE kind = 'code'}),
        0, 'nothing is counted';
    my $said  = said();
    my @lines = $said =~ /(\[error\].*codes_unavailable)/g;
    my %second = map { $_ => 1 } $said =~ /^(\S+ \S+) \[error\].*codes_unavailable/mg;
    is scalar(keys %second), scalar @lines, 'the log has a line a second';
    like $lines[0], qr/the key \Q$seed\E, problem/, 'which name the key';
    prove($open, code => '123456')->problem_is(403, 'invalid_code', 'without an app it is wrong');
    confirm($open, $late)->problem_is(503, 'codes_unavailable', 'nor can one be confirmed');
    prove($user{bob}, code => code($user{bob}{secret}))->problem_is(503, 'codes_unavailable');
    verify($token, recovery_code => $user{ada}{codes}[0])->status_is(200, 'another way is good');

    keys_are(qw(c3 b2));
    comes_true(sub { my %now = (%{seeds()}, %{hashes()}); !$now{$seed} && !$now{$hash} });
    keys_are('c3');
    code_ok($_, 'it is put back') for qw(ada bob);
    confirm($open, $late)->status_is(200);
    gauges_are();
};

# of what else others do meanwhile, by a statement of theirs
sub transaction ($sql, @values) {
    my $other = $t->postgresql->connect;
    $other->begin_work;
    $other->do($sql, {}, @values);
    return $other;
}

# whatever is sealed by a former key is sealed anew
sub only_current (@nodes) {
    comes_true(sub { 1 == keys %{seeds()} && 1 == keys %{hashes()} }, @nodes);
}

subtest 'two apps, of which one is open' => sub {
    my $dora = $user{dora} = guarded('dora');
    job_until('infinity');
    keys_are(qw(d4 c3));
    my $second = add($dora, 'tablet');
    confirm($dora, $second)->status_is(200);
    my $token = asked('dora');
    keys_are('d4');
    verify($token, code => wrong($second->{secret}))->problem_is(401, 'invalid_code',
        'a wrong code is wrong: nobody may guess for ever');
    is $db->selectrow_array(q{SELECT failures FROM autoflow.failed_attempts WHERE kind = 'code'
        AND account = ?}, {}, $dora->{user}{id}), 1, 'and counted';
    unused('dora');
    verify($token, code => code($second->{secret}))->status_is(200, 'a right one is right');
    job_until('now');
    keys_are(qw(d4 c3));
    only_current();
    code_ok('dora', 'as is the other then');
};

subtest 'at the same moment' => sub {
    my ($ada, $bob, $dora) = map { $user{$_}{user}{id} } qw(ada bob dora);
    my $seed = sub ($id) { $db->selectrow_array(q{SELECT sealed_seed FROM autoflow.factors
        WHERE user_id = ? AND kind = 'totp'}, {}, $id) };
    my ($former) = keys %{seeds()};
    my $used = transaction(q{UPDATE autoflow.factors SET last_step = 4712 WHERE user_id = ?
        AND kind = 'totp'}, $ada);
    my $removed = transaction('DELETE FROM autoflow.factors WHERE user_id = ?', $bob);
    my $password = transaction(q{UPDATE autoflow.users SET password_hash = 'new' WHERE id = ?},
        $dora);
    keys_are(qw(a1 d4));
    comes_true(sub { $seed->($dora) !~ /^\Q$former/ && 2 == keys %{hashes()} });
    is keys %{seeds()}, 2, 'what is locked is left';
    is seeds()->{$former}, 3, 'but nothing waits for it';
    $_->commit for $used, $removed, $password;
    only_current();
    is $db->selectrow_array(q{SELECT last_step FROM autoflow.factors WHERE user_id = ?
        AND kind = 'totp'}, {}, $ada), 4712, 'what was used stays used';
    is $db->selectrow_array('SELECT count(*) FROM autoflow.factors WHERE user_id = ?', {}, $bob),
        0, 'what was removed is gone';
    is $db->selectrow_array('SELECT password_hash FROM autoflow.users WHERE id = ?', {}, $dora),
        'new', 'a new password is new';
    code_ok('ada', 'and all is good');
};

subtest 'what the statement finds changed' => sub {
    my $sql = path('sql/queries/jobs/reseal.sql')->slurp =~ s/^ *--.*\n//gmr;
    my ($id, $sealed) = $db->selectrow_array(q{SELECT id, sealed_seed FROM autoflow.factors
        WHERE kind = 'totp' AND user_id = ?}, {}, $user{ada}{user}{id});
    my $reseal = sub ($kind, $old) {
        my %value = (kind => $kind, seals => qq([{"id":"$id","old":"$old","new":"x"}]));
        $db->selectall_arrayref($sql =~ s/(?<!:):([a-z]\w*)/$db->quote($value{$1})/ger);
        return $db->selectrow_array('SELECT sealed_seed FROM autoflow.factors WHERE id = ?', {},
            $id);
    };
    is $reseal->('seed', "${sealed}A"), $sealed, 'another seal is left alone';
    is $reseal->('hash', $sealed), $sealed, 'and what is none of that kind';
    is $reseal->('seed', $sealed), 'x', 'or else it would be replaced';
    $db->do('UPDATE autoflow.factors SET sealed_seed = ? WHERE id = ?', {}, $sealed, $id);
};

# many of an account: a seal is of one
sub many ($number) {
    $db->do(q{INSERT INTO autoflow.factors (user_id, kind, name, sealed_seed, confirmed_at)
        SELECT user_id, 'totp', 'many', sealed_seed, now() FROM autoflow.factors,
            generate_series(1, ?) WHERE user_id = ? AND kind = 'totp'}, {}, $number,
        $user{ada}{user}{id});
    $db->do(q{INSERT INTO autoflow.users (email, password_hash) SELECT 'many' || n
        || '-' || ? || '@example.com', password_hash FROM autoflow.users, generate_series(1, ?) n
        WHERE username = 'ada'}, {}, $number, $number);
}

subtest 'by two nodes, of which one is killed' => sub {
    many(300);
    my %before = (seeds => scalar keys %{rest('factors')}, users => scalar keys %{rest('users')});
    my $other = Test::Autoflow->new(beside => $t, clock => 1, allow => $t->allow);
    $other->settings({%{$t->settings}, autoflow_seal_key => join '; autoflow_seal_key ',
        @key{qw(b2 a1)}});
    # each seal takes a moment, and half of them are done when it is killed
    $db->do(q{CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END'});
    $db->do('CREATE TRIGGER slowly BEFORE UPDATE ON autoflow.factors FOR EACH ROW
        EXECUTE FUNCTION slowly()');
    job_until('infinity');
    keys_are(qw(b2 a1));
    $other->start;
    job_until('now');
    comes_true(sub { 2 == keys %{seeds()} }, $other);
    my ($holder) = $db->selectrow_array(q{SELECT holder FROM autoflow.jobs WHERE name = 'seals'})
        =~ /:(\d+)$/;
    kill KILL => $holder;
    is keys %{seeds()}, 2, 'in the middle';
    $db->do('DROP TRIGGER slowly ON autoflow.factors');
    only_current($other);
    is_deeply {seeds => scalar keys %{rest('factors')}, users => scalar keys %{rest('users')}},
        \%before, 'none is lost';
    $t->wait_for(sub { $_->ua->get($_->url('/health'))->res->code }) for $t, $other;
    code_ok('ada', 'and they are good');
    $other->finish;
};

subtest 'what a key does not open' => sub {
    $db->do(q{UPDATE autoflow.factors SET sealed_seed = left(sealed_seed, 60) || 'AAAA'
        || substr(sealed_seed, 65) WHERE name = 'many' AND id IN (SELECT id FROM autoflow.factors
        WHERE name = 'many' ORDER BY id LIMIT 60)});
    said();
    keys_are(qw(c3 b2));
    comes_true(sub { 1 == keys %{hashes()} && 60 == (sort { $a <=> $b } values %{seeds()})[0] });
    pass 'holds nobody up';
    my $log = logged(qr/60 seals are not opened/);
    my $fence = sub { $db->selectrow_array(q{SELECT fence FROM autoflow.jobs
        WHERE name = 'seals'}) };
    my $now = $fence->();
    job_until('now');
    comes_true(sub { $fence->() > $now });
    is scalar(() = ($log . said()) =~ /60 seals are not opened/g), 1, 'and is told once';
    gauges_are('seed former' => 60);
    $db->do(q{DELETE FROM autoflow.factors WHERE name = 'many'});
};

subtest 'an old backup comes back' => sub {
    my $old = $db->selectrow_array(q{SELECT sealed_seed FROM autoflow.factors WHERE kind = 'totp'
        AND user_id = ?}, {}, $user{ada}{user}{id});
    for my $keys ([qw(d4 c3)], [qw(a1 d4)]) {
        my %former = (%{seeds()}, %{hashes()});
        keys_are(@$keys);
        comes_true(sub { !grep { $former{$_} } map { keys %{$_->()} } \&seeds, \&hashes });
    }
    keys_are('a1');
    code_ok('ada', 'two rotations later');
    $db->do(q{UPDATE autoflow.factors SET sealed_seed = ? WHERE kind = 'totp'
        AND user_id = ?}, {}, $old, $user{ada}{user}{id});
    said();
    keys_are(qw(a1 d4));
    like logged(qr/nobody can use/), qr/:\ secrets\ of\ factors:\ 1\ by\ the\ key
        \ \Q${\ substr $old, 0, 13}\E$/mx,
        'it needs a key that is not there';
    unused('ada');
    verify(asked('ada'), code => code($user{ada}{secret}))->problem_is(503, 'codes_unavailable');
    job_until('infinity');
    keys_are(qw(a1 d4 c3));
    gauges_are('seed former' => 1);
    unlike said(), qr/nobody can use/, 'it is there, if only as the third';
    job_until('now');
    only_current();
    code_ok('ada', 'until it is');
};

subtest 'very many' => sub {
    many(10_001);
    said();
    keys_are('d4');
    like logged(qr/nobody can use/), qr/factors: at least 10000 by.*passwords: at least 10000 by/,
        'are not all counted';
    gauges_are('seed missing' => 10_000, 'hash missing' => 10_000);
    $db->do(q{DELETE FROM autoflow.factors WHERE name = 'many'});
    gauges_are('seed missing' => seeds_left(), 'hash missing' => 10_000);
    unlike said(), qr/nobody can use/, 'and are told once';
};

$t->finish;
done_testing;
