# Signals while requests are in flight: none is lost that a worker could still
# serve, and nothing is left behind.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json encode_json);
use Test::Autoflow;
use Test::Autoflow::Daemon;
use Test::More;
use Time::HiRes qw(sleep time);

my $good = 'correct horse battery staple';
my ($t, $ada);

sub request { Test::Autoflow::Client::request(@_) }
sub me { request(GET => '/auth/me', $t->bearer($ada)) }
sub app { request(GET => '/app/x', $t->bearer($ada)) }
sub login ($email = 'ada@example.com') {
    request(POST => '/auth/login', {}, encode_json({email => $email, password => $good})) }
sub register ($email) {
    request(POST => '/auth/register', {}, encode_json({email => $email, password => $good})) }
sub count ($sql, @values) { $t->db->selectrow_array("SELECT count(*) FROM autoflow.$sql",
    undef, @values) }

sub autoflow (%options) {
    $t = Test::Autoflow->new(
        server => 'location /app/ { autoflow_auth on; proxy_pass http://echo; }', %options);
    return $t;
}

# Requests of all kinds, one after another, each on a connection of its own; an
# outcome is a kind with its status, 0 without a response.
my $loads = 0;
sub load {
    $loads++;
    # not ada, whose session would soon not be among the latest
    my $other = $t->register(email => "other$loads\@example.com")->{user}{email};
    return Test::Autoflow::Load->start(4, sub ($process, $round) {
        my $email = "load$loads-$process-$round\@example.com";
        my ($kind, $request, $is) = @{(
            ['me', me(), 'ada@example.com'], ['login', login($other), $other],
            ['app', app(), '/app/x'], ['register', register($email), $email],
        )[$round % 4]};
        my $answer = $t->client->send($request)->answer // {status => 0, body => ''};
        return "$kind $answer->{status}" . ($answer->{status} && $answer->{body} !~ /"\Q$is\E"/
            ? ' wrong' : '');
    });
}

my %right = map { $_ => 1 } 'me 200', 'login 200', 'app 200', 'register 201';

# every response to a load was the expected one, or one of these
sub all_right ($load, $name, %allowed) {
    my $count = $load->stop;
    note explain $count;
    is_deeply [grep { !$right{$_} && !$allowed{$_} } sort keys %$count], [], $name
        or diag explain $count;
    cmp_ok $count->{$_} // 0, '>', 10, "many a $_" for sort keys %right;
    is count('users WHERE email LIKE ?', "load$loads-%"), $count->{'register 201'},
        'every registration is there'
        if !%allowed;
}

# the workers have exited as expected
sub well_ended (@pids) {
    my $log = $t->error_log;
    ok $log =~ /worker process $_ exited with code 0/, "worker $_ exits with 0" for @pids;
}

