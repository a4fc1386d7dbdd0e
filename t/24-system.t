# GET /, /health, /health/live, /db-test, with the database up and down

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(encode_json);
use Test::Autoflow;
use Test::More;

# where /health must succeed, the clock is stopped: a busy machine may be too
# slow
my $t = Test::Autoflow->new(workers => 2, clock => 1)->start->hold;

$t->get_ok('/')->status_is(200)->content_type_is('application/json')
    ->json_like('/name' => qr/./)->json_like('/version' => qr/^\d+\.\d+\.\d+$/)
    ->json_is('/openapi' => '/openapi.json')->json_is('/docs' => '/docs');
my $version = $t->tx->res->json('/version');
$t->get_ok('/docs')->status_is(200)->content_like(qr/<html/, 'what is named is there');

$t->get_ok('/health')->status_is(200)->json_is('/status' => 'ok')
    ->json_is('/version' => $version)->json_is('/database' => 'ok')
    ->json_is('/schema' => $t->db->selectrow_array('SELECT autoflow.schema_version()'))
    ->json_like('/uptime' => qr/^\d+$/);
$t->get_ok('/health/live')->status_is(200)->json_is('/status' => 'ok');
$t->get_ok('/db-test')->status_is(200)->json_is('/database' => 'ok')
    ->json_like('/latency_ms' => qr/^\d+(\.\d+)?$/);
$t->go;

subtest 'the database stops' => sub {
    my $ada = $t->register;
    $t->postgresql->stop;

    $t->wait_for(sub { ($t->ua->get('/health')->res->code // 0) == 503 });
    $t->get_ok('/health')->status_is(503)->json_is('/status' => 'unavailable')
        ->header_like('Retry-After' => qr/^\d+$/);
    $t->get_ok('/db-test')->status_is(503)->header_like('Retry-After' => qr/^\d+$/);
    $t->get_ok('/health/live')->status_is(200);
    $t->get_ok('/')->status_is(200);

    $t->get_ok('/auth/me' => $t->bearer($ada))->problem_is(503, 'unavailable')
        ->header_like('Retry-After' => qr/^\d+$/);
    $t->post_ok('/auth/login' => json => {email => 'a', password => 'b'})
        ->problem_is(503, 'unavailable');
    $t->post_ok('/auth/register' => json => {email => 'late@example.com',
        password => $ada->{password}})
        ->problem_is(503, 'unavailable');
    $t->get_ok('/auth/me')->problem_is(401, 'token_required', 'what needs no database goes on');

    $t->postgresql->start;
    $t->recovered;
    $t->get_ok('/auth/me' => $t->bearer($ada))->status_is(200);
    $t->get_ok('/db-test')->status_is(200);
};

subtest 'broken connections' => sub {
    my $admin = $t->postgresql->connect('postgres');
    my $pids = $admin->selectcol_arrayref(q{SELECT pid FROM pg_stat_activity
        WHERE usename = 'autoflow_app'});
    $admin->do('SELECT pg_terminate_backend(pid) FROM unnest(?::int[]) AS pid', {}, $pids);
    $t->wait_for(sub { !$admin->selectrow_array('SELECT count(*) FROM pg_stat_activity
        WHERE pid = ANY (?)', {}, $pids) });
    ok $t->recovered, 'are made again';
};

subtest "a database that doesn't respond" => sub {
    my @pids = ($t->postgresql->process->pid, $t->postgresql->process->children);
    kill 'STOP', @pids;
    $t->get_ok('/health')->status_is(503)->json_is('/status' => 'unavailable');
    $t->get_ok('/health/live')->status_is(200);
    kill 'CONT', @pids;
    ok $t->recovered, 'and then it does';
};

subtest 'what clients are told of a fault' => sub {
    my $ada = $t->register;
    $t->db->do('REVOKE SELECT ON autoflow.user_roles FROM autoflow_app');
    my $fault = sub { $t->get_ok('/auth/me' => $t->bearer($ada))
        ->problem_is(500, 'internal_error')->tx->res->json };
    like $fault->()->{detail}, qr/SQLSTATE 42501.*user_roles/, 'in development all of it';
    $t->settings({autoflow_environment => 'testing', autoflow_require_https => 'off'})
        ->reload->ready;
    my $problem = $fault->();
    unlike encode_json($problem), qr/42501|permission|user_roles|SELECT/,
        'elsewhere nothing of the cause';
    like $t->error_log, qr/SQLSTATE 42501.*request_id: $problem->{request_id}/,
        'which the log has, with the id that they were told';
    $t->postgresql->privileges_ok;
    $t->get_ok('/auth/me' => $t->bearer($ada))->status_is(200);
    $t->settings({})->reload->ready;
};

subtest 'a schema that is newer' => sub {
    my $newer = 1 + $t->db->selectrow_array('SELECT autoflow.schema_version()');
    $t->db->do("CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
                LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN $newer");
    $t->stop;
    $t->start_nginx;
    $t->ready;
    $t->get_ok('/health')->status_is(200)->json_is('/schema' => $newer);
};

subtest 'a schema that is too old' => sub {
    $t->db->do('CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
                LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 0');
    $t->stop;
    $t->start_nginx;
    $t->get_ok('/health')->status_is(503)->json_is('/status' => 'unavailable') for 1 .. 5;
    $t->get_ok('/health/live')->status_is(200);
    $t->wait_for(sub { $t->error_log =~ /the schema is version 0/ });
    pass 'logged';
};

$t->finish;
done_testing;
