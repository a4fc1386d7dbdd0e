# PgBouncer between nginx and PostgreSQL: pooling sessions, and pooling
# transactions, with another connection of the server under every statement.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Mojo::Promise;
use Test::Autoflow;
use Test::Autoflow::Guide;
use Test::Autoflow::Process;
use Test::Autoflow::Relay;
use Test::More;
use Time::HiRes qw(time);

my $good  = 'correct horse battery staple';
my $first = Test::Autoflow->new(workers => 2,
    server => 'location /app/ { autoflow_auth on; proxy_pass http://echo; }');
my $postgresql = $first->postgresql->start;
my $socket     = $postgresql->dir;

# It ends when no connection of the server is lent out any more: that of a client
# which began what it doesn't end would be for ever.
my $pooler;
my $port = Test::Autoflow::free_port();
sub no_pooler {
    ok defined $pooler->signal('INT')->ended(20), 'the pooler ends' or diag explain admin()
        ? admin()->selectall_arrayref('SHOW SERVERS', {Slice => {}}) : 'it is deaf';
}

# a pooler with these settings, in place of the former one
sub pooler ($mode, @settings) {
    no_pooler() if $pooler;
    my $dir = path($first->dir, 'pooler')->make_path;
    $dir->child('users')->spurt(qq{"autoflow_app" ""\n"autoflow" ""\n});
    $dir->child('ini')->spurt(join "\n", '[databases]', "autoflow = host=$socket dbname=autoflow",
        '[pgbouncer]', 'listen_addr = 127.0.0.1', "listen_port = $port", 'unix_socket_dir =',
        'auth_type = trust', "auth_file = $dir/users", "pool_mode = $mode",
        'admin_users = autoflow', @settings, '');
    my @user = $> == 0 ? qw(setpriv --reuid=postgres --regid=postgres --init-groups) : ();
    $pooler = Test::Autoflow::Process->new(log => "$dir/log",
        command => [@user, 'pgbouncer', "$dir/ini"])->start->serves(sub { admin() });
}

sub admin {
    return DBI->connect("dbi:Pg:dbname=pgbouncer;host=127.0.0.1;port=$port;user=autoflow;"
        . 'connect_timeout=5', '', '', {PrintError => 0, pg_server_prepare => 0});
}

# an administrator's command that must be done soon
sub command ($text) {
    is system(qw(timeout -k 1 20 psql -qX -h 127.0.0.1 -U autoflow -p), $port, '-c', $text,
        'pgbouncer'), 0, $text;
}

my %url = (
    pooler => "postgresql://127.0.0.1:$port/autoflow?user=autoflow_app&gssencmode=disable",
    itself => $postgresql->url('autoflow_app'),
);
my $pooled = qq{"$url{pooler}"};

# as documented
my $guide   = Test::Autoflow::Guide->new('scaling.md');
my $strings = path($first->dir, 'strings')->make_path;
$strings->child('pooler')->spurt($url{pooler});
$strings->child('database')->spurt($url{itself});
my ($unnamed) = $guide->text(under => 'Poolers', language => 'nginx',
    change => {qr{/etc/nginx/autoflow} => $strings})
    =~ /^autoflow_database\s(.*);$/s;
$guide->finish;

sub node ($database, %options) {
    return Test::Autoflow->new(server => $first->server, beside => $first, %options,
        settings => {autoflow_database => "$database timeout=60s"});
}

