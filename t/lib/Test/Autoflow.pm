package Test::Autoflow;

# A real nginx with the module, and a real PostgreSQL, in a temporary folder.
#
#     my $t = Test::Autoflow->new(workers => 2)->start;
#     $t->get_ok('/health')->status_is(200);
#     $t->finish;
#     done_testing;
#
# It is a Test::Mojo; paths without a host are requested from this nginx.

use Mojo::Base 'Test::Mojo', -signatures;

use Carp ();
use Digest::SHA qw(hmac_sha256);
use Fcntl qw(O_CREAT O_WRONLY);
use File::Temp;
use IO::Socket::IP;
use IO::Socket::UNIX;
use MIME::Base64 qw(encode_base64url);
use List::Util qw(all max none uniq);
use Mojo::File qw(curfile path);
use Mojo::JSON qw(encode_json);
use Mojo::Promise;
use Mojo::Util qw(url_unescape);
use POSIX ();
use Test::Autoflow::Client;
use Test::Autoflow::HTTP2;
use Test::Autoflow::Load;
use Test::Autoflow::PostgreSQL;
use Test::Autoflow::Process;
use Test::Autoflow::Routes;
use Test::Autoflow::Wait qw(wait_until);
use Test2::API ();
use Test::More ();
use Time::HiRes ();

# names of tests are Unicode
binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

# for whoever asks only whether a test notices a fault
Test2::API::test2_add_callback_context_release(sub ($context) {
    exit 1 if !$context->hub->is_passing;
}) if $ENV{AUTOFLOW_FIRST_FAILURE};

our $root = curfile->dirname->dirname->dirname->dirname->to_abs;

my $nginx = $ENV{AUTOFLOW_NGINX} // '/usr/sbin/nginx';

has lanes => 1;               # connections of a worker for wide statements
has tree     => sub { $root };  # whose module it runs, with the files of its conf/
has module   => sub ($self) {
    $ENV{AUTOFLOW_MODULE} // $self->tree . '/build/ngx_http_autoflow_module.so';
};
has workers  => 1;
has user     => 'www-data';   # that they are, and perhaps a group, if root tests
has shutdown_timeout => '20s';
has worker_connections => 1024;
has settings => sub { {} };     # autoflow_... => its arguments; undef: none
has database => '';             # more arguments of autoflow_database
has patient  => 1;              # 0: as soon given up as by default, on a busy machine, too
has [qw(main http server)] => '';     # more text for these blocks
has clock    => 0;              # 1: nginx's can be moved by pass() and hold()
has freed    => 0;              # 1: memory that is freed with a secret() is reported
has names    => '';             # what several.test has: addresses, separated by spaces
has api      => 1;              # 0: without the mounts of conf/snippets
has allow    => sub { [] };     # what the error log may hold all the same
has beside   => undef;          # another one, whose database it uses
has dir      => sub { my $dir = File::Temp->newdir; chmod 0755, $dir; $dir };
has port     => sub { free_port() };
has port_h2  => sub { free_port() };
has echo     => sub { free_port() };
has key      => sub { "the key of the tokens, 32 octets" };
has postgresql => sub ($self) {
    return $self->beside->postgresql if $self->beside;
    Test::Autoflow::PostgreSQL->new(dir => $self->dir . '/postgresql');
};
has routes => sub ($self) { Test::Autoflow::Routes->new(module => $self->module) };
has others => sub { [] };       # locations of other dialects than the API's own
has [qw(process finished handle)];

sub new ($class, %options) {
    my $self = $class->SUPER::new;
    $self->$_($options{$_}) for keys %options;
    $self->ua->cookie_jar->ignore(sub { 1 });
    $self->ua->max_connections(0) if $self->clock;      # it might close what is kept
    $self->ua->max_redirects(0)->inactivity_timeout(60)->on(
        prepare => sub ($ua, $tx) {
            my $url = $tx->req->url;
            $url->scheme('http')->host('127.0.0.1')->port($self->port)
                if !$url->is_abs;
            $tx->on(finish => sub ($tx) { $self->judge($tx) });
        }
    );
    return $self;
}

# Every complete response is checked.  Faults are kept in a file, since
# processes that a test has started send requests, too.
sub judge ($self, $tx) {
    return if $self->tree ne $root || !defined $tx->res->code || !$tx->res->is_finished;
    my ($method, $path) = ($tx->req->method, url_unescape $tx->req->url->path->to_string);
    return if grep { index($path, $_) == 0 } @{$self->others};
    my @wrong = $self->routes->wrong($method => $path, $tx->res) or return;
    my $file = path($self->dir, 'wrong')->open('>>');
    print {$file} map { "$method $path: $_\n" } @wrong;
}

