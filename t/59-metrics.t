# autoflow_metrics: what a node tells Prometheus, and that it is what happened.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::Autoflow::Maildir;
use Test::More;

my $good = 'correct horse battery staple';
my $t = Test::Autoflow->new(
    workers => 2, allow => ['worker process \d+ exited on signal 9'], server => <<~'END');
    location /app/     { autoflow_auth on; proxy_pass http://echo; }
    location /admin/   { autoflow_auth on; autoflow_require superuser; proxy_pass http://echo; }
    location = /verify { autoflow_verify; }
    location = /metrics  { allow 127.0.0.1; deny all; autoflow_metrics; }
    location = /denied   { deny all; autoflow_metrics; }
    location = /excepted { limit_except POST { autoflow_metrics; } return 200; }
    location = /if       { if ($arg_x) { set $x 1; } autoflow_metrics; }
    END
my $mails = Test::Autoflow::Maildir->new(t => $t);
$mails->configure(
    autoflow_zone     => '1m',
    autoflow_attempts => 'account=2/15m account_total=off address=off changes=20/1m',
    autoflow_audit_log => 'audit.json',
    autoflow_seal_key => join('; autoflow_seal_key ', map { 'hex:' . $_ x 32 } qw(a1 b2)),
)->start;

# family => {the values of its labels => value}
sub scraped {
    my %families;
    for (grep { !/^#/ } split /\n/, $t->ua->get('/metrics')->res->body) {
        my ($name, $labels, $value) = /^autoflow_(\w+?)(?:\{(.*)\})? ([\d.]+)$/ or die $_;
        $families{$name}{join ' ', ($labels // '') =~ /\w+="([^"]*)"/g} = $value;
    }
    return \%families;
}

# the changes since from_now(), without zeros
my $last;
sub from_now { $last = scraped() }
sub counted ($name) {
    my $now  = scraped()->{$name};
    my %more = map { $_ => $now->{$_} - ($last->{$name}{$_} // 0) } keys %$now;
    return {map { $more{$_} ? ($_ => $more{$_}) : () } keys %more};
}
sub counted_is ($name, $expected, $why = $name) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply counted($name), $expected, $why;
}
sub gauge ($name, $labels = '') { scraped()->{$name}{$labels} }

sub get ($path, $token = undef) { $t->get_ok($path => $token ? $t->bearer($token) : {}) }
sub login ($email, $password = $good) {
    $t->post_ok('/auth/login' => json => {email => $email, password => $password});
}

my $ada = $t->register(email => 'ada@example.com');

subtest 'the formats' => sub {
    my $openmetrics = 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.1';
    get('/metrics')->status_is(200)->header_is('Cache-Control' => 'no-store')
        ->content_type_is('text/plain; version=0.0.4; charset=utf-8')
        ->content_like(qr/^# TYPE autoflow_logins_total counter\nautoflow_logins_total\{/m)
        ->content_unlike(qr/EOF/);
    path($t->dir, 'metrics')->spurt($t->tx->res->body);
    is `promtool check metrics < @{[$t->dir]}/metrics 2>&1`, '', 'promtool finds no fault';

    $t->get_ok('/metrics' => {Accept => $openmetrics})->status_is(200)
        ->content_type_is('application/openmetrics-text; version=1.0.0; charset=utf-8')
        ->content_like(qr/^# TYPE autoflow_logins counter\nautoflow_logins_total\{/m)
        ->content_like(qr/^# UNIT autoflow_hash_wait_seconds seconds$/m)
        ->content_like(qr/^# TYPE autoflow_build info\nautoflow_build_info\{/m)
        ->content_like(qr/\n# EOF\n\z/);
    my $length = length $t->tx->res->body;
    $t->head_ok('/metrics')->status_is(200)->content_is('');
    cmp_ok $t->tx->res->headers->content_length, '>', $length / 2, 'as long as for a GET';
};

subtest 'the documentation' => sub {
    my %known = map { s/_(?:sum|count|bucket)\z//r => 1 } keys %{scraped()};
    my ($section) = path($Test::Autoflow::root, 'docs', 'directives.md')->slurp
        =~ /^### autoflow_metrics\n(.*?)^### /ms;
    my %listed = map { $_ => 1 } map { /`autoflow_(\w+)`/g } $section =~ /^\| (`autoflow_.*?) \|/mg;
    is_deeply [sort keys %listed], [sort keys %known], 'lists the families';
};

subtest 'access' => sub {
    for my $method (qw(POST PUT DELETE OPTIONS)) {
        $t->tx($t->ua->start($t->ua->build_tx($method => '/metrics')))
            ->problem_is(405, 'method_not_allowed', $method)->header_is(Allow => 'GET, HEAD');
    }
    get('/denied')->status_is(403);
    get('/excepted')->status_is(200)->content_like(qr/^autoflow_start_time_seconds /m);
    $t->post_ok('/excepted')->content_is('');
    get("/if$_")->content_like(qr/^autoflow_start_time_seconds /m) for '', '?x=1';
};

subtest 'requests by route' => sub {
    from_now();
    get('/auth/me', $ada)->status_is(200) for 1, 2;
    get('/api/v1/auth/me')->status_is(401);
    get('/auth/users/' . $ada->{user}{id}, $ada)->status_is(200);
    get('/auth/nowhere')->status_is(404);
    counted_is(requests_total => {
        'autoflow GET /auth/me 2xx' => 2, 'autoflow GET /auth/me 4xx' => 1,
        'autoflow GET /auth/users/{id} 2xx' => 1, '   4xx' => 1,
    });
    counted_is(request_duration_seconds_count => {
        'autoflow GET /auth/me' => 3, 'autoflow GET /auth/users/{id}' => 1, '  ' => 1});
    counted_is(verifications_total => {ok => 3, missing => 1}, 'their tokens');
    counted_is(problems_total => {token_required => 1, not_found => 1});
    get('/auth/users', $ada)->status_is(403);
    counted_is(verifications_total => {ok => 3, missing => 1, forbidden => 1});
};

subtest 'protected requests' => sub {
    from_now();
    get('/app/x', $ada)->status_is(200) for 1 .. 3;
    get('/app/x')->status_is(401);
    get('/app/x', $_)->status_is(401) for 'x', $t->token({exp => time - 3600});
    get('/admin/x', $ada)->status_is(403);
    get('/verify', $ada)->status_is(204);
    get('/verify')->status_is(401);
    counted_is(verifications_total =>
            {ok => 4, missing => 2, malformed => 1, expired => 1, forbidden => 1});
    counted_is(protected_duration_seconds_count => {autoflow_auth => 7, autoflow_verify => 2});
    counted_is(problems_total =>
            {token_required => 2, invalid_token => 1, token_expired => 1, forbidden => 1});
    counted_is(requests_total => {}, 'what is protected is none of the API');
    is_deeply [sort keys %{counted('token_cache_lookups_total')}], ['hit', 'miss'];
};

subtest 'logins, hashes, limits' => sub {
    from_now();
    login('ada@example.com')->status_is(200) for 1, 2;
    login('nobody@example.com')->status_is(401);
    login('ada@example.com', 'wrong horse')->status_is(401) for 1, 2;
    login('ada@example.com', 'wrong horse')->status_is(429);
    counted_is(logins_total => {success => 2, unknown_account => 1, wrong_password => 2});
    counted_is(refused_total => {account => 1});
    counted_is($_ => {'' => 5}) for qw(hash_duration_seconds_count hash_wait_seconds_count);
    is gauge('hash_waiting') + gauge('hash_running'), 0, 'none is left';
};

subtest 'the database' => sub {
    from_now();
    get('/auth/me', $ada);

    # the workers also look for mails
    cmp_ok counted('database_duration_seconds_count')->{point}, '>=', 1, 'a statement';
    $t->wait_for(sub { gauge(database_connections => $_->[0]) == $_->[1] })
        for ['point', 4], ['wide', 2], ['feed', 1], ['jobs', 1];
    is gauge(database_queued => 'point'), 0;

    # each of the pool's is lost and opened again
    $t->db->do(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'autoflow'});
    $t->wait_for(sub { (counted('database_connection_events_total')->{'point lost'} // 0) == 4 });
    my $opened = sub { counted('database_connection_events_total')->{'point opened'} // 0 };
    $t->wait_for(sub { $opened->() == 4 });
    is gauge(database_connections => 'point'), 4;
};

subtest 'what waits in a worker' => sub {
    my $lock = $t->locked;
    my @waiting = map { $t->client->send(Test::Autoflow::Client::request(
        GET => '/auth/me', $t->bearer($ada))) } 1 .. 3;
    $t->wait_for(sub { gauge(database_in_flight => 'point') == 3 });
    $lock->rollback;
    is $_->status, 200 for @waiting;
    $t->wait_for(sub { gauge(database_in_flight => 'point') == 0 });
    pass 'nothing is in flight any more';

    $lock = $t->locked;
    from_now();
    my $waiting = $t->client->send(Test::Autoflow::Client::request(
        GET => '/auth/me', $t->bearer($ada)));
    $t->wait_for(sub { $t->blocked == 1 });
    $t->db->do(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'autoflow' AND wait_event_type = 'Lock'});
    is $waiting->status, 503, 'it was cancelled';
    counted_is(database_errors_total => {57 => 1});
    $lock->rollback;
};

subtest 'mails and jobs' => sub {
    $t->wait_for(sub { gauge(mails_total => 'sent') == 1 });
    $t->jobs_due;
    my @jobs = sort @{$t->db->selectcol_arrayref('SELECT name FROM autoflow.jobs')};
    is_deeply [sort keys %{scraped()->{job_last_run_timestamp_seconds}}], \@jobs,
        'all jobs of the database have a metric';
    $t->wait_for(sub { !grep { $_ == 0 } values %{scraped()->{job_last_run_timestamp_seconds}} });
    is_deeply [grep { $_ } values %{scraped()->{job_errors_total}}], [], 'none has failed';

    # two that are not due yet
    $t->db->do(q{INSERT INTO autoflow.outbox (kind, user_id, recipient, recipient_key, created_at,
        due_at) SELECT 'email_changed', id, email, email_key, now() - interval '5 min' * n,
        now() + interval '1 hour' FROM autoflow.users, generate_series(1, 2) n LIMIT 2});
    $t->wait_for(sub { gauge('mails_queued') == 2 });
    cmp_ok gauge('mails_oldest_seconds'), '>=', 600, 'the age of the oldest';
    $t->db->do('DELETE FROM autoflow.outbox WHERE sent_at IS NULL');
    $t->wait_for(sub { gauge('mails_queued') == 0 });
    is gauge('mails_oldest_seconds'), 0;
};

subtest 'the shared memory' => sub {
    is gauge('feed_fresh'), 1;
    cmp_ok gauge('feed_lag_seconds'), '<', 300;
    from_now();
    $t->post_ok('/auth/logout' => $t->bearer($ada))->status_is(204);
    counted_is(revocations => {'' => 1});
    cmp_ok gauge('revocations_capacity'), '>', 10_000;
    is gauge('zone_size_bytes'), 1024 * 1024;
    my ($build) = keys %{scraped()->{build_info}};
    like $build, qr/^\d+\.\d+\.\d+ \d+\.\d+\.\d+ \d+\.\d+$/, 'versions';
};

subtest 'a server error is counted, and logged once with its cause' => sub {
    $t->postgresql->stop;
    from_now();
    $t->wait_for(sub { get('/auth/me', $ada); $t->tx->res->code == 401 });
    my $eve = $t->token({sub => $ada->{user}{id}, sid => $ada->{user}{id}, epoch => 1});
    my $count = 0;
    for (1 .. 3) {
        login('ada@example.com')->problem_is(503, 'unavailable');
        my $id = $t->tx->res->json->{request_id};
        my @lines = grep { /request_id: $id\b/ } split /\n/, $t->error_log;
        is scalar @lines, 1, 'a line';
        like $lines[0],
            qr/\[error\].*autoflow: the database is unavailable, problem: unavailable, request_id/;
    }
    is counted('problems_total')->{unavailable}, 3;
    is counted('requests_total')->{'autoflow POST /auth/login 5xx'}, 3;
    cmp_ok counted('database_refused_total')->{'point down'} // 3, '>=', 1;
    $t->postgresql->start;
    $t->ready;
};

subtest 'counters survive' => sub {
    my $dan = $t->register(email => 'dan@example.com');
    from_now();
    get('/app/x', $dan)->status_is(200);
    my $started = gauge('start_time_seconds');
    $t->reload->ready;
    get('/app/x', $dan)->status_is(200);
    counted_is(protected_duration_seconds_count => {autoflow_auth => 2}, 'a reload');
    is gauge('start_time_seconds'), $started, 'which is no start';
    $t->wait_for(sub { gauge(database_connections => 'point') == 4 });
    pass "the old workers' connections no longer count";

    my $opened = sub { gauge(database_connection_events_total => 'point opened') };
    my $before = $opened->();
    my ($killed) = $t->worker_pids;
    kill KILL => $killed;
    $t->wait_for(sub { $t->workers_are($killed) });
    $t->ready;
    get('/app/x', $dan)->status_is(200);
    counted_is(protected_duration_seconds_count => {autoflow_auth => 3}, 'a killed worker');
    $t->wait_for(sub { $opened->() >= $before + 2 });
    is gauge(database_connections => 'point'), 4, 'but not its connections';
};

$t->finish;


subtest 'without a database' => sub {
    my $verifier = Test::Autoflow->new(api => 0, settings => {map { $_ => undef }
        qw(autoflow_database autoflow_secret autoflow_password autoflow_attempts)},
        server => 'location /app/ { autoflow_auth on; proxy_pass http://echo; }
            location = /metrics { autoflow_metrics; }')->start;
    $verifier->get_ok('/app/')->status_is(401);
    $verifier->get_ok('/app/' => $verifier->bearer($verifier->token({})))->status_is(200);
    $verifier->get_ok('/metrics')->status_is(200)
        ->content_like(qr/^autoflow_verifications_total\{status="ok"\} 1$/m)
        ->content_like(qr/^autoflow_verifications_total\{status="missing"\} 1$/m)
        ->content_like(qr/^autoflow_zone_size_bytes 1048576$/m)
        ->content_unlike(qr/^autoflow_feed_/m)
        ->content_unlike(qr/"audit_log"/, 'a job without a file to write to');
    $verifier->finish;
};

done_testing;
