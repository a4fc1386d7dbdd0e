# Jobs: each is run by one of the nodes that share a database, by another one if
# that is gone, and never by one that has lost it; and they delay nobody.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::More;

# what is blocked stays so for as long as the test likes; and a worker that
# waits for a job doesn't exit on its own
my %options = (clock => 1, shutdown_timeout => '300s');
my $t = Test::Autoflow->new(workers => 4, %options);
$t->postgresql->start;
my $db = $t->db;

my $mails = path($t->dir, 'mails')->make_path;
chmod 0777, $mails;
$t->settings({
    autoflow_mail           => "maildir:$mails",
    autoflow_mail_templates => "$Test::Autoflow::root/conf/mail",
    autoflow_link_base      => 'https://example.com/',
});
my $other = Test::Autoflow->new(beside => $t, %options);
$_->start for $t, $other;
$t->register(email => 'ada@example.com');

# a job's column by its name, such as its holder
sub jobs ($column) {
    return {map { @$_ } @{$db->selectall_arrayref("SELECT name, $column FROM autoflow.jobs")}};
}

# the node whose worker has claimed a job, and the other one
sub holder ($job) {
    my ($pid) = jobs('holder')->{$job} =~ /:(\d+)$/;
    return (grep { $_ == $pid } $t->worker_pids) ? ($t, $other) : ($other, $t);
}

# the backends of a job that wait for a lock
sub held ($what) {
    return $db->selectcol_arrayref(q{SELECT pid FROM pg_stat_activity
        WHERE application_name = 'autoflow jobs' AND wait_event_type = 'Lock' AND query ~ ?
        ORDER BY query_start}, {}, $what);
}

# waits for a condition, with all nodes' clocks a bit faster
sub comes_true ($condition) {
    $t->wait_for(sub { $condition->() || !map { $_->pass(0.1) } $t, $other });
}

# waits until so many nodes have looked for due jobs
sub looked ($nodes) {
    my $now = $db->selectrow_array('SELECT clock_timestamp()');
    comes_true(sub {
        $nodes == $db->selectrow_array(q{SELECT count(*) FROM pg_stat_activity
            WHERE application_name = 'autoflow jobs' AND query ~ 'claim_job'
              AND state = 'idle' AND query_start > ?}, {}, $now);
    });
}

# the purge, in the middle of it until the lock is released
sub purging {
    my $lock = $t->locked('refresh_tokens');
    $t->jobs_due('purge');
    comes_true(sub { @{held('purge\(')} });
    return $lock;
}

sub revocation ($number = 1) {
    $db->do(q{INSERT INTO autoflow.revocations
        SELECT gen_random_uuid(), NULL, now(), now() - interval '2 days'
          FROM generate_series(1, ?)}, {}, $number);
}
sub revocations { $db->selectrow_array('SELECT count(*) FROM autoflow.revocations') }


subtest 'each is run by one node, once a period' => sub {
    my @names = qw(addresses audit failures mails messages purge roles);
    my $rounds = sub ($number) {
        comes_true(sub { @names == grep { $_ >= $number } values %{jobs('fence')} });
        comes_true(sub { @names == grep { defined } values %{jobs('ran_at')} });
        looked(2) for 1 .. 2;
        is_deeply jobs('fence'), {map { $_ => $number } @names}, "all are, $number times";
    };
    $rounds->(1);
    $t->jobs_due;
    $rounds->(2);
    is_deeply jobs('extract(epoch FROM period)::int'),
        {addresses => 60, audit => 3600, failures => 60, mails => 3600, messages => 60,
        purge => 60, roles => 60},
        'its period';
    is_deeply jobs('until = ran_at + period'), {map { $_ => 1 } @names},
        'passes until the next time';
};

