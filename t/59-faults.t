# Faults of a server besides being down: it forgets prepared statements, is
# read-only, closes all connections, freezes under load, or its disk is full.

use Mojo::Base -strict, -signatures;
use DBI;
use IO::Socket::UNIX;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json encode_json);
use Test::Autoflow;
use Test::Autoflow::Maildir;
use Test::More;
use Time::HiRes qw(sleep time);

my $good    = 'correct horse battery staple';
my $t = Test::Autoflow->new(
    clock    => 1,
    database => 'timeout=20s',         # nothing else is slow
    server   => 'location /app/ { autoflow_auth on; proxy_pass http://echo; }',
);
my $mails = Test::Autoflow::Maildir->new(t => $t, dir => $t->dir . '/mails/mail');
$mails->configure;

# small disks: of the database's tables, of its write-ahead log, and of mails
my %disks = map { $_ => $t->dir . "/$_" } qw(tables wal mails);
my @mounted;
END { local $?; system('umount', '-l', $_) for @mounted }

my $can_mount = $> == 0;
for (sort values %disks) {
    mkdir $_;
    $can_mount &&= system('mount', '-t', 'tmpfs', '-o', 'size=100m', 'none', $_) == 0;
    push @mounted, $_ if $can_mount;
}

$t->postgresql->start;
if ($can_mount) {
    mkdir "$disks{tables}/space";
    chown +(getpwnam 'postgres')[2, 3], "$disks{tables}/space";
    $t->db->disconnect;
    my $admin = DBI->connect(
        $t->postgresql->dsn('postgres') =~ s/dbname=autoflow/dbname=template1/r, '', '',
            {RaiseError => 1});
    $admin->do("CREATE TABLESPACE small LOCATION '$disks{tables}/space'");
    $admin->do('ALTER DATABASE autoflow SET TABLESPACE small');
    $admin->disconnect;

    my $wal = $t->postgresql->stop->data . '/pg_wal';
    system('mv', $wal, $disks{wal}) == 0 && symlink "$disks{wal}/pg_wal", $wal or die;
    $t->postgresql->start;
}
$t->start;

my $ada = $t->register(email => 'ada@example.com');
my $n = 0;

sub request { Test::Autoflow::Client::request(@_) }
sub me { request(GET => '/auth/me', $t->bearer($ada)) }
sub app { request(GET => '/app/x', $t->bearer($ada)) }
sub login ($password = $good) {
    request(POST => '/auth/login', {},
        encode_json({email => 'ada@example.com', password => $password})) }
sub register ($email = 'account' . ++$n . '@faults.example') {
    return request(POST => '/auth/register', {}, encode_json({email => $email, password => $good}));
}
sub status ($request) { $t->client->send($request)->status }

sub is_there ($email) { scalar $t->db->selectrow_array('SELECT count(*) FROM autoflow.users
    WHERE email = ?', {}, $email) }

sub answer ($request) { $t->client->send($request)->answer }

sub is_unavailable ($request, $name) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is_refused(answer($request), $name);
}

sub is_refused ($answer, $name) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $problem = decode_json($answer->{body});
    is_deeply [$answer->{status}, $problem->{code}], [503, 'unavailable'], $name
        or diag explain $answer;
    like $answer->{headers}{'retry-after'}, qr/^\d+$/, 'and when to come again';
}

sub is_well {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $t->recovered;
    is_deeply [map { status($_) } me(), app(), login(), register()], [200, 200, 200, 201],
        'all is well again';
    is $t->ready->connections, 2, 'as many connections as before';
}

sub alter ($setting) {
    my $admin = $t->postgresql->connect('postgres');
    $admin->do('SET default_transaction_read_only = off');
    $admin->do($_) for "ALTER SYSTEM $setting", 'SELECT pg_reload_conf()';
}

# Processes that read, pass autoflow_auth and write, one after another, while
# $code runs: {what => {status => how often}}, and those whose registration
# succeeded
sub under_load ($code) {
    state $loads = 0;
    my $load = ++$loads;
    my $running = Test::Autoflow::Load->start(3, sub ($process, $round) {
        my $client = $t->client;
        my $email = "load$load-$process-$round\@faults.example";
        my %status;
        for (['me', me()], ['app', app()], ['register', register($email)],
            ['again', register($email)]) {
            my ($what, $request) = @$_;
            $status{$what} = $client->send($request)->status;
        }
        return join ' ', $email, @status{qw(me app register again)};
    });
    $running->more(6);
    $code->($running);
    $running->more(6);

    my (%count, @done);
    for (keys %{$running->stop}) {
        my ($email, $me, $app, $register, $again) =
            /^(\S+\@\S+) (\d+) (\d+) (\d+) (\d+)$/ or die $_;
        $count{me}{$me}++;
        $count{app}{$app}++;
        $count{register}{$register}++;
        $count{"again after $register"}{$again}++;
        push @done, $email if $register == 201 || $again == 201;
    }
    note explain \%count;
    return (\%count, @done);
}

