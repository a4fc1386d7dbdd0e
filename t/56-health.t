# GET /health/ready: whether a load balancer may send requests.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::More;

my $t = Test::Autoflow->new(workers => 1, clock => 1, database => 'pool=1')->start;

# with ?api and without; the clock is stopped, so that the database is not too
# slow
sub is_ready ($status, $api_status, %is) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $t->hold;
    for (['', $status], ['?api', $api_status]) {
        my ($query, $code) = @$_;
        $t->get_ok("/health/ready$query")->status_is($code)
            ->json_is({status => $code == 200 ? 'ok' : 'unavailable', tokens => 'ok',
            api => 'ok', %is});
        $t->header_is('Retry-After' => 1) if $code == 503;
    }
    $t->go;
}

# its eventual response
sub becomes ($state, $status) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok $t->wait_for(sub { my $res = $t->ua->get('/health/ready?api')->res; $res->body =~ /"$state"/
        && $res->code == $status }), $state;
}

subtest 'all is well' => sub {
    is_ready(200, 200);
    $t->hold;
    $t->head_ok('/api/v1/health/ready?api')->status_is(200)->content_is('');
    $t->get_ok('/health/ready?api=1&x=y')->status_is(200);
    $t->go;
};

subtest 'the database is down' => sub {
    $t->postgresql->stop;
    becomes('unavailable', 503);
    is_ready(200, 503, api => 'unavailable');
    $t->postgresql->start;
    $t->recovered;
    is_ready(200, 200);
};

subtest 'the database is read-only' => sub {
    my $admin = $t->postgresql->connect('postgres');
    my $set = sub ($value) {
        $admin->do("ALTER SYSTEM SET default_transaction_read_only = $value");
        $admin->do('SELECT pg_reload_conf()');
    };
    $set->('on');
    becomes('read_only', 503);
    is_ready(200, 503, api => 'read_only');
    $admin->do('SET default_transaction_read_only = off');
    $set->('off');
    becomes('ok', 200);
    is_ready(200, 200);
};

subtest 'the database is too slow' => sub {
    my $ada  = $t->register;
    my $lock = $t->locked;
    my $client = $t->client->send(
        Test::Autoflow::Client::request(GET => '/auth/me', $t->bearer($ada)));
    $t->wait_for(sub { $t->blocked });

    $t->hold;
    my @asked = map { $t->client->send(Test::Autoflow::Client::request(GET => $_)) }
        '/health', '/health/ready', '/health/ready?api';
    $t->all_read->pass(0.079)->timed;
    is scalar(grep { $_->waits } @asked), 0, 'it may take 80 ms';
    $t->pass(0.001);
    my @answers = map { $_->answer } @asked;
    is_deeply [map { $_->{status} } @answers], [503, 200, 503], 'and no longer';
    like $_->{body}, qr/"api": *"unavailable"/ for @answers[1, 2];
    $t->go;
    $lock->rollback;
    is $client->status, 200;
    is_ready(200, 200);
};

subtest 'lists are too slow' => sub {
    $t->register(email => 'root@example.com');
    $t->db->do('UPDATE autoflow.users SET is_superuser = true');
    my $root = $t->ua->post('/auth/login' => json => {email => 'root@example.com',
        password => 'correct horse battery staple'})->res->json;
    my $lock = $t->locked('audit_events');
    my $client = $t->client->send(Test::Autoflow::Client::request(GET => '/auth/audit',
        $t->bearer($root)));
    $t->wait_for(sub { $t->db->selectrow_array(q{SELECT count(*) FROM pg_stat_activity
        WHERE application_name = 'autoflow wide' AND wait_event_type = 'Lock'}) });
    is_ready(200, 200);
    $lock->rollback;
    is $client->status, 200;
};

subtest 'no revocation feed' => sub {
    $t->settings->{autoflow_revocation_staleness} = '5s';
    $t->reload->ready;
    $t->postgresql->stop;
    $t->pass(5);
    becomes('stale_feed', 503);
    is_ready(503, 503, tokens => 'stale_feed', api => 'unavailable');

    $t->stop;
    $t->start_nginx;
    is_ready(503, 503, tokens => 'no_feed', api => 'unavailable');

    $t->settings->{autoflow_revocation_staleness} = '5s fail=open';
    $t->reload->pass(6);
    $t->wait_for(sub { ($t->ua->get('/health/ready')->res->code // 0) == 200 });
    is_ready(200, 503, api => 'unavailable');
    $t->postgresql->start;
    $t->recovered;
    is_ready(200, 200);
};

subtest 'keys that are not fetched yet' => sub {
    my $port = Test::Autoflow::free_port();
    my $set = sub ($url) {
        $t->settings->{autoflow_key_url} = "$url issuer=https://issuer.example";
        $t->reload;
    };
    $set->("http://127.0.0.1:$port/jwks.json");
    is_ready(503, 503, tokens => 'no_keys');

    path($t->dir, 'jwks.json')->spurt('{"keys":[{"kty":"OKP","crv":"Ed25519",'
        . '"kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}');
    $t->server("location = /jwks.json { root @{[$t->dir]}; }");
    $set->($t->url('/jwks.json'));
    becomes('ok', 200);
    is_ready(200, 200);
};

$t->finish;
done_testing;
