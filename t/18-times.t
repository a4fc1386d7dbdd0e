# Defaults and limits that are times, each from both sides.  Nothing waits for
# them: nginx's clock is stopped, and advanced by the test.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::More;

my $app = 'location /app/ { autoflow_auth on; proxy_pass http://echo; }';
my $t   = Test::Autoflow->new(clock => 1, patient => 0);
$t->server("$app location ~ json\$ { root @{[$t->dir]}; }");
$t->postgresql->start;
$t->db->do(q{ALTER ROLE autoflow_app SET statement_timeout = '10min'});
$t->start->hold;
my $ada = $t->register;

sub app { $t->get_ok('/app/x' => $t->bearer($ada)) }


subtest 'autoflow_database timeout=5s' => sub {
    my $lock = $t->locked;
    my $request = Test::Autoflow::Client::request(GET => '/auth/me', $t->bearer($ada));
    my $client  = $t->client->send($request);
    $t->wait_for(sub { $t->blocked == 1 });
    $t->pass(4.999)->timed;
    ok !$client->waits, 'a request may wait as long for the database';
    $t->pass(0.001);
    my $answer = $client->answer;
    is $answer->{status}, 503, 'and no longer';
    like $answer->{body}, qr/the database is too slow/;
    $lock->rollback;
};

# the feed's last message arrived a few seconds before the clock was stopped
subtest 'autoflow_revocation_staleness 5m' => sub {
    $t->postgresql->stop;
    app()->status_is(200);
    $t->pass(290);
    app()->status_is(200, 'tokens are trusted as long without the feed');
    $t->pass(10.001);
    app()->status_is(503, 'fail=closed: and no longer');
    $t->postgresql->start;
    $t->go->recovered;
    app()->status_is(200);
};

# a node that only verifies, and from now on fetches keys
sub verifier (@urls) {
    my $node = Test::Autoflow->new(beside => $t, clock => 1, api => 0, server => $app, settings => {
        map({ ("autoflow_$_" => undef) } qw(database secret password attempts)),
    });
    $node->start->hold;
    $node->settings->{autoflow_key_url} = join '; autoflow_key_url ',
        map { "$_ issuer=them" } @urls;
    return $node->reload;
}

subtest 'autoflow_key_url refresh=10m' => sub {
    my $jwk = '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}';
    path($t->dir, "$_.json")->spurt(qq({"keys":[$jwk]})) for qw(default often);
    my $log = path($t->dir, 'access.log');
    my $fetched = sub ($name) { scalar(() = $log->slurp =~ m{"GET /$name\.json }g) };

    my $node  = verifier($t->url('/default.json'), $t->url('/often.json') . ' refresh=1s');
    my $token = $node->bearer($node->token({iss => 'them'}, key => 'x' x 32));
    $node->wait_for(sub { $node->ua->get('/app/x' => $token)->res->code == 401 });
    is_deeply [map { $fetched->($_) } qw(default often)], [1, 1], 'at first';

    $node->pass(598);
    $node->wait_for(sub { $fetched->('often') == 2 });
    is $fetched->('default'), 1, 'when it looks what is due it is not yet';
    $node->pass(3.5);
    ok $node->wait_for(sub { $fetched->('default') == 2 }), 'then it is';
    $node->finish;
};

subtest 'a fetch of keys' => sub {
    my $silent = Test::Autoflow::listens(Test::Autoflow::free_port());
    my $node  = verifier('http://127.0.0.1:' . $silent->sockport . '/silent.json');
    my $asked = $silent->accept;        # and nobody says a word
    $node->pass(1.1)->timed for 1 .. 9;
    unlike $node->error_log, qr/can't fetch the keys/, 'may take 10 seconds';
    $node->pass(0.2);
    my $failed = qr{keys of "\S+/silent.json": [^\n]* after 10\d{3} milliseconds};
    ok $node->wait_for(sub { $node->error_log =~ $failed }), 'and no longer';
    $node->finish;
};

$t->finish;
done_testing;
