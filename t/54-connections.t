# Many connections: idle ones cost little, and nobody else waits; TLS and HTTP/2
# under load; what worker_shutdown_timeout ends; and whether the database has room
# for those of a node.
#
# AUTOFLOW_IDLE=10000 has so many idle ones, in plain text and then by TLS, or as
# many as may be open here.

use Mojo::Base -strict, -signatures;
use IO::Socket::SSL;
use List::Util qw(min sum);
use Mojo::File qw(path);
use Test::Autoflow;
use Test::Autoflow::Process;
use Test::More;
use Time::HiRes qw(time);

my $good = 'correct horse battery staple';
my ($tls, $h2) = map { Test::Autoflow::free_port() } 1, 2;
chomp(my $files = `sh -c 'ulimit -Hn'`);
my $room = $files eq 'unlimited' ? 1_000_000 : $files - 300;
my $idle = min($ENV{AUTOFLOW_IDLE} // 1000, $room);
system('sh', '-c', 'prlimit --nofile=$1:$1 --pid $2', 'sh', $files, $$) == 0 or die 'prlimit';

my $t = Test::Autoflow->new(workers => 2, worker_connections => $idle + 500,
    server => 'keepalive_timeout 1h; location /app/ { autoflow_auth on; proxy_pass http://echo; }');
my $rlimit = $files eq 'unlimited' ? '' : "worker_rlimit_nofile $files;";
$t->postgresql->options([@{$t->postgresql->options}, 'max_connections=20']);
my ($certificate, $key) = $t->certificate;
$t->main($rlimit)->http(join '', map { my ($port, $protocol) = @$_; qq{
    server {
        listen 127.0.0.1:$port $protocol;
        ssl_certificate     $certificate;
        ssl_certificate_key $key;
        keepalive_timeout   1h;
        include @{[$t->tree]}/conf/snippets/autoflow_api.conf;
        location /app/ { autoflow_auth on; proxy_pass http://echo; }
    }
} } [$tls, 'ssl'], [$h2, 'ssl http2'])->start;
my $pair = $t->register(email => 'ada@example.com');

# the octets of the workers' memory
sub memory { sum map { Test::Autoflow::Process::memory_of($_) } $t->worker_pids }

# a connection that has had its request and response
sub plain { IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $t->port) or die $@ }
my $context = IO::Socket::SSL::SSL_Context->new(SSL_ca_file => $certificate) or die $SSL_ERROR;
sub by_tls {
    return IO::Socket::SSL->new(PeerHost => '127.0.0.1', PeerPort => $tls,
        SSL_reuse_ctx => $context) || die $SSL_ERROR;
}
my $request = "GET /app/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
    . "$pair->{access_token}\r\n\r\n";
sub used ($socket) {
    print {$socket} $request;
    my $answer = '';
    sysread $socket, $answer, 4096, length $answer or die 'closed' while $answer !~ /\}\z/;
    return $answer =~ m{^HTTP/1\.1 200 } ? $socket : die $answer;
}