sub all_are_there (@done) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply [grep { !is_there($_) } @done], [], 'what was said to be done is done';
}


subtest 'a server that forgets prepared statements' => sub {
    # each connection that is older fails when it reads an account
    $t->db->do($_) for
        'CREATE TABLE public.forgotten (at timestamptz)',
        'INSERT INTO public.forgotten DEFAULT VALUES',
        'GRANT SELECT ON public.forgotten TO PUBLIC';
    my $before = $t->db->selectrow_array(
        q{SELECT pg_get_functiondef('autoflow.role_names'::regproc)});
    $t->db->do($before =~ s/STABLE PARALLEL SAFE/VOLATILE/r =~ s/\bBEGIN\b/BEGIN
        IF (SELECT backend_start FROM pg_stat_get_activity(pg_backend_pid()))
           < (SELECT at FROM public.forgotten) THEN
            EXECUTE 'DEALLOCATE ALL';
        END IF;/r);
    my $pids = sub { $t->db->selectcol_arrayref(q{SELECT pid FROM pg_stat_activity
        WHERE application_name = 'autoflow'}) };
    my $rounds = 6;

    my ($count, @done) = under_load(sub ($load) {
        for (1 .. $rounds) {
            my %old = map { $_ => 1 } @{$pids->()};
            $t->db->do('UPDATE public.forgotten SET at = clock_timestamp()');
            $t->wait_for(sub { !grep { $old{$_} } @{$pids->()} });
            $load->more(3);
        }
    });
    is_deeply [keys %{$count->{me}}], [200], 'no read is refused';
    is_deeply [keys %{$count->{app}}], [200], 'nor is anybody at the door';
    is_deeply [sort keys %{{%{$count->{register}}, 201 => 1}}],
        [201, (503) x !!$count->{register}{503}], 'a write is done, or refused';
    cmp_ok $count->{register}{503} // 0, '<=', 2 * 3 * $rounds,
        'and refused only where it was under way';
    is $count->{'again after 201'}{201}, undef, 'what was done is not done twice';
    all_are_there(@done);
    like $t->error_log,
        qr/a database connection is lost: ERROR:  prepared statement "\S+" does not exist/,
        'that was why';

    $t->db->do($_) for $before, 'DROP TABLE public.forgotten';
    is_well();
};