sub quits_slowly (@pids) {
    $t->wait_for(
        sub { my $log = $t->error_log;
            !grep { $log !~ /\] $_#$_: gracefully shutting down/ } @pids });
}


autoflow(workers => 2)->start;
$ada = $t->register(email => 'ada@example.com');

subtest 'reload' => sub {
    my $load = load();
    my @old;
    for (1 .. 10) {
        push @old, $t->worker_pids;
        $t->reload;
        $load->more(20);
    }
    all_right($load, 'every request is answered right while nginx reloads ten times');
    well_ended(@old);
    $t->ready;
    is $t->connections, 4, 'the old ones have closed their connections';
};

subtest 'binary upgrade' => sub {
    $t->stop;
    my $daemon = Test::Autoflow::Daemon->new(t => $t)->start;
    $t->ready;

    my $load    = load();
    my $old     = $daemon->master;
    my @workers = $daemon->workers($old);
    my $new     = $daemon->upgrade;
    $daemon->retire($old)->end($old);
    $load->more(60);
    all_right($load, 'every request is answered right while the binary is replaced');
    well_ended(@workers);
    $t->ready;
    is $t->connections, 4, 'the new workers have connections, the old ones none';

    # … and reverted
    $load    = load();
    @workers = $daemon->workers($new);
    my $third = $daemon->upgrade;
    $daemon->retire($new)->revive($new);
    push @workers, $daemon->workers($third);
    $daemon->end($third);
    $load->more(60);
    all_right($load, 'and while that is taken back');
    $t->ready;
    is $t->connections, 4, 'as many connections as before';

    push @workers, $daemon->workers($new);
    $daemon->end($new);
    well_ended(@workers);
    like $t->error_log, qr/\] $_#$_: exit$/m, "master $_ exits" for $old, $new, $third;
};

$t->finish;


autoflow(workers => 2, settings => {autoflow_password => undef})->start;
$ada = $t->register(email => 'ada@example.com');

subtest 'QUIT in the middle of everything' => sub {
    my @workers = $t->worker_pids;
    my $lock    = $t->locked;
    my @queries = map { $t->client->send($_) } me(), me(), register('query@example.com');
    $t->wait_for(sub { $t->blocked });
    my @hashes = map { $t->client->send($_) } (login()) x 8,
        map { register("hash$_\@example.com") } 1 .. 8;
    my @halves = map { [$t->client->send(substr $_, 0, 100), substr $_, 100] } me(), login(),
        register('half@example.com');
    my $h2     = $t->client_h2;
    my @streams = map { $h2->headers(GET => '/auth/me', $t->bearer($ada), 1) } 1 .. 3;
    $t->all_read;

    $t->process->signal('QUIT');
    quits_slowly(@workers);
    ok scalar($t->worker_pids), 'the workers wait for what is under way';
    $_->[0]->send($_->[1]) for @halves;
    $t->all_read;
    $lock->rollback;

    is_deeply [map { $_->status } @queries], [200, 200, 201], 'mid-query: all are answered';
    is_deeply [map { $_->status } @hashes], [(200) x 8, (201) x 8], 'mid-hash, too';
    is_deeply [map { $_->[0]->status } @halves], [200, 200, 201], 'and what was but half sent';
    is_deeply [map { $h2->status($_) } @streams], [(200) x 3], 'HTTP/2, too';
    is $t->process->ended, 0, 'then the master exits with 0';
    well_ended(@workers);
    is count('users'), 11, 'all is done';
};

subtest 'QUIT, and then a database connection breaks' => sub {
    $t->start_nginx->ready;
    my @workers = $t->worker_pids;
    my $lock    = $t->locked;
    my @clients = map { $t->client->send(me()) } 1 .. 4;
    $t->all_read->wait_for(sub { $t->blocked });
    $t->process->signal('QUIT');
    quits_slowly(@workers);
    my $pids = $t->db->selectcol_arrayref(q{SELECT pid FROM pg_stat_activity
        WHERE usename = 'autoflow_app'});
    $t->db->do('SELECT pg_terminate_backend(pid) FROM unnest(?::int[]) AS pid', undef, $pids);
    $t->wait_for(
        sub { !$t->db->selectrow_array('SELECT count(*) FROM pg_stat_activity WHERE pid = ANY (?)',
            undef, $pids) });
    $lock->rollback;
    is_deeply [map { $_->status } @clients], [(200) x 4], 'the reads are answered all the same';
    is $t->process->ended, 0, 'then the master exits with 0';
    well_ended(@workers);
};

subtest "QUIT, and the workers' timeout is shorter" => sub {
    $t->shutdown_timeout('200ms')->start_nginx->ready;
    my @workers = $t->worker_pids;
    my $lock    = $t->locked;
    my @clients = map { $t->client->send($_) } (me()) x 2, (login()) x 40, substr login(), 0, -10;
    my $h2      = $t->client_h2;
    $h2->headers(GET => '/auth/me', $t->bearer($ada), 1);
    $t->wait_for(sub { $t->blocked });
    $t->process->signal('QUIT');
    is $_->rest, '', 'the connection ends' for $clients[0], $clients[-1];
    $lock->rollback;
    is $t->process->ended, 0, 'the master exits with 0';
    well_ended(@workers);
};

subtest 'TERM in the middle of everything' => sub {
    $t->start_nginx->ready;
    my @workers = $t->worker_pids;
    my $lock    = $t->locked;
    my @clients = map { $t->client->send($_) } (me()) x 2, (login()) x 400;
    my $h2      = $t->client_h2;
    $h2->headers(GET => '/auth/me', $t->bearer($ada), 1);
    $t->wait_for(sub { $t->blocked });
    $t->all_read;
    $t->process->signal('TERM');
    is $t->process->ended, 0, 'the master exits with 0';
    well_ended(@workers);
    unlike join('', map { eval { $_->rest } // '' } @clients), qr{HTTP/1.1 (?!200|503)},
        'nobody is told what is not so';
    $lock->rollback;
};

# whether someone connects to the database, which has not accepted that yet
sub connecting {
    my $name = $t->postgresql->dir . '/.s.PGSQL.5432';
    return path('/proc/net/unix')->slurp =~ /: \w+ \w+ \w+ 0001 02 +\d+ \Q$name\E$/m;
}

subtest 'TERM while PostgreSQL is frozen' => sub {
    $t->database('timeout=200ms')->start_nginx->ready;
    my @workers = $t->worker_pids;
    my @pids    = ($t->postgresql->process->pid, $t->postgresql->process->children);
    kill 'STOP', @pids;
    is $t->client->send(me())->status, 503, 'a request' for 1 .. 20;
    $t->wait_for(sub { $t->error_log =~ /no answer in time.*no answer in time/s });
    $t->wait_for(sub { connecting() });
    $t->process->signal('TERM');
    is $t->process->ended, 0, 'the master exits with 0';
    well_ended(@workers);
    kill 'CONT', @pids;
};

$t->finish;


# a download that lasts as long as the test likes
autoflow(workers => 2, shutdown_timeout => '1h', server => '
    location /app/ { autoflow_auth on; proxy_pass http://echo; }
    location = /large { root html; limit_rate 1k; }')->start;
$ada = $t->register(email => 'ada@example.com');
path($t->dir, 'html')->make_path->child('large')->spurt('x' x 10_000_000);

# as t->reload, but the old workers stay, without new connections
sub reload_beside {
    my @old = $t->worker_pids;
    $t->process->signal('HUP');
    $t->wait_for(sub { my %old = map { $_ => 1 } @old; 2 == grep { !$old{$_} } $t->worker_pids });
    quits_slowly(@old);
    return @old;
}

sub backends { $t->db->selectrow_array(q{SELECT count(*) FROM pg_stat_activity
    WHERE usename = 'autoflow_app'}) }

subtest 'workers delayed by a client' => sub {
    $t->ready;
    is backends(), 8, 'two workers have three connections each, and one two for the node';
    my @downloads;
    for (1 .. 4) {
        push @downloads, $t->client->send(request(GET => '/large'));
        $t->wait_for(sub { $downloads[-1]->waits });
        reload_beside();
    }
    cmp_ok scalar $t->worker_pids, '>=', 6, 'they stay';
    ok $t->wait_for(sub { backends() == 8 }), 'and give their connections back';
    is $t->client->send($_)->status, 200, 'all is well' for me(), login(), app();
    $_->close for @downloads;
    $t->wait_for(sub { $t->workers_are });
};

subtest 'a request in such a worker' => sub {
    $t->ready;
    my ($name, @halves) = (0);
    for (1 .. 2) {
        my $register = register('late' . $name++ . '@example.com');
        push @halves, [$t->client->send(substr $register, 0, -10), substr $register, -10];
    }
    my @downloads = map { $t->client->send(request(GET => '/large')) } 1 .. 8;
    $t->wait_for(sub { !grep { !$_->waits } @downloads });
    reload_beside();
    ok $t->wait_for(sub { backends() == 8 }), 'nothing of it needs the database';
    $_->[0]->send($_->[1]) for @halves;
    is_deeply [map { $_->[0]->status } @halves], [201, 201], 'then it does';
    ok $t->wait_for(sub { backends() == 8 }), 'and has it given back';

    push @halves, [$t->client->send(substr login(), 0, -10), substr login(), -10];
    my @old = reload_beside();
    $t->wait_for(sub { backends() == 8 });
    $t->postgresql->stop;
    $halves[-1][0]->send($halves[-1][1]);
    is $halves[-1][0]->status, 503, 'the database is away';
    $t->postgresql->start;
    $_->close for @downloads, map { $_->[0] } @halves;
    $t->wait_for(sub { $t->workers_are });
    $t->ready;
};

$t->finish;


# nginx doesn't wait for threads whose queue is full, but kills workers that
# take a second to exit: even on a busy machine a hash must be faster
autoflow(
    workers  => 4,
    settings => {autoflow_password => 'memory=4m time=1'},
    main     => 'thread_pool autoflow_hash threads=2 max_queue=2;
                 thread_pool autoflow_io   threads=2 max_queue=64;',
)->start;
$ada = $t->register(email => 'ada@example.com');

subtest 'TERM with a full queue of hashes' => sub {
    for my $round (1 .. 8) {
        $t->start_nginx->ready if $round > 1;
        my @workers = $t->worker_pids;
        my @clients = map { $t->client->send(login()) } 1 .. 80;
        $t->wait_for(sub { grep { $_->waits } @clients });
        $t->process->signal('TERM');
        is $t->process->ended, 0, 'the master exits with 0';
        well_ended(@workers);
    }
};

$t->finish;


autoflow(workers => 2, allow => ['worker process \d+ exited on signal 9'])->start;
$ada = $t->register(email => 'ada@example.com');

subtest 'killed workers' => sub {
    my $load = load();
    for (1 .. 5) {
        my ($pid) = $t->worker_pids;
        kill 'KILL', $pid;
        $t->wait_for(sub { $t->workers_are($pid) });
        $load->more(20);
    }
    # the upstream is one of them, too
    all_right($load, 'only what they were at is lost', 'app 502 wrong' => 1,
    map { ("$_ 0" => 1) } qw(me login app register));
    $t->ready;
    is $t->connections, 4, 'their connections are closed, the new ones made';
    is $t->client->send($_)->status, 200, 'all is well' for me(), login(), app();
};

$t->finish;
done_testing;