# milliseconds that requests of others take: the median, the 99th percentile
sub others ($name) {
    my (@took, %codes);
    for (1 .. 100) {
        my $began = time;
        $codes{$t->ua->get($t->url('/auth/me') => $t->bearer($pair))->res->code // 0}++;
        push @took, 1e3 * (time - $began);
    }
    is_deeply \%codes, {200 => 100}, "$name: others are served";
    @took = sort { $a <=> $b } @took;
    return sprintf '%.1f ms, of a hundred the slowest but one %.1f ms', @took[50, 98];
}

# it ends, when its clients have been told
sub old_worker_ends ($pid, $log) {
    ok $t->wait_for(sub { !-e "/proc/$pid" }), "old worker $pid ends";
    unlike $log, qr/worker process $pid exited with code [^0]/;
}

note 'GET /auth/me, before: ', others('before');
for (['plain', \&plain, 20_000], ['TLS', \&by_tls, 200_000]) {
    my ($name, $connect, $limit) = @$_;
    subtest "$idle idle connections, $name" => sub {
        used($connect->()) for 1 .. 50;
        my $before = memory();
        my @idle = map { used($connect->()) } 1 .. $idle;
        my $each = (memory() - $before) / $idle;
        note sprintf '%.1f KiB of memory for each', $each / 1024;
        cmp_ok $each, '<', $limit, 'they cost little' if !$ENV{AUTOFLOW_ASAN};
        note 'GET /auth/me, meanwhile: ', others('meanwhile');
        ok used($_), 'each is still of use' for @idle[0, -1];

        my @old = $t->worker_pids;
        my $began = time;
        $t->reload;
        old_worker_ends($_, $t->error_log) for @old;
        note sprintf 'after %.2f s', time - $began;
        my %ended;
        $ended{sysread($_, my $octet, 1) ? 'spoke' : 'closed'}++ for @idle;
        is_deeply \%ended, {closed => $idle}, 'and closes them at once';
    };
}

# h2load, of nghttp2: {2xx, 5xx, failed, ...}
sub h2load (@options) {
    open my $out, '-|', qw(timeout -k 5 120 h2load), @options or die "h2load: $!";
    my $text = join '', <$out>;
    close $out;
    note grep { /^(?:finished|Application|time for request)/ } $text =~ /^.*\n/mg;
    my %got = map { reverse split ' ' } map { split /, / }
        $text =~ /^(?:requests|status codes): (.*)$/mg;
    return \%got;
}

subtest 'TLS and HTTP/2 under load' => sub {
    my @as = ('-H', "authorization: Bearer $pair->{access_token}");
    my $all = sub ($name, $number, @options) {
        my $got = h2load('-n', $number, @options);
        is_deeply [@$got{'succeeded', '2xx', 'failed', 'errored', 'timeout'}],
            [$number, $number, 0, 0, 0], $name or diag explain $got;
    };
    my $url = "https://127.0.0.1:$h2";
    $all->('protected', 2000, qw(-c 20 -m 10), @as, "$url/app/");
    $all->('the API', 1000, qw(-c 20 -m 10), @as, "$url/auth/me");
    $all->('HTTP/1.1', 1000, qw(--h1 -c 20), @as, "https://127.0.0.1:$tls/auth/me");

    my $body = path($t->dir, 'login')->spurt(
        qq({"email":"ada\@example.com","password":"$good"}));
    $all->('bodies', 60, qw(-c 4 -m 5 -d), $body, '-H', 'content-type: application/json',
        "$url/auth/login");
    others('afterwards');
};

# as t->reload, but the former workers may stay
sub reload_beside (@old) {
    $t->write_conf;
    $t->process->signal('HUP');
    $t->wait_for(sub { my %is = map { $_ => 1 } $t->worker_pids;
        delete @is{@old};
        return keys %is == $t->workers });
}

subtest 'worker_shutdown_timeout' => sub {
    # a request that is answered in time
    my @old = $t->worker_pids;
    my $lock = $t->locked;
    my $me = sub { Test::Autoflow::Client::request(GET => '/auth/me', $t->bearer($pair)) };
    my $client = $t->client->send($me->());
    $t->wait_for(sub { $t->blocked });
    reload_beside(@old);
    ok scalar(grep { -e "/proc/$_" } @old), 'an old worker waits for a response';
    $lock->rollback;
    is $client->status, 200, 'which is sent';
    old_worker_ends($_, $t->error_log) for @old;

    # and one that isn't
    $t->shutdown_timeout('1s')->reload;
    @old = $t->worker_pids;
    $lock->begin_work;
    $lock->do('SELECT pg_advisory_xact_lock(4711)');
    $client = $t->client->send($me->());
    $t->wait_for(sub { $t->blocked });
    reload_beside(@old);
    old_worker_ends($_, $t->error_log) for @old;
    is $client->answer, undef, 'its client is told by the end of the connection';
    $lock->rollback;
    $t->wait_for(sub { !$t->blocked });
    $t->ready;
    others('afterwards');
};

# warnings so far about room for a node's connections
sub warnings { [$t->error_log =~ /\[warn\] .*autoflow: (a node may open .*)$/mg] }

subtest 'room at the database' => sub {
    is_deeply warnings(), [], 'there is enough';

    $t->database('pool=9')->reload;
    $t->wait_for(sub { @{warnings()} });
    like warnings()->[0], qr/^a\ node\ may\ open\ 22\ connections,\ others\ have\ \d,\ but
        \ PostgreSQL\ allows\ 17\ \(max_connections\):\ raise\ that,\ or\ have\ fewer\ workers,
        \ or\ a\ smaller\ pool=\ of\ autoflow_database\ \(2\ workers\ with\ pool=9\ wide=1,
        \ one\ for\ revocations,\ one\ for\ jobs\)$/x, 'not by max_connections';

    my $role = 'ALTER ROLE autoflow_app CONNECTION LIMIT';
    $t->database('pool=2')->reload->ready;
    $t->db->do("$role 7");
    $t->reload;
    $t->wait_for(sub { @{warnings()} == 2 });
    like warnings()->[1], qr/^a node may open 8 connections, .* allows 7 \($role\): raise that/,
        'nor for the role';
    $t->db->do("$role -1");
    # which has this test's, too: enough is left for one of the worker that asks
    $t->db->do('ALTER DATABASE autoflow CONNECTION LIMIT 11');
    $t->database('pool=4')->reload;
    $t->wait_for(sub { @{warnings()} == 3 });
    like warnings()->[2], qr/ allows 11 \(ALTER DATABASE autoflow CONNECTION LIMIT\): raise that/,
        'nor in the database';
    $t->db->do('ALTER DATABASE autoflow CONNECTION LIMIT -1');
    $t->reload->ready;
    is @{warnings()}, 3, 'each was said once, and not by each worker';
};

$t->finish;
done_testing;
