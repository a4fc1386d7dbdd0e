# Bounds: a flood fills the queues, excess requests are refused at once, and
# afterwards nothing is left behind.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(decode_json encode_json);
use Test::Autoflow;
use Test::More;

my $good = 'correct horse battery staple';
my ($t, $ada);

sub request { Test::Autoflow::Client::request(@_) }
sub me { request(GET => '/auth/me', $t->bearer($ada)) }
sub post ($path, $body) { request(POST => $path, {}, ref $body ? encode_json($body) : $body) }
sub login ($password = $good) {
    post('/auth/login', {email => 'ada@example.com', password => $password}) }

# sends all of them, each on a connection of its own
sub flood (@requests) { map { $t->client->send($_) } @requests }

# the number of responses by status; refusals have a Retry-After
sub answers (@clients) {
    my (%count, @improper);
    for (map { $_->answer } @clients) {
        $count{$_->{status}}++;
        push @improper, $_ if $_->{status} == 503
            && ($_->{headers}{'retry-after'} ne 1
            || decode_json($_->{body})->{code} ne 'overloaded');
    }
    is_deeply \@improper, [], 'every 503 says when to come again';
    return \%count;
}

sub memory { Test::Autoflow::Process::memory_of($t->worker_pids) }

# The first floods allocate memory, which sanitizers keep after it is freed.  How
# much is needed at once depends on chance; what leaks adds up.
sub is_bounded (@memory) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $growth = $memory[-1] - $memory[1];
    note join ' ', 'KiB:', map { $_ / 1024 } @memory;
    cmp_ok $growth, '<', 4096 * 1024,
        "$growth octets more after the last flood than after the second"
        if !$ENV{AUTOFLOW_ASAN};
}


# so that no session ends, which would be another revocation in memory
$t = Test::Autoflow->new(clock => 1, database => 'pool=1 inflight=2 queue=3',
    settings => {autoflow_sessions => 'account=1000'})->start;
$ada = $t->register(email => 'ada@example.com');

subtest 'a flood while the database is slow' => sub {
    my @memory;
    for (1 .. 20) {
        my $lock    = $t->locked;
        my @clients = flood((me()) x 200);
        $t->wait_for(sub { grep({ $_->waits } @clients) == 195 });
        $lock->rollback;
        is_deeply answers(@clients), {200 => 5, 503 => 195},
            'two in flight and three in the queue are served, the others refused at once';
        push @memory, memory();
    }
    is_bounded(@memory);
    is_deeply answers(flood((me()) x 5)), {200 => 5}, 'then all is as before';
};

subtest 'a flood of clients that disconnect' => sub {
    my @memory;
    for (1 .. 6) {
        my $lock = $t->locked;
        for (1 .. 4) {
            my @clients = flood((me()) x 50);
            $t->wait_for(sub { grep({ $_->waits } @clients) >= 45 });
            $_->close for @clients;
        }
        $lock->rollback;
        push @memory, memory();
    }
    is_bounded(@memory);
    is $t->client->send(me())->status, 200, 'behind all that was sent for them';
    is_deeply answers(flood((me()) x 5)), {200 => 5}, 'nobody stands in the queue for them';
};

subtest 'floods of everything' => sub {
    my @memory;
    for (1 .. 10) {
        answers(flood(
            (me()) x 50, (login()) x 50, (login('wrong')) x 20,
            map({ post('/auth/login', $_) } ('{', '[' x 1000, '{"email":1}', 'x' x 70_000) x 5),
            (request(GET => '/auth/nothing')) x 20));
        push @memory, memory();
    }
    is_bounded(@memory);
    is_deeply answers(flood((me()) x 5)), {200 => 5}, 'then all is as before';
};

$t->finish;


$t = Test::Autoflow->new(
    clock    => 1,
    main => 'thread_pool autoflow_hash threads=1 max_queue=2;
             thread_pool autoflow_io   threads=1 max_queue=1;',
    database => 'pool=6 timeout=20s',
    settings => {autoflow_password => undef},
)->start;
$ada = $t->register(email => 'ada@example.com');

subtest 'more hashes than the queue holds' => sub {
    my @memory;
    for (1 .. 4) {
        my $count = answers(flood((login()) x 60));
        is join(' ', sort keys %$count), '200 503', 'some are served, the others refused';
        cmp_ok $count->{200}, '>=', 3, 'one is hashed while two wait';
        push @memory, memory();
    }
    is_bounded(@memory);
    unlike $t->error_log, qr/thread pool "autoflow_hash" queue overflow/,
        'nginx does not log each of them';
    my %seconds;
    $seconds{$_}++ for $t->error_log =~ m{^(\S+ \S+) [^\n]*the threads' queue is full}mg;
    cmp_ok scalar keys %seconds, '>=', 1, 'logged by the module';
    is_deeply [grep { $_ > 1 } values %seconds], [], 'once a second';
    is_deeply answers(flood(login())), {200 => 1}, 'then all is as before';
};

subtest 'more connection attempts than the queue holds' => sub {
    like $t->error_log, qr/thread pool "autoflow_io" queue overflow/, 'it was so from the start';
    is $t->connections, 6, 'all were made at last';
    for (1 .. 5) {
        $t->db->do(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE usename = 'autoflow_app'});
        is_deeply answers(flood((me()) x 20)), {200 => 20}, 'cut, and they are made again';
        $t->recovered;
    }
};

$t->finish;
done_testing;