# the database, as its owner
sub db ($self) {
    $self->handle($self->postgresql->connect)
        if !$self->handle || !$self->handle->ping;
    return $self->handle;
}

sub url ($self, $path = '') { 'http://127.0.0.1:' . $self->port . $path }


# Server

sub start ($self) {
    $self->postgresql->start if !$self->postgresql->process;
    $self->db->do(q{ALTER ROLE autoflow_app SET statement_timeout = '60s'})
        if $self->patient && !$self->beside;
    $self->start_nginx;
    $self->ready if $self->api;
    return $self;
}

sub start_nginx ($self) {
    $self->routes->table if $self->tree eq $root;
    $self->library('clock')->set_clock(0) if $self->clock;
    $self->library('freed')->secret('') if $self->freed;
    $self->library('names') if $self->names;
    $self->write_conf;
    my $process = Test::Autoflow::Process->new(
        log     => $self->dir . '/stderr',
        command => ['setpriv', '--pdeathsig', 'TERM', $self->command],
    )->start;

    # the master listens before it handles signals
    $process->serves(sub {
        IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $self->port)
            && $self->workers_are_of($process);
    });
    return $self->process($process);
}

# all workers are there, and none of these others
sub workers_are ($self, @not) { $self->workers_are_of($self->process, @not) }

# a master may have other children, which check the configuration
sub workers_are_of ($self, $master, @not) {
    my %title = map { $_ => Test::Autoflow::Process::title_of($_) } workers_of($master);
    return keys %title == $self->workers
        && none(sub { defined $title{$_} }, @not)
        && all(sub { /^nginx: worker process\0/ }, values %title);
}

