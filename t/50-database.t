# The database's connections break, it stops, freezes, crashes, or has another
# schema: responses are timely, and never false.

use Mojo::Base -strict, -signatures;
use IO::Select;
use IO::Socket::IP;
use List::Util qw(min);
use Mojo::JSON qw(decode_json encode_json);
use Test::Autoflow;
use Test::More;
use Time::HiRes qw(time);

my $good = 'correct horse battery staple';
my $t = Test::Autoflow->new(
    clock    => 1,
    database => 'timeout=10s',
    server   => 'location /app/ { autoflow_auth on; proxy_pass http://echo; }',
)->start;

my $ada = $t->register(email => 'ada@example.com');

sub request { Test::Autoflow::Client::request(@_) }
sub me { request(GET => '/auth/me', $t->bearer($ada)) }
sub login ($email = 'ada@example.com') {
    request(POST => '/auth/login', {}, encode_json({email => $email, password => $good})) }
sub register ($email) {
    request(POST => '/auth/register', {}, encode_json({email => $email, password => $good})) }

# clients whose requests have reached a statement that waits for a lock
sub under_way (@requests) {
    $t->recovered;
    my @clients = map { $t->client->send($_) } @requests;
    $t->wait_for(sub { $t->blocked });
    return @clients;
}

# the module's backends, and how to terminate some
sub backends ($which = 'true') {
    return @{$t->db->selectcol_arrayref(
        "SELECT pid FROM pg_stat_activity WHERE usename = 'autoflow_app' AND $which ORDER BY pid")};
}

sub terminate (@pids) {
    $t->db->do('SELECT pg_terminate_backend(?)', undef, $_) for @pids;
    $t->wait_for(sub { my %now = map { $_ => 1 } backends(); !grep { $now{$_} } @pids });
}

my $blocked = "wait_event_type = 'Lock'";

# for the owner
sub count ($sql, @values) { $t->db->selectrow_array("SELECT count(*) FROM autoflow.$sql",
    undef, @values) }

