# slowhttptest: clients that send headers or bodies slowly, or read responses
# slowly, cost others nothing, and are closed in time, with the limits of
# conf/snippets.

use Mojo::Base -strict, -signatures;
use List::Util qw(sum0);
use Mojo::File qw(path);
use Mojo::UserAgent;
use Test::Autoflow;
use Test::Autoflow::Process;
use Test::More;

# where nginx waits for readers, and not the kernel
my $unbuffered = Test::Autoflow::free_port();

# one of everything, so that a slow client that held it would be noticed
my $t = Test::Autoflow->new(
    database => 'pool=1 wide=1 inflight=1 queue=2',
    main     => join(' ', map { "thread_pool autoflow_$_ threads=1 max_queue=2;" }
        qw(hash io connect)),
    http     => qq{
        include snippets/autoflow_http.conf;
        server {
            listen 127.0.0.1:$unbuffered sndbuf=8k;
            include snippets/autoflow_limits.conf;
            include snippets/autoflow_api.conf;
        }
    },
    server   => q{
        include snippets/autoflow_limits.conf;
        location /app/ { autoflow_auth on; proxy_pass http://echo; }
        location = /metrics { autoflow_metrics; }
    },
);
$t->copied('snippets');
my $dir = $t->dir;

# sooner than shipped
my $limits = path($dir, 'snippets', 'autoflow_limits.conf');
my $text = $limits->slurp;
is $text =~ s/(\w+_timeout +)1[05]s;/${1}2s;/g, 3, 'there are timeouts';
$text =~ s/burst=100/burst=100000/ or die;
$limits->spurt($text);
$t->start;

# others come from another address
my $other = Mojo::UserAgent->new(socket_options => {LocalAddr => '127.0.0.2'});
my $pair = $t->register(email => 'ada@example.com');

sub asks ($method, $path, @more) {
    return $other->start($other->build_tx($method => $t->url($path), @more))->res->code // 0;
}

# what others do all the time
sub round {
    return (
        asks(POST => '/auth/login', json => {email => 'ada@example.com',
            password => $pair->{password}}),
        asks(GET => '/auth/me', $t->bearer($pair)),
        asks(GET => '/api/v1/auth/sessions', $t->bearer($pair)),
        asks(GET => '/app/x', $t->bearer($pair)),
        asks(GET => '/health'),
    );
}

# again and again, since it ends when all its connections are closed
my @attacks;
sub attack ($name, @options) {
    push @attacks, Test::Autoflow::Process->new(log => "$dir/$name.log", command => [
        qw(setpriv --pdeathsig TERM sh -c), 'while "$@"; do :; done', 'sh',
        qw(slowhttptest -c 80 -r 80 -l 600 -p 60), @options])->start;
}

# the connections that the worker has with clients
sub connections {
    my ($pid) = $t->worker_pids;
    my %sockets = map { /^socket:\[(\d+)\]/ ? ($1 => 1) : () }
        Test::Autoflow::Process::files_of($pid);
    my $ports = join '|', map { sprintf '%04X', $_ } $t->port, $unbuffered;
    return scalar grep { my @fields = split; $fields[1] =~ /:(?:$ports)\z/ && $sockets{$fields[9]} }
        path('/proc/net/tcp')->slurp =~ /^\s*\d+: .*$/mg;
}

# a metric, summed up over its labels, but for this scrape
sub metric ($name) {
    my $text = $other->get($t->url('/metrics'))->res->body;
    return sum0 $text =~ /^autoflow_$name(?:\{.*\})? (\S+)$/mg;
}

is_deeply [round()], [(200) x 5], 'others are served';

attack('headers', qw(-H -i 1 -x 10 -u), $t->url('/auth/me'));
attack('bodies', qw(-B -i 4 -x 10 -s 8000 -f application/json -u), $t->url('/auth/login'));
attack('readers', qw(-X -w 1 -y 64 -n 1 -z 8 -k 10 -u),
    "http://127.0.0.1:$unbuffered/api/v1/openapi.json");
$t->wait_for(sub { connections() >= 110 });
pass 'many slow ones are there';

subtest 'others are served all the same' => sub {
    for my $n (1 .. 30) {
        is_deeply [round()], [(200) x 5], "round $n";
    }
    cmp_ok connections(), '>=', 80, 'they are still there';
};

subtest 'they hold nothing that others need' => sub {
    is metric($_), 0, $_
        for qw(hash_waiting hash_running database_in_flight database_queued);
};

subtest 'they are limited' => sub {
    my $log = sub { path($dir, 'access.log')->slurp };
    $t->wait_for(sub { $log->() =~ m{"POST /auth/login HTTP/1\.1" 408 } });
    $t->wait_for(sub { $log->() =~ m{"POST /auth/login HTTP/1\.1" 429 } });
    $t->wait_for(sub { $t->error_log =~ /client timed out .* reading client request headers/ });
    $t->wait_for(sub { $t->error_log =~ m{client timed out [^,]*, client: .*/openapi} });
    is_deeply [round()], [(200) x 5], 'unlike others';
};

kill KILL => map { $_->processes } @attacks;
$t->wait_for(sub { connections() <= 5 });
is_deeply [round()], [(200) x 5], 'none is left';

$t->finish;
done_testing;