# every worker has its connections to the database: they are idle, too, before
# all their statements are prepared; the last of these has sent its responses,
# so a worker that responds then has read them
sub ready ($self) {
    my ($pool) = $self->settings_text =~ /pool=(\d+)/;
    my ($wide) = $self->settings_text =~ /wide=(\d+)/;
    $wide //= $self->lanes;

    # a connection's last query before it enters the pool
    my $prepared = $self->lanes
        ? q{query !~ '^$|^SELECT set_config|AS schema_version'} : q{query <> ''};
    $self->wait_for(sub {
        ($self->beside
        || $self->connections("AND state = 'idle' AND wait_event = 'ClientRead' AND $prepared")
            == $self->workers * ($pool // 2)
            && $self->wide == $self->workers * $wide)
            && ($self->ua->get('/health')->res->code // 0) == 200;
    });
    return $self;
}

# ready again, as soon as the database is: connection attempts due in at most
# two seconds happen at once
sub recovered ($self) { $self->pass(2)->ready }

# the number of the module's connections to the database, without those for wide
# statements, the feed and the jobs
sub connections ($self, $and = '') {
    return $self->db->selectrow_array("SELECT count(*) FROM pg_stat_activity
        WHERE usename = 'autoflow_app' AND application_name = 'autoflow' $and");
}

# the number of those for wide statements
sub wide ($self) {
    return $self->db->selectrow_array("SELECT count(*) FROM pg_stat_activity
        WHERE application_name = 'autoflow wide'");
}

# the process id of the listener's backend
sub feed ($self) {
    return $self->db->selectrow_array("SELECT pid FROM pg_stat_activity
        WHERE application_name = 'autoflow feed'");
}

# likewise of the one that runs jobs
sub jobs ($self) {
    return $self->db->selectrow_array("SELECT pid FROM pg_stat_activity
        WHERE application_name = 'autoflow jobs'");
}

# makes jobs due: all of them, or only one
sub jobs_due ($self, $name = undef) {
    $self->db->do(q{UPDATE autoflow.jobs SET until = CASE WHEN name = coalesce(?, name)
        THEN now() ELSE now() + interval '1 hour' END}, {}, $name);
}

# a job that no node is to run
sub job_off ($self, $name) {
    $self->db->do(q{INSERT INTO autoflow.jobs (name, holder, period, until)
        VALUES (?, 'nobody', '1 hour', 'infinity')}, {}, $name);
    return $self;
}

# the number of its statements that wait for a lock
sub blocked ($self) { $self->connections("AND wait_event_type = 'Lock'") }

# a connection of the owner's that delays all responses with an account, while
# they are executed, until it rolls back or is destroyed: they wait for the
# function that reads roles.  Or it locks a table: statements with that can't
# even be prepared.
sub locked ($self, $table = undef) {
    my $lock = 4711;
    my $db = $self->postgresql->connect;
    if ($table) {
        $db->begin_work;
        $db->do("LOCK TABLE autoflow.$table");
        return $db;
    }
    my $body = $db->selectrow_array(q{SELECT pg_get_functiondef('autoflow.role_names'::regproc)});
    $db->do($body =~ s/\bBEGIN\b/BEGIN PERFORM pg_advisory_xact_lock_shared($lock);/r)
        if $body !~ /$lock/;
    $db->begin_work;
    $db->do("SELECT pg_advisory_xact_lock($lock)");
    return $db;
}

sub command ($self) {
    my $dir = $self->dir;
    my (@preload, @env);
    if ($self->clock) {
        push @preload, "$dir/clock.so";
        push @env, "AUTOFLOW_CLOCK=$dir/clock";
    }
    if ($self->freed) {
        push @preload, "$dir/freed.so";
        push @env, "AUTOFLOW_SECRETS=$dir/secrets";
    }
    if ($self->names) {
        push @preload, "$dir/names.so";
        push @env, 'AUTOFLOW_NAMES=' . $self->names;
    }
    return (nginx_with(\@preload, \@env), '-p', "$dir/", '-c', "$dir/nginx.conf", '-e', 'stderr',
        '-g', 'daemon off;');
}

# the command for nginx with these libraries, and in this environment: those of
# an instrumented module come first
sub nginx_with ($preload = [], $env = []) {
    my (@preload, @env);
    if ($ENV{AUTOFLOW_ASAN}) {
        @preload = $ENV{AUTOFLOW_PRELOAD};
        @env = ('ASAN_OPTIONS=detect_leaks=0:detect_odr_violation=0',
            'UBSAN_OPTIONS=print_stacktrace=1');
    }
    push @preload, @$preload;
    return (@preload ? ('env', 'LD_PRELOAD=' . join(':', @preload), @env, @$env) : (), $nginx);
}

# nginx -t: its exit status and output
sub check ($self) {
    $self->write_conf;
    open my $out, '-|', 'sh', '-c', '"$@" 2>&1', 'sh', $self->command, '-t', '-q';
    my $text = join '', <$out>;
    close $out;
    return ($? >> 8, $text);
}

# a graceful stop; undef if it took too long, else the master's status
sub stop ($self) { $self->process->signal('QUIT')->ended }

sub reload ($self) {
    my @old = $self->worker_pids;
    $self->write_conf;
    $self->process->signal('HUP');
    $self->wait_for(sub { $self->workers_are(@old) });
    return $self;
}


# nginx's clock, if it can be moved.  Until a restart it differs from the
# database's and from this test's.

sub now ($self) { Time::HiRes::time() + $self->ahead / 1e9 }

# advances it by so many seconds
sub pass ($self, $seconds) {
    return $self->set_clock($self->{clocked} + 2 * int(5e8 * $seconds));
}

# repeats that, often, until a condition is true
sub pass_until ($self, $seconds, $condition) {
    return $self->wait_for(sub { $condition->() || !$self->pass($seconds) }, 60, 0.02);
}

# stops the clock, which then only advances by pass(); or lets it run again, no
# later than elsewhere
sub hold ($self) { $self->set_clock(monotonic() + $self->ahead | 1) }
sub go ($self)   { my $ahead = max($self->ahead, 0); $self->set_clock($ahead - $ahead % 2) }

sub monotonic { int 1e9 * Time::HiRes::clock_gettime(Time::HiRes::CLOCK_MONOTONIC()) }

# its difference from others, in nanoseconds
sub ahead ($self) {
    my $set = $self->{clocked} // 0;
    return $set % 2 ? $set - monotonic() : $set;
}

# the format of the file, see t/clock/clock.c
sub set_clock ($self, $nanoseconds) {
    sysopen my $file, $self->dir . '/clock', O_WRONLY | O_CREAT or Carp::croak("clock: $!");
    syswrite $file, pack 'q', $self->{clocked} = $nanoseconds;
    return $self;
}

# sets the date alone so many seconds ahead, as by a clock that was wrong
sub misdate ($self, $seconds) {
    sysopen my $file, $self->dir . '/clock', O_WRONLY or Carp::croak("clock: $!");
    sysseek $file, 8, 0;
    syswrite $file, pack 'q', 1e9 * $seconds;
    return $self;
}

# builds one to preload, from t/
sub library ($self, $name) {
    my ($library, $source) = ($self->dir . "/$name.so", "t/$name/$name.c");
    my @gcc = (qw(gcc -std=gnu11 -shared -fPIC -o), $library, "$root/$source");
    -e $library or system(@gcc) == 0 or Carp::croak("can't build $source");
    return $self;
}

# one more for which freed memory is searched; the file is as t/freed/freed.c says
sub secret ($self, $text) {
    push @{$self->{secrets}}, substr $text, -60 if $text ne '';
    sysopen my $file, $self->dir . '/secrets', O_WRONLY | O_CREAT or Carp::croak("secrets: $!");
    syswrite $file, pack '(a64)64', @{$self->{secrets} // []};
    return $text;
}

# until the one worker has handled its timers by the moved clock: a second
# request comes after that, which the first one need not
sub timed ($self) {
    $self->ua->get('/health/live') for 1, 2;
    return $self;
}

# waits until it has read all that was sent to it, on any connection
sub all_read ($self) {
    my $ports = join '|', map { sprintf '%04X', $_ } $self->port, $self->port_h2;
    my $unread = qr/^\s*\d+: \w+:(?:$ports) \w+:\w+ \w+ \w+:(?!0{8})/;
    $self->wait_for(sub { !grep { /$unread/ } split /\n/, path('/proc/net/tcp')->slurp });
    return $self;
}

sub worker_pids ($self) { workers_of($self->process) }

# without the processes for a proxy_cache
sub workers_of ($master) {
    return grep { Test::Autoflow::Process::title_of($_) !~ /^nginx: cache/ }
        $master->children;
}

# the output of nginx and the sanitizers
sub error_log ($self) {
    return join '', map { -e $_ ? $_->slurp : '' }
        map { path($self->dir, $_) } 'error.log', 'stderr';
}

sub wait_for ($self, $condition, @seconds) {
    return wait_until($condition, @seconds) || Carp::croak('this has not come true');
}


# Configuration

sub write_conf ($self) {
    my $conf = $self->conf;
    my $other = qr{autoflow_pages\b | autoflow_api \s+ (?:/\S*\s+)? (?!autoflow;) [a-z]\w* ;}x;
    $self->others([$conf =~ /location (\S+) \{[^{}]*\b(?:$other)/g]);
    return path($self->dir, 'nginx.conf')->spurt($conf);
}

sub conf ($self) {
    my ($dir, $port, $port_h2, $echo, $tree, $module) =
        map { $self->$_ } qw(dir port port_h2 echo tree module);
    my $user = $> == 0 ? "user @{[$self->user]};" : '';
    my $threads = $self->main =~ /thread_pool/ ? '' : <<~"END";
        include $tree/conf/snippets/autoflow_threads.conf;
        END
    my $api = $self->api ? "include $tree/conf/snippets/autoflow_api.conf;" : '';
    my $settings = $self->settings_text;

    my $h2 = h2($port_h2);

    return <<~"END";
        load_module $module;
        $user
        worker_processes @{[$self->workers]};
        worker_shutdown_timeout @{[$self->shutdown_timeout]};
        pid $dir/nginx.pid;
        @{[$ENV{AUTOFLOW_COVERAGE} ? 'env GCOV_PREFIX;' : '']}
        error_log $dir/error.log info;
        $threads
        @{[$self->main]}
        events { worker_connections @{[$self->worker_connections]}; }

        http {
            access_log $dir/access.log;
            client_body_temp_path $dir/temp_body;
            proxy_temp_path $dir/temp_proxy;
            fastcgi_temp_path $dir/temp_fastcgi;
            uwsgi_temp_path $dir/temp_uwsgi;
            scgi_temp_path $dir/temp_scgi;
            $settings
            @{[$self->http]}

            server {
                listen 127.0.0.1:$port;
                listen 127.0.0.1:$h2;
                $api
                @{[$self->server]}
            }

            # for proxy_pass http://echo: responds with what reached the
            # upstream
            upstream echo { server 127.0.0.1:$echo; }
            server {
                listen 127.0.0.1:$echo;
                default_type application/json;
                location / {
                    set \$echo_who   '"user_id":"\$http_x_user_id","email":"\$http_x_user_email"';
                    set \$echo_roles '"roles":"\$http_x_user_roles"';
                    set \$echo_with  '"session_id":"\$http_x_session_id","cookie":"\$http_cookie"';
                    return 200 '{"uri":"\$request_uri",\$echo_who,\$echo_roles,\$echo_with}';
                }
            }
        }
        END
}

# a port for HTTP/2: "listen … http2" has been deprecated since 1.25.1
sub h2 ($port) {
    state $minor = `$nginx -v 2>&1` =~ m{nginx/1\.(\d+)} ? $1 : 0;
    return $minor > 25 ? "$port; http2 on" : "$port http2";
}

# the packages of t/npm/; undef if build.sh could not have them
sub npm { my $folder = "$root/build/npm/node_modules"; return -d $folder ? $folder : undef }

# copies of folders of conf/, readable by workers
sub copied ($self, @names) {
    system('cp', '-r', map({ $self->tree . "/conf/$_" } @names), $self->dir) == 0
        or die "can't copy @names";
    return $self;
}

sub settings_text ($self) {
    my $timeout = $self->patient && $self->database !~ /timeout=/ ? 'timeout=60s' : '';
    my %settings = (
        autoflow_database    =>
            '"' . $self->postgresql->url('autoflow_app') . qq{" $timeout } . $self->database,
        autoflow_secret      => 'hex:' . '0f' x 32,
        autoflow_key         => 'hex:' . unpack('H*', $self->key),
        autoflow_environment => 'development',
        autoflow_password    => 'memory=1m time=1',
        autoflow_attempts    => 'account=off account_total=off address=off changes=off',
        # also where people sign in with a browser; a former version has only that
        $self->tree eq $root ? (autoflow_registration => 'open') : (),
        %{$self->settings},
    );
    return join "\n", map { "$_ $settings{$_};" }
        grep { defined $settings{$_} } sort keys %settings;
}

# a self-signed certificate for this machine's names, and its key
sub certificate ($self) {
    my @files = map { $self->dir . "/tls.$_" } 'crt', 'key';
    system('sh', '-c', 'exec "$@" 2>/dev/null', 'sh', qw(openssl req -x509 -days 2 -nodes
        -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=localhost -addext),
        'subjectAltName=DNS:localhost,DNS:*.localhost,IP:127.0.0.1', '-out', $files[0], '-keyout',
        $files[1]) == 0 or Carp::croak('openssl made no certificate');
    return @files;
}

# a port without a listener: no other test gets it until this one has ended
sub free_port {
    for (1 .. 100) {
        # below the kernel's ephemeral ports, above 10080, which browsers block
        my $port = 11_000 + int rand 19_000;
        return $port if reserve($port) && listens($port);
    }
    die 'no free port';
}

# two in succession: the first
sub free_ports {
    for (1 .. 100) {
        my $port = free_port();
        return $port if reserve($port + 1) && listens($port + 1);
    }
    die 'no free ports';
}

# reserves it by an abstract socket name, which the kernel frees
my @reserved;
sub reserve ($port) {
    my $name = IO::Socket::UNIX->new(Local => "\0autoflow's test at port $port", Listen => 1);
    push @reserved, $name // return;
    return 1;
}

sub listens ($port) {
    return IO::Socket::IP->new(
        LocalHost => '127.0.0.1', LocalPort => $port, Listen => 8, ReuseAddr => 1);
}


# Requests

# sends all of them before it waits for the first: [METHOD => path => …]
sub at_once ($self, @requests) {
    my @txs = map { $self->ua->build_tx(@$_) } @requests;
    my @done;
    Mojo::Promise->all(map { $self->ua->start_p($_) } @txs)
        ->then(sub { @done = map { $_->[0] } @_ })
        ->catch(sub ($error) { Carp::croak($error) })->wait;
    return @done;
}

# sends raw octets; returns what was received until the connection was closed
sub raw ($self, $octets) {
    my $socket = IO::Socket::IP->new(PeerHost => '127.0.0.1',
        PeerPort => $self->port, Timeout => 10) or die "connect: $@";
    print {$socket} $octets;
    $socket->flush;
    local $/;
    return scalar <$socket>;
}

# clients under a test's full control
sub client ($self, %options) {
    return Test::Autoflow::Client->new(port => $self->port, %options);
}

sub client_h2 ($self, %options) {
    return Test::Autoflow::HTTP2->new(port => $self->port_h2, %options)->greet;
}

my $accounts = 0;

# a new account: its token pair, with its password
sub register ($self, %fields) {
    my $body = {
        email    => 'account' . ++$accounts . '@example.com',
        password => 'correct horse battery staple',
        %fields
    };
    my $res = $self->ua->post('/api/v1/auth/register' => json => $body)->res;
    $res->code == 201 or Carp::croak($res->code . ' ' . $res->body);
    return {%{$res->json}, password => $body->{password}};
}

# makes it a superuser's: another pair
sub superuser ($self, $pair) {
    my ($email, $password) = ($pair->{user}{email}, $pair->{password});
    $self->db->do('UPDATE autoflow.users SET is_superuser = true WHERE id = ?', {},
        $pair->{user}{id});
    my $res = $self->ua->post('/api/v1/auth/login',
        json => {email => $email, password => $password})->res;
    $res->code == 200 or Carp::croak($res->code . ' ' . $res->body);
    return {%{$res->json}, password => $password};
}

sub bearer ($self, $token) {
    return {Authorization => 'Bearer ' . (ref $token ? $token->{access_token} : $token)};
}

# a token like this server's, except for what is changed
sub token ($self, $claims, %options) {
    my $now = int $self->now;
    $claims = {iss => 'autoflow', iat => $now, exp => $now + 60, %$claims};
    delete @$claims{grep { !defined $claims->{$_} } keys %$claims};
    return sign($options{key} // $self->key,
        encode_json($options{header} // {alg => 'HS256', typ => 'JWT'}),
        encode_json($claims));
}

# a JWS of any two texts
sub sign ($key, @texts) {
    my $signed = join '.', map { encode_base64url($_) } @texts;
    return "$signed." . encode_base64url(hmac_sha256($signed, $key));
}


# Responses

# the last response is this problem; all responses are checked against their
# schema
sub problem_is ($self, $status, $code, $name = "$status $code") {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $res = $self->tx->res;
    return $self->success(Test::More::is_deeply(
        [$res->headers->content_type, $res->code, ($res->json // {})->{code}],
        ['application/problem+json', $status, $code], $name)
        || Test::More::diag($res->body));
}

# the last response has errors for these fields, and no others
sub errors_are ($self, $expected, $name = 'wrong fields') {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $res = $self->tx->res;
    my %got = map { $_->{field} => $_->{code} } @{($res->json // {})->{errors} // []};
    return $self->success(Test::More::is_deeply(\%got, $expected, $name)
        || Test::More::diag($res->body));
}


# The end: nginx exits cleanly, and leaves nothing behind

sub finish ($self) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $self->finished(1);
    Test::More::subtest('nginx ends well' => sub { $self->checks });
    $self->db->disconnect;
    $self->postgresql->stop('QUIT') if !$self->beside && $self->postgresql->process->running;
    return $self;
}

sub checks ($self) {
    my $process = $self->process;

    if ($process->running) {
        my @workers = $self->worker_pids;
        Test::More::is(scalar @workers, $self->workers, 'all workers were there');
        Test::More::is($self->stop, 0, 'the master exits with 0');
        for my $pid (@workers) {
            Test::More::like($self->error_log,
                qr/worker process $pid exited with code 0/, "worker $pid exits with 0");
        }
    }
    Test::More::is_deeply([$process->processes], [], 'no process is left');

    my $wrong = path($self->dir, 'wrong');
    Test::More::is(-e $wrong ? join("\n", uniq split /\n/, $wrong->slurp) : '', '',
        'all answers were as the API says');

    my $log      = $self->error_log;
    my $alarming = qr/\[(?:alert|crit|emerg)\]|exited with code [^0]/;
    my $allowed  = join '|', map { "(?:$_)" } @{$self->allow}, '(?!)';
    Test::More::is_deeply(
        [grep { /$alarming/ && !/$allowed/ } split /\n/, $log],
        [], 'nothing alarming in the error log');
    Test::More::unlike($log, qr/Sanitizer|runtime error:/, 'no report of a sanitizer');

    if (!$self->beside && $self->postgresql->process->running) {
        Test::More::ok(eval {
            $self->wait_for(sub { !$self->connections && !$self->wide && !$self->feed
                && !$self->jobs });
        }, 'no connection to the database is left');
    }
    return;
}

sub DESTROY ($self) {
    return if $self->finished || !$self->process || ${^GLOBAL_PHASE} eq 'DESTRUCT';
    Test::More::fail('finish was not called');
}

1;