# waits until every worker of some nodes has its connections: each of so many new
# connections of ours may be to any worker
sub healthy (@nodes) {
    my $clients = 0;
    $clients += $_->workers * 3 + 1 for @nodes;
    $first->wait_for(sub {
        $clients <= grep { $_->{user} eq 'autoflow_app' }
            @{admin()->selectall_arrayref('SHOW CLIENTS', {Slice => {}})};
    });
    for my $node (@nodes) {
        $first->wait_for(sub {
            !grep { (Mojo::UserAgent->new->get($node->url('/health'))->res->code // 0) != 200 }
                1 .. 12 * $node->workers;
        });
    }
}

sub code ($node, $pair) {
    return $node->ua->get($node->url('/app/') => $node->bearer($pair))->res->code // 0;
}

# what a client does with an account of its own; the responses
sub use_account ($node, $email) {
    my %account = (email => $email, password => $good);
    my @codes;
    my $ask = sub ($method, $path, @body) {
        return $node->ua->start_p($node->ua->build_tx($method => $node->url($path), @body))
            ->then(sub ($tx) { push @codes, $tx->res->code; $tx->res->json });
    };
    my $pair;
    return $ask->(POST => '/auth/register', json => \%account)
        ->then(sub { $ask->(POST => '/auth/login', json => \%account) })
        ->then(sub ($json) { $pair = $json; $ask->(GET => '/auth/me' => $node->bearer($pair)) })
        ->then(sub { $ask->(PATCH => '/auth/me' => $node->bearer($pair), json => {bio => 'x'}) })
        ->then(sub { $ask->(GET => '/api/v1/messages' => $node->bearer($pair)) })
        ->then(sub { $ask->(POST => '/auth/refresh', json =>
            {refresh_token => $pair->{refresh_token}}) })
        ->then(sub ($json) { $ask->(POST => '/auth/logout' => $node->bearer($json)) })
        ->then(sub { join ' ', @codes });
}
my $as_it_should_be = '201 200 200 200 200 200 204';

my $accounts = 0;
sub used ($clients, @nodes) {
    my %said;
    my $email = sub { 'used' . ++$accounts . '@example.com' };
    Mojo::Promise->all(map { use_account($nodes[$_ % @nodes], $email->()) } 1 .. $clients)
        ->then(sub (@all) { $said{$_->[0]}++ for @all })
        ->catch(sub ($error) { $said{$error}++ })->wait;
    return \%said;
}


subtest 'sessions' => sub {
    pooler('session', 'default_pool_size = 20');
    $first->start;
    my $node = node($pooled)->start;
    healthy($node);
    is_deeply used(20, $node), {$as_it_should_be => 20}, 'as without it';

    my $pair = $first->register;
    is code($node, $pair), 200;
    $first->post_ok('/auth/logout' => $first->bearer($pair))->status_is(204);
    $node->wait_for(sub { code($node, $pair) == 401 });
    pass 'notifications arrive';
    $node->finish;
};

subtest 'transactions, each on a new connection of the server' => sub {
    pooler('transaction', 'default_pool_size = 3', 'server_lifetime = 0');
    my $node = node($unnamed, workers => 2)->start;
    healthy($node);
    is_deeply used(20, $node), {$as_it_should_be => 20}, 'as without it';
    my $backends = () = path($pooler->log)->slurp =~ /new connection to server/g;
    my ($done) = map { $_->{total_xact_count} } grep { $_->{database} eq 'autoflow' }
        @{admin()->selectall_arrayref('SHOW STATS', {Slice => {}})};
    cmp_ok $done, '>', 200, "$done transactions";
    cmp_ok $backends, '>=', $done, 'were on as many connections of the server';

    my $pair = $first->register;
    is code($node, $pair), 200;
    $first->post_ok('/auth/logout' => $first->bearer($pair))->status_is(204);
    $node->wait_for(sub { code($node, $pair) == 401 });
    pass 'notifications arrive by another way';

    $first->stop;
    $first->jobs_due('purge');
    $first->wait_for(sub {
        $first->db->selectrow_array(q{SELECT until > now() FROM autoflow.jobs
            WHERE name = 'purge'});
    });
    pass 'jobs are done';
    $first->start_nginx->ready;
    $node->finish;
};

# What is sent after a sync and before its answer: a pooler may have lent the
# server's connection to others by the time it arrives.
sub hasty ($report) {
    my %on;
    return sub ($client, $way, $octets) {
        my $is = $on{$client} //= {in => '', out => '', unanswered => 0};
        $is->{$way} .= $octets;
        if (!$is->{started}) {      # a message without a type, which Z answers, too
            my $length = length $is->{in} >= 4 ? unpack 'N', $is->{in} : return;
            return if length $is->{in} < $length;
            substr $is->{in}, 0, $length, '';
            @$is{qw(started unanswered)} = (1, 1);
        }
        while (length $is->{$way} >= 5 && length $is->{$way} > unpack 'x N', $is->{$way}) {
            my $message = substr $is->{$way}, 0, 1 + unpack('x N', $is->{$way}), '';
            my $type = substr $message, 0, 1;
            $is->{unanswered}-- if $way eq 'out' && $type eq 'Z';
            next if $way eq 'out' || $type eq 'X';
            path($report)->spurt("$type after a sync") if $is->{unanswered};
            $is->{unanswered}++ if $type eq 'S';
        }
        path("$report.seen")->spurt('seen') if $is->{started} && !$is->{unanswered};
        return;
    };
}

subtest 'a transaction is sent when the one before it is answered' => sub {
    my $report = path($first->dir, 'hasty');
    my $relay = Test::Autoflow::Relay->new(to => "$socket/.s.PGSQL.5432", sees => hasty($report))
        ->start;
    my $node = node('"' . $relay->url . qq{" statements=unnamed "notify=$url{itself}"})->start
        ->ready;
    is_deeply used(20, $node), {$as_it_should_be => 20};
    $node->finish;
    ok -e "$report.seen", 'it was looked at';
    ok !-e $report or diag $report->slurp;
};

subtest 'many workers on few connections' => sub {
    my ($servers, $clients) = (20, 60);
    my @pooler = ('transaction', "default_pool_size = $servers", 'max_client_conn = 500');
    pooler(@pooler);
    my @nodes = map { node($unnamed, workers => 8) } 1 .. 3;
    $_->start for @nodes[0, 1];
    healthy(@nodes[0, 1]);

    # what a worker sends when it connects must not get among others' statements
    Mojo::IOLoop->timer(0.2 => sub { $nodes[2]->start_nginx });
    is_deeply used($clients, @nodes[0, 1]), {$as_it_should_be => $clients},
        'no error while another node connects';

    healthy(@nodes);
    my $began = time;
    is_deeply used($clients, @nodes), {$as_it_should_be => $clients}, 'nor when it has';
    note sprintf '%d requests in %.1f s', 7 * $clients, time - $began;
    my $clients_of = admin()->selectall_arrayref('SHOW CLIENTS');
    cmp_ok scalar @$clients_of, '>', 72, scalar @$clients_of . ' connections of workers';
    cmp_ok scalar @{admin()->selectall_arrayref('SHOW SERVERS')}, '<=', $servers,
        "on no more than $servers of the server";

    # whoever uses them waits, and is not forgotten
    command('PAUSE autoflow');
    my $promise = $nodes[0]->ua->get_p($nodes[0]->url('/auth/me') =>
        $first->bearer($first->register));
    is code($nodes[0], $first->register), 200, 'paused: tokens are verified all the same';
    command('RESUME autoflow');
    my $got;
    $promise->then(sub ($tx) { $got = $tx->res->code })->wait;
    is $got, 200, 'and what waited is done';

    # it restarts, as for an upgrade
    pooler(@pooler);
    healthy(@nodes);
    is_deeply used(12, @nodes), {$as_it_should_be => 12}, 'again, by itself';
    $_->finish for @nodes;
};

subtest 'what is missing' => sub {
    my $node = node("$pooled statements=unnamed");
    my ($status, $text) = $node->check;
    is $status, 1;
    like $text, qr/"autoflow_database" .*statements=unnamed.* without .*notify=/, 'notify=';

    my $says = sub ($node, $like, $name) {
        $node->start_nginx;
        ok $node->wait_for(sub { $node->error_log =~ $like }), $name;
        $node->finish;
    };
    $says->(node($pooled, workers => 2),
        qr/can't use the database: .*a pooler of transactions needs "statements=unnamed"/,
        'statements=unnamed');

    my $role = 'ALTER ROLE autoflow_app';
    $first->db->do("$role RESET statement_timeout");
    command('RECONNECT autoflow');
    $says->(node($unnamed),
        qr/must be those of the role: $role SET statement_timeout = '5s'/, 'settings of the role');
    $first->db->do("$role SET statement_timeout = '60s'");
};

no_pooler();
$first->finish;
done_testing;
