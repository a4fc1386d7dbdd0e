# sql/partitions: sessions become partitions by month while nodes serve, and one table
# again.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path tempfile);
use Test::Autoflow;
use Test::Autoflow::Load;
use Test::Autoflow::Statements;
use Test::More;

my $t = Test::Autoflow->new(clock => 1, settings => {autoflow_sessions => 'account=5'})->start;
my $postgresql = $t->postgresql;
my $db = $t->db;
my ($ada, $bob) = map { $t->register(email => "$_\@example.com") } qw(ada bob);
sub partitions (@command) { $postgresql->sqitch_ok(@command, '--chdir', 'partitions') }

sub login ($account) {
    return $t->ua->post('/auth/login' => json => {email => $account->{user}{email},
        password => $account->{password}})->res->json;
}
sub refresh ($pair) { $t->ua->post('/auth/refresh' =>
    json => {refresh_token => $pair->{refresh_token}})->res }
sub part_of ($pair) {
    return $db->selectrow_array('SELECT tableoid::regclass FROM autoflow.sessions
        WHERE user_id = ? ORDER BY id DESC LIMIT 1', {}, $pair->{user}{id}) =~ s/^autoflow\.//r;
}
sub parts { $db->selectcol_arrayref(q{SELECT relname FROM pg_inherits
    JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'autoflow.sessions'::regclass ORDER BY relname}) }
sub living ($account) {
    return $db->selectrow_array('SELECT count(*) FROM autoflow.sessions
        WHERE user_id = ? AND ended_at IS NULL', {}, $account->{user}{id});
}

# what belongs to the table, under the names that it has
sub shape {
    return $db->selectcol_arrayref(q{
        SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint
         WHERE 'autoflow.sessions'::regclass IN (conrelid, confrelid) AND conparentid = 0
         UNION ALL
        SELECT replace(pg_get_indexdef(indexrelid), ' ONLY', '') FROM pg_index
         WHERE indrelid = 'autoflow.sessions'::regclass
         UNION ALL
        SELECT pg_get_triggerdef(oid) FROM pg_trigger
         WHERE tgrelid = 'autoflow.sessions'::regclass AND NOT tgisinternal
         UNION ALL
        SELECT oid::regprocedure::text || proacl::text || prosecdef FROM pg_proc
         WHERE oid::regprocedure::text ~ 'autoflow\.sessions[,)]'
            OR prorettype = 'autoflow.sessions'::regtype
         UNION ALL
        SELECT attname || attacl::text FROM pg_attribute
         WHERE attrelid = 'autoflow.sessions'::regclass AND attacl IS NOT NULL
         UNION ALL
        SELECT relacl::text FROM pg_class WHERE oid = 'autoflow.sessions'::regclass
         ORDER BY 1});
}

# what everybody does is done meanwhile, without an error
sub meanwhile ($name, $change) {
    my $load = Test::Autoflow::Load->start(1, sub ($process, $round) {
        state $account = $t->register(email => "$name$process\@example.com");
        my $pair = login($account);
        return 'refused' if refresh($pair)->code != 200;
        $t->ua->post('/auth/logout' => $t->bearer($pair), json => {});
        return 'done';
    });
    $load->each_done;
    $change->();
    $load->each_done;
    is_deeply [keys %{$load->stop}], ['done'], "$name: all others were served";
}

my $shape = shape();
my $pair  = login($ada);

# the deployment fails before one of its steps; logins are possible for so many days
sub fails_before ($step, $days) {
    my $sql  = path("$Test::Autoflow::root/sql/partitions/deploy/sessions.sql")->slurp;
    my $when = quotemeta q{date_trunc('month', now() AT TIME ZONE 'UTC' + interval '62 days')};
    $sql =~ s/^-- $step:.*//ms or die;
    $sql =~ s/$when/(now() AT TIME ZONE 'UTC' + interval '$days days')/ or die;
    my $file = tempfile->spurt($sql);
    is system('psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null',
        '-c', 'SET client_min_messages = warning', '-f', $file, $postgresql->url('autoflow')),
        0, "half-way, with $days days left";
}
sub halfway { $db->selectrow_array('SELECT autoflow.sessions_halfway() IS NOT NULL') }
sub doctor {
    my @options = (qw(-qtAX -v needed=0 -v skew=0), '-f',
        "$Test::Autoflow::root/tools/sql/doctor.sql");
    open my $out, '-|', 'psql', @options, $postgresql->url('autoflow') or die $!;
    return (map { /^(\w+)\|.*partitions/ ? $1 : () } <$out>)[0];
}

for my $step (qw(Second Third)) {
    subtest "left there before the step: $step" => sub {
        my $job = sub { $postgresql->connect('autoflow_app')->do(
            'SELECT autoflow.audit_partitions()') };
        is doctor(), 'ok', 'all is well';
        fails_before($step, 8);
        is doctor(), 'problem', 'the doctor sees it';
        ok login($ada)->{access_token}, 'nobody else does';
        $job->();
        ok halfway(), 'there is time to go on';

        fails_before($step, 0);
        ok !eval { $db->do(q{INSERT INTO autoflow.sessions (user_id, number, expires_at,
            access_expires_at) VALUES (?, 1, now(), now())}, {}, $ada->{user}{id}) },
            'then nobody can log in';
        my $long = $postgresql->connect;
        $long->begin_work;
        $long->do('LOCK TABLE autoflow.sessions IN ROW EXCLUSIVE MODE');
        $job->();
        ok halfway(), 'who has a lock for long is waited for';
        $long->rollback;
        $job->();
        ok login($ada)->{access_token}, 'all can again';

        fails_before($step, 6);
        $job->();
        ok !halfway(), 'a week before it is undone';
        is_deeply shape(), $shape, 'sessions are as they were';
        is doctor(), 'ok', 'and all is well';
    };
}

subtest 'sessions are partitioned' => sub {
    meanwhile(deploy => sub { partitions('deploy', '--verify') });
    is_deeply shape(), $shape, 'all belongs to the new table that belonged to the former';
    is part_of($ada), 'sessions_first', 'what was there is in the first one';
    is scalar @{parts()}, 3, 'and there are that of a month, and for what has none';
    $postgresql->sqitch_ok('verify');
    $postgresql->privileges_ok;
};

subtest 'what sessions do' => sub {
    is((my $next = refresh($pair))->code, 200, 'an older one is refreshed');
    $t->reload->ready;                     # all statements are prepared anew
    login($bob) for 1 .. 6;
    is living($bob), 5, 'they are limited';
    my $of = login($bob);
    $t->get_ok('/auth/sessions' => $t->bearer($of))->status_is(200);
    $t->post_ok('/auth/logout-all' => $t->bearer($of))->status_is(204);
    is living($bob), 0, 'and end';
    $t->get_ok('/auth/me' => $t->bearer($of))->status_is(401);
    is refresh($of)->code, 401, 'as do their refresh tokens';
};

subtest 'months come and go' => sub {
    my $app   = $postgresql->connect('autoflow_app');
    my $later = sub ($months) { $db->do("SELECT autoflow.sessions_partitions(
        now() + interval '$months months')") };
    my $month = sub ($months) { $db->selectrow_array(qq{SELECT to_char(
        date_trunc('month', now() AT TIME ZONE 'UTC') + interval '$months months',
        '"sessions_"YYYY_MM')}) };

    my ($known) = grep { /\d/ } @{parts()};
    $app->do('SELECT autoflow.audit_partitions()');
    is_deeply parts(), [sort $known, qw(sessions_default sessions_first)],
        'the first one has the next months, or one has';
    $later->(4);
    is_deeply parts(), [sort +($month->(4) gt $known ? () : $known), $month->(5), $month->(6),
        qw(sessions_default sessions_first)], 'later there are others, and empty ones are gone';

    $db->do(q{INSERT INTO autoflow.sessions (id, user_id, number, expires_at, access_expires_at)
        SELECT autoflow.sessions_from(date_trunc('month', now()) + interval '7 months 5 days'),
            ?, 1, now(), now()}, {}, $ada->{user}{id});
    is part_of($ada), 'sessions_default', 'what has no month has a place';
    $later->(6);
    is_deeply [grep { $_ eq $month->(7) || $_ eq $month->(8) } @{parts()}], [$month->(8)],
        'which keeps it';
};

subtest 'sessions are one table again' => sub {
    my $living = living($ada);
    meanwhile(revert => sub { partitions('revert', '-y') });
    is_deeply shape(), $shape, 'as it was';
    is living($ada), $living, 'none is lost';
    $t->reload->ready;
    is refresh(login($ada))->code, 200, 'and it serves';
    $postgresql->sqitch_ok('verify');
};

$t->finish;
done_testing;