subtest 'mails without a notification' => sub {
    $db->do(q{INSERT INTO autoflow.outbox (kind, user_id, recipient)
        SELECT 'verify_email', id, 'late@example.com' FROM autoflow.users});
    $t->pass(15);
    comes_true(sub {
        $db->selectrow_array(q{SELECT sent_at FROM autoflow.outbox
            WHERE recipient = 'late@example.com'});
    });
    pass 'are found by a worker that looks';
};

subtest 'what takes many batches' => sub {
    revocation(2500);
    my $fence = jobs('fence')->{purge};
    $t->jobs_due('purge');
    comes_true(sub { !revocations() });
    is jobs('fence')->{purge}, $fence + 1, 'is claimed once';
};

subtest 'the node with a job is killed' => sub {
    my $lock = purging();
    my ($killed, $heir) = holder('purge');
    my $fence = jobs('fence')->{purge};
    kill KILL => $killed->process->processes;
    $killed->process->ended;
    $lock->rollback;
    looked(1) for 1 .. 2;
    is jobs('fence')->{purge}, $fence, 'nobody else takes it in its time';

    revocation();
    $t->jobs_due('purge');
    comes_true(sub { jobs('fence')->{purge} > $fence });
    is +(holder('purge'))[0], $heir, 'another one does afterwards';
    $t->wait_for(sub { !revocations() });
    pass 'and does it';
    $killed->start_nginx;
    looked(2);
};

subtest 'a node that has lost a job writes nothing' => sub {
    $db->do('CREATE TABLE autoflow.deleted AS SELECT 0 AS pid WHERE false');
    $db->do(q{CREATE FUNCTION autoflow.deleted() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN INSERT INTO autoflow.deleted VALUES (pg_backend_pid()); RETURN NULL; END$$});
    $db->do('CREATE TRIGGER deleted AFTER DELETE ON autoflow.revocations
        FOR EACH ROW EXECUTE FUNCTION autoflow.deleted()');
    revocation();

    # a job is delayed between its claim and the fence
    my $check = $db->selectrow_array(q{SELECT pg_get_functiondef('autoflow.job_fence'::regproc)});
    $db->do($check =~ s/\bBEGIN\b/BEGIN PERFORM pg_advisory_xact_lock_shared(4711);/r);
    my $lock = $t->postgresql->connect;
    $lock->begin_work;
    $lock->do('SELECT pg_advisory_xact_lock(4711)');

    $t->jobs_due('purge');
    comes_true(sub { @{held('job_fence')} == 1 });
    my ($first) = holder('purge');
    $t->jobs_due('purge');
    comes_true(sub { @{held('job_fence')} == 2 });
    my ($second) = holder('purge');
    isnt $first, $second, 'another node has it now';
    my @pids = @{held('job_fence')};

    $lock->rollback;
    my $log = qr/\[error\].*the job "purge" failed: somebody else has taken it meanwhile/;
    $t->wait_for(sub { $first->error_log =~ $log });
    pass 'the log of the first tells why it does nothing';
    $t->wait_for(sub { !revocations() });
    is_deeply $db->selectcol_arrayref('SELECT pid FROM autoflow.deleted'), [$pids[1]],
        'the second does it';
    unlike $second->error_log, $log, 'and nothing is in its way';
    $db->do($check);
    $db->do('DROP FUNCTION autoflow.deleted() CASCADE');
    $db->do('DROP TABLE autoflow.deleted');
};

subtest "an exiting worker doesn't wait for a job" => sub {
    $other->finish;
    for my $way ('reload', 'stop') {
        revocation();
        my $lock = purging();
        is $t->stop, 0, "$way: it has ended" if $way eq 'stop';
        ok $t->reload, "$way: it is another one" if $way eq 'reload';
        is revocations(), 1, 'the job has not';
        $lock->rollback;
        $t->wait_for(sub { !revocations() });
        pass 'the server does what it was sent';
    }
    $t->start;
    $t->jobs_due;
    comes_true(sub { !grep { !$_ } values %{jobs('until > now()')} });
    pass 'and the next worker goes on';
};

$t->finish;
done_testing;