sub is_me ($answer, $name) {
    is $answer && "$answer->{status} " . (decode_json($answer->{body})->{email} // ''),
        '200 ada@example.com', $name;
}

sub is_unavailable ($answer, $name) {
    my $problem = $answer && decode_json($answer->{body});
    is_deeply [$answer->{status}, $answer->{headers}{'retry-after'}, $problem->{code}],
        [503, 1, 'unavailable'], $name or diag explain $answer;
}

# the shortest of three durations of something, in seconds
sub took ($code) {
    return min map { my $start = time; $code->(); time - $start } 1 .. 3;
}


subtest 'a read whose connection breaks' => sub {
    my $lock    = $t->locked;
    my @clients = under_way((me()) x 6);
    my @old     = backends();
    terminate($old[0]);
    $t->wait_for(sub { $t->connections == 2 });
    $lock->rollback;
    is_me($_->answer, 'is asked for again') for @clients;
    is scalar(grep { $_ == $old[1] } backends()), 1, 'the other connection is the same as before';
};

subtest 'a read whose connection breaks, with all others' => sub {
    for (1 .. 5) {
        my $lock    = $t->locked;
        my @clients = under_way((me()) x 6);
        terminate(backends());
        $t->wait_for(sub { $t->connections == 2 });
        $lock->rollback;
        is_deeply [map { $_->status } @clients], [(200) x 6], 'all are asked for again';
    }
};

subtest 'a read whose connection breaks repeatedly' => sub {
    my $lock = $t->locked;
    my ($client) = under_way(me());
    my $pid = 0;
    for (1 .. 3) {
        my $last = $pid;
        $t->wait_for(sub { ($pid) = backends($blocked); $pid && $pid != $last });
        terminate($pid);
    }
    $lock->rollback;
    is_unavailable($client->answer,
        'is given up once that was more often than there are connections');
    is_me($client->send(me())->answer, 'the next one');
};

subtest 'a write whose connection breaks before the commit' => sub {
    my $lock    = $t->locked;
    my $logins  = count(q{audit_events WHERE action = 'logged_in'});
    my @clients = under_way(login(), register('cut@example.com'));
    $t->wait_for(sub { $t->blocked == 2 });
    terminate(backends($blocked));
    $lock->rollback;
    is_unavailable($_->answer, 'is not answered as done') for @clients;
    is count('users WHERE email = ?', 'cut@example.com'), 0, 'no account';
    is count(q{audit_events WHERE action = 'logged_in'}), $logins, 'no login';
    is count('sessions'), count('users'), 'no session but those of the registrations';
    is $clients[1]->send(register('cut@example.com'))->status, 201, 'again, and it is done';
};

# As if a connection is lost with the response on its way: the statement is
# committed, but its response waits for a missing standby.  Or the wait is cancelled,
# and PostgreSQL says that it is done, though a failover may lose it.
for my $how ('terminate', 'cancel') {
    subtest "a write that is committed, and its backend told to $how" => sub {
        my $admin   = $t->postgresql->connect('postgres');
        my $standby = sub ($name) {
            $admin->do("ALTER SYSTEM SET synchronous_standby_names = '$name'");
            $admin->do('SELECT pg_reload_conf()');
        };
        my $waits = q{wait_event = 'SyncRep'};
        my ($client, $email, $i);

        # waits until PostgreSQL has reloaded the setting
        $standby->('nobody');
        do {
            $email  = "$how" . ++$i . '@example.com';
            $client = $t->client->send(register($email));
            $t->wait_for(sub { backends($waits) || $client->waits });
        } until backends($waits);
        $t->db->do("SELECT pg_${how}_backend(?)", undef, $_) for backends($waits);
        is_unavailable($client->answer, 'its fate is unknown');

        $standby->('');
        is count('users WHERE email = ?', $email), 1, 'it was done once';
        is $client->send(register($email))->status, 409, 'as the next try says';
    };
}

subtest 'a backend crashes in the middle of a write' => sub {
    my $lock  = $t->locked;
    my ($write) = under_way(register('crash@example.com'));
    my @reads;
    $t->wait_for(sub { push @reads, $t->client->send(me()); @reads > 3 && $t->blocked == 2 });
    kill 'KILL', $_ for backends($blocked);
    $lock->{InactiveDestroy} = 1;

    # PostgreSQL closes all connections and recovers
    is_unavailable($write->answer, 'the write is not answered as done');
    is_deeply [grep { !/^(?:200|503)$/ } map { $_->status } @reads], [],
        'the reads are done, or refused';
    $t->wait_for(sub { eval { $t->db } });
    is count('users WHERE email = ?', 'crash@example.com'), 0, 'nothing was done';
    is_back();
};

subtest "a statement that exceeds PostgreSQL's timeout" => sub {
    $t->db->do(q{ALTER ROLE autoflow_app SET statement_timeout = '200ms'});
    terminate(backends());
    $t->recovered;
    # the feed's may be later
    my $which  = q{application_name = 'autoflow'};
    my @before = backends($which);
    my $lock   = $t->locked;
    is_unavailable($t->client->send($_)->answer, 'is given up') for me(), login(),
        register('late@example.com');
    $lock->rollback;
    is count('users WHERE email = ?', 'late@example.com'), 0, 'nothing was done';
    is_deeply [backends($which)], \@before, 'the connections are the same';
    $t->db->do(q{ALTER ROLE autoflow_app SET statement_timeout = '60s'});
    terminate(backends());
    $t->recovered;
};

# Nobody waits for a database that is known to be down, and requests that don't
# need it are unaffected.
sub is_away ($timeout, $upstream = 200) {
    my $health = took(
        sub { $t->get_ok('/health')->status_is(503)->json_is('/status' => 'unavailable')
        ->header_like('Retry-After' => qr/^\d+$/) });
    cmp_ok $health, '<', $timeout / 2, sprintf '/health within %.0f ms', 1000 * $health;

    my $rest = took(sub { is_unavailable($t->client->send($_)->answer, 'another route')
        for me(), login(), register('away@example.com'), request(GET => '/db-test') });
    cmp_ok $rest, '<', $timeout / 2, sprintf 'the others within %.0f ms', 1000 * $rest;

    $t->get_ok('/app/x' => $t->bearer($ada))->status_is($upstream, $upstream == 200
        ? 'an upstream goes on' : 'who never heard what is revoked trusts nobody');
    $t->get_ok('/app/x')->status_is(401);
    $t->get_ok('/auth/me')->problem_is(401, 'token_required');
    $t->get_ok('/health/live')->status_is(200);
}

sub is_back {
    $t->recovered;
    is $t->client->send($_)->status, 200, 'all is well again' for me(), login();
    is $t->connections, 2, 'as many connections as before';
}

subtest 'PostgreSQL stops' => sub {
    my $lock    = $t->locked;
    my @clients = under_way((me()) x 2, register('stopped@example.com'));
    $t->postgresql->stop;
    $lock->{InactiveDestroy} = 1;

    # the lock ends, too, possibly in time for them
    my @answers = map { $_->answer } @clients;
    is_deeply [grep { $_->{status} !~ /^20[01]$/ } @answers],
        [grep { $_->{status} == 503 } @answers],
        'what was under way is done, or refused';

    is_away(10);
    $t->postgresql->start;
    is_back();
    cmp_ok count(q{users WHERE email = 'stopped@example.com'}), '>=', $answers[2]{status} == 201,
        'what was said to be done was done';
    is count(q{users WHERE email = 'away@example.com'}), 0, 'and nothing while it was away';
};

subtest 'PostgreSQL is not started yet' => sub {
    $t->stop;
    $t->postgresql->stop;
    $t->start_nginx;
    $t->wait_for(sub { $t->error_log =~ /can't use the database/ });
    is_away(10, 503);
    $t->postgresql->start;
    is_back();
};

subtest 'PostgreSQL is frozen' => sub {
    my $timeout = 3;
    $t->database("timeout=${timeout}s")->reload->ready;
    my @pids = ($t->postgresql->process->pid, $t->postgresql->process->children);
    kill 'STOP', @pids;

    # before it is noticed
    for (1 .. 3) {
        my $start = time;
        $t->get_ok('/health')->status_is(503);
        cmp_ok time - $start, '<', $timeout / 2, '/health does not wait as long as others';
    }

    my $start   = time;
    my @clients = map { $t->client->send($_) } me(), login(), register('frozen@example.com'), me();
    is_unavailable($_->answer, 'nobody waits for ever') for @clients;
    cmp_ok time - $start, '<', 3 * $timeout, 'nor much longer than is configured';

    $t->wait_for(sub { $t->error_log =~ /no answer in time.*no answer in time/s });
    is_away($timeout);
    kill 'CONT', @pids;
    is_back();
};

subtest 'a schema that is too old' => sub {
    my $version = $t->db->selectrow_array('SELECT autoflow.schema_version()');
    my $be = sub ($version) {
        $t->db->do("CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
            LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN $version");
    };
    my $line = qr/\[error\] .*autoflow: can't use .*the schema is version 0, /;
    my $told = sub { scalar(() = $t->error_log =~
        /${line}this module needs \d+: run "sqitch deploy"/g) };

    $be->(0);
    is $t->client->send(me())->status, 200, 'who is connected goes on';
    $t->stop;
    $t->start_nginx;
    $t->wait_for($told);
    is_away(1, 503);
    is $told->(), 1, 'the log says once what to run';
    $be->($version);
    is_back();

    $t->db->do('ALTER SCHEMA autoflow RENAME TO hidden');
    $t->stop;
    $t->start_nginx;
    $t->wait_for(sub { $told->() == 2 });
    pass 'it says so too where there is no schema at all';
    $t->db->do('ALTER SCHEMA hidden RENAME TO autoflow');
    is_back();
};

$t->finish;


$t = Test::Autoflow->new(workers => 2, clock => 1)->start;
$ada = $t->register(email => 'ada@example.com');

# Accounts log in, read and register, one request after another, while $code
# runs: the number of responses by kind and status, and whether they were true
sub storm ($code) {
    state $storms = 0;
    $storms++;
    # not ada, whose session would soon not be among the latest
    my $other = $t->register(email => "other$storms\@example.com")->{user}{email};
    my $load = Test::Autoflow::Load->start(4, sub ($process, $round) {
        my $client = $t->client;
        my $email  = "storm$storms-$process-$round\@example.com";
        my %status = map { $_->[0] => $client->send($_->[1])->status }
            [me => me()], [login => login($other)], ["register $email" => register($email)];
        return join ', ', map { "$_ $status{$_}" } sort keys %status;
    });
    $code->($load);
    $t->wait_for(sub {
        eval { count('users WHERE email LIKE ?', "storm$storms-%") > 15 };
    });
    my %outcomes = %{$load->stop};

    my (%count, @other);
    for (keys %outcomes) {
        my ($login, $me, $email, $register) =
            /^login (200|503), me (200|503), register (\S+) (201|503)$/ or push @other, $_ and next;
        $count{"me $me"}++;
        $count{"login $login"}++;
        $count{"register $register"}++;
        $register == 201 && !count('users WHERE email = ?', $email)
            and push @other, "$email was not committed";
    }
    note explain \%count;
    is_deeply \@other, [], 'every answer is right, or 503';
    cmp_ok $count{"$_ 200"} // $count{"$_ 201"}, '>', 10, "many a $_ succeeded"
        for qw(me login register);
    $t->ready;
    is $t->connections, 4, 'as many connections as before';
    return map { $_ // 0 } @count{map { "$_ 503" } qw(me login register)};
}

subtest 'connections break, one after another' => sub {
    my $cut = 0;
    my ($me, $login, $register) = storm(sub ($load) {
        for (1 .. 20) {
            # a read is repeated once, so none may be hit again
            $load->each_done->more(rand 3);
            my @pids;
            $t->wait_for(sub { (@pids = backends()) == 8 });
            ++$cut and terminate($pids[rand @pids]);
        }
    });
    is $me, 0, 'no read was refused';
    cmp_ok $login + $register, '<=', 4 * $cut, 'and of the writes only those that were under way';
};

subtest 'PostgreSQL crashes repeatedly' => sub {
    storm(sub ($load) {
        for (1 .. 4) {
            $load->more(8);
            my @pids;
            $t->wait_for(sub { @pids = eval { backends() } });
            # it then terminates all others, and recovers
            kill 'KILL', $pids[0];
            $t->wait_for(sub { eval { !grep { $_ == $pids[0] } backends() } });
        }
    });
};

$t->finish;


# Mails and keys don't delay requests.
my $deaf = IO::Socket::IP->new(LocalHost => '127.0.0.1', Listen => 16) or die;
$t = Test::Autoflow->new(
    clock    => 1,
    main => "thread_pool autoflow_hash threads=2 max_queue=64;
             thread_pool autoflow_io threads=1 max_queue=64;
             thread_pool autoflow_connect threads=2 max_queue=64;",
    settings => {
        autoflow_mail           => 'smtp://127.0.0.1:' . $deaf->sockport . ' from=auth@example.com',
        autoflow_mail_templates => "$Test::Autoflow::root/conf/mail",
        autoflow_link_base      => 'https://example.com/account',
    })->start;

subtest 'all the threads that send mail are busy' => sub {
    $ada = $t->register(email => 'ada@example.com');
    my $mail = $deaf->accept;       # and nobody says a word
    $t->postgresql->stop;
    $t->postgresql->start;
    is_back();
    ok !IO::Select->new($mail)->can_read(0), 'the database was there before that had an end';
    close $_ for $mail, $deaf;
};

$t->finish;
done_testing;