subtest 'a read-only server' => sub {
    my $api = sub { $t->ua->get('/health/ready?api')->res->json->{api} // '' };
    my ($count, @done) = under_load(sub ($load) {
        alter('SET default_transaction_read_only = on');
        $t->wait_for(sub { $api->() eq 'read_only' });

        is_unavailable($_->[0], "$_->[1] is refused") for [register(), 'a registration'],
            [login(), 'a login'];
        isnt status(login('wrong')), 200, 'a wrong password is still wrong';
        $load->more(10);

        # beside the load
        $t->get_ok('/health/ready')->status_is(200);
        $t->get_ok('/health/ready?api')->status_is(503);
        is_deeply [map { status($_) } (me(), app()) x 10], [(200) x 20], 'reads go on';

        alter('RESET default_transaction_read_only');
        $t->wait_for(sub { $api->() eq 'ok' });
    });
    is_deeply [keys %{$count->{me}}], [200], 'no read is refused';
    is_deeply [keys %{$count->{app}}], [200], 'nor is anybody at the door';
    is_deeply [sort keys %{$count->{register}}], [201, 503], 'writes are done, or refused';
    all_are_there(@done);
    is_well();
};

subtest 'a server that closes connections at once' => sub {
    my $path = $t->postgresql->dir . '/.s.PGSQL.5432';
    $t->postgresql->stop;
    unlink $path;
    my $listener = IO::Socket::UNIX->new(Local => $path, Listen => 64) or die $!;
    chmod 0777, $path;
    my $begun = time;

    my $cut = File::Temp->new;
    my $pid = fork // die;
    if (!$pid) {
        local $SIG{TERM} = 'DEFAULT';
        while (my $client = $listener->accept) {
            close $client;
            syswrite $cut, '.';
        }
        POSIX::_exit(0);
    }
    close $listener;
    $t->wait_for(sub { -s $cut->filename >= 16 });

    # mostly by connections with the shortest back-off: 2 for point statements,
    # 1 for wide ones, the feed's
    my $most = sub ($seconds) {
        my ($tries, $at, $pause) = (1, 0, 0.1);
        while (($at += $pause / 2) < $seconds) {
            $tries++;
            $pause = 2 * $pause < 2 ? 2 * $pause : 2;
        }
        return 4 * ($tries + 1);
    };

    my $start = time;
    for (1 .. 5) {
        is_unavailable($_->[0], "$_->[1] is refused") for [me(), 'a read'], [login(), 'a login'],
            [register(), 'a registration'];
        is status(app()), 200, 'at the door all is well';
    }
    cmp_ok time - $start, '<', 20, 'at once';
    $t->wait_for(sub { time > $begun + 4 });
    my $seconds = time - $begun;
    cmp_ok -s $cut->filename, '<=', $most->($seconds), 'they come again, but not again and again';

    kill 'TERM', $pid;
    waitpid $pid, 0;
    unlink $path;
    $t->postgresql->start;
    is_well();
};

subtest 'a server that freezes under load' => sub {
    $t->database('timeout=2s')->reload->ready;
    my ($worker) = $t->worker_pids;
    my $sockets = sub { scalar grep { /^socket:/ } Test::Autoflow::Process::files_of($worker) };
    my ($before, $most) = ($sockets->(), 0);

    my ($count, @done) = under_load(sub ($load) {
        $before = $sockets->();
        my @pids = ($t->postgresql->process->pid, $t->postgresql->process->children);
        kill 'STOP', @pids;
        my $end = time + 6;
        while (time < $end) {
            $most = $sockets->() if $sockets->() > $most;
            is status(app()), 200, 'at the door all is well';
            sleep 0.2;
        }
        $load->more(9);       # nobody waits for it
        kill 'CONT', @pids;
        $t->ready;
    });
    is_deeply [keys %{$count->{app}}], [200], 'nobody is refused at the door';
    is_deeply [sort keys %{$count->{me}}], [200, 503], 'reads are done, or refused';
    is_deeply [sort keys %{$count->{register}}], [201, 503], 'and so are writes';
    # this test's client, and connections between a request and the upstream
    cmp_ok $most, '<=', $before + 8, 'no connections pile up';
    all_are_there(@done);
    $t->database('timeout=20s')->reload;
    is_well();
};

SKIP: {
    skip 'no file system can be mounted here', 1 if !$can_mount;

    my $fill = sub ($disk) {
        my $file = "$disks{$disk}/full";
        open my $out, '>', $file or die $!;
        my $wrote = 1;
        while ($wrote) { $wrote = syswrite $out, "\0" x 4096 }
        close $out;
        return $file;
    };

    subtest 'a full disk' => sub {
        my $file = $fill->('tables');
        my (%status, $email, $answer, @done);
        # some pages have free space left, of which the next one may find some
        $t->wait_for(sub {
            $email  = 'full' . ++$n . '@faults.example';
            $answer = answer(register($email));
            my $status = $answer->{status};
            $status{$status}++;
            push @done, $email if $status == 201;
            return $status == 503;
        });
        is_deeply [grep { !/^(?:201|503)$/ } keys %status], [], 'writes are done, or refused';
        ok !is_there($email), 'what was refused is not done';
        all_are_there(@done);
        is_refused($answer, 'a registration is refused');
        like $t->error_log, qr/could not extend file [^\n]*: No space left on device/, 'why';
        is_deeply [map { status($_) } me(), app()], [200, 200], 'reads go on';
        is $t->connections, 2, 'on the same connections';
        unlink $file;
        is_well();
    };

    subtest 'a full disk for mails' => sub {
        # without those from before
        $t->db->do('UPDATE autoflow.outbox SET failed_at = now() WHERE sent_at IS NULL');
        my $file = $fill->('mails');
        my $email = 'full' . ++$n . '@faults.example';
        is status(register($email)), 201, 'that need not concern who registers';
        my $row = sub { $t->db->selectrow_hashref('SELECT * FROM autoflow.outbox
            WHERE recipient = ?', undef, $email) };
        $t->wait_for(sub { ($row->() // {})->{last_error} });
        like $row->()->{last_error}, qr/No space left on device/,
            'the mail is still there, and why';
        is_deeply [@{$row->()}{qw(sent_at failed_at)}], [undef, undef],
            'and is neither sent nor given up';
        is_deeply [$mails->to($email)], [], 'no part of it is in the folder';
        is_deeply [path($mails->dir, 'tmp')->list->each], [], 'nor on its way there';

        unlink $file;
        $t->db->do('UPDATE autoflow.outbox SET due_at = now() WHERE recipient = ?', undef, $email);
        status(register());
        ok $t->wait_for(sub { $mails->to($email) }), 'it is sent when there is room';
    };

    # PostgreSQL panics when it can't write that, and perhaps can't even recover
    subtest 'a disk of the write-ahead log that is full' => sub {
        my $file = $fill->('wal');
        my (%status, @done);
        $t->wait_for(sub {
            my $email  = 'full' . ++$n . '@faults.example';
            my $status = status(register($email));
            $status{$status}++;
            push @done, $email if $status == 201;
            # some segments are there already
            eval { $t->postgresql->connect('postgres')->do('SELECT pg_switch_wal()') };
            return $status == 503;
        });
        is_deeply [grep { !/^(?:201|503)$/ } keys %status], [], 'writes are done, or refused';
        like path($t->postgresql->log)->slurp, qr/PANIC: .* No space left on device/, 'why';
        is status(app()), 200, 'tokens are judged without it';

        unlink $file;
        $t->wait_for(sub { !$t->postgresql->process->running || eval { $t->db } });
        $t->postgresql->start if !$t->postgresql->process->running;
        is_well();
        all_are_there(@done);
    };
}

$t->finish;
done_testing;
