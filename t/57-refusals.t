# PostgreSQL has no connection left, or is far away: what is answered is true, and
# nobody waits long.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(decode_json encode_json);
use Test::Autoflow;
use Test::Autoflow::Promises;
use Test::Autoflow::Relay;
use Test::More;
use Time::HiRes qw(time);

my $timeout = 2;
my $t = Test::Autoflow->new(
    patient  => 0,
    database => "timeout=${timeout}s",
    server   => 'location /app/ { autoflow_auth on; proxy_pass http://echo; }',
);
$t->postgresql->options([@{$t->postgresql->options}, 'max_connections=16']);
$t->start;
my $ada = $t->register(email => 'ada@example.com');

sub me { Test::Autoflow::Client::request(GET => '/auth/me', $t->bearer($ada)) }
sub app { Test::Autoflow::Client::request(GET => '/app/x', $t->bearer($ada)) }

# as many connections of others as there may be
sub others {
    my @others;
    while (my $db = eval { $t->postgresql->connect }) { push @others, $db }
    return @others;
}

subtest 'max_connections is reached' => sub {
    my $promises = Test::Autoflow::Promises->new(t => $t)->start(2)->more;
    my $at = time;
    $t->db->disconnect;
    my @others = others();
    is $t->client->send(me())->status, 200, 'who is connected goes on';

    # what was the module's is taken by others before it comes again
    my $admin = $t->postgresql->connect('postgres');
    my $ours  = q{FROM pg_stat_activity WHERE usename = 'autoflow_app'};
    $t->wait_for(sub {
        $admin->do("SELECT pg_terminate_backend(pid) $ours");
        push @others, others();
        return !$admin->selectrow_array("SELECT count(*) $ours");
    });
    $t->wait_for(sub { $t->error_log =~ /can't use the database: .*(?:too many clients|slots)/ });
    my $answer = $t->client->send(me())->answer;
    is_deeply [$answer->{status}, decode_json($answer->{body})->{code},
        $answer->{headers}{'retry-after'}], [503, 'unavailable', 1], 'others are refused';
    unlike $answer->{body}, qr/too slow/, 'at once';
    is $t->client->send(app())->status, 200, 'not at an upstream';

    # enough for the listener, wide statements, jobs, and one more
    $_->disconnect for splice @others, 0, 4;
    $t->wait_for(sub { $t->client->send(me())->status == 200 });
    pass 'it works with what it gets';
    $_->disconnect for @others;
    $admin->disconnect;
    $t->ready;
    is_deeply [$promises->more(2)->stop], [], 'what was said is true';
    is $promises->since($at)->{app}{refused}, 0, 'nobody was refused at the door';
    ok $t->wait_for(sub { $t->feed && $t->jobs }), 'the feed and jobs are back';
};

subtest 'the database is far away' => sub {
    my $relay = Test::Autoflow::Relay->new(delay => 0.2,
        to => $t->postgresql->dir . '/.s.PGSQL.5432');
    my $there = Test::Autoflow->new(patient => 0, server => $t->server, beside => $t,
        settings => {autoflow_database => '"' . $relay->start->url . qq{" timeout=${timeout}s}});
    $there->start_nginx;
    $there->wait_for(sub { $there->client->send(me())->status == 200 });
    my $at       = time;
    my $promises = Test::Autoflow::Promises->new(t => $there)->start(2)->more(2);
    is_deeply [$promises->stop], [], 'what was said is true';
    my $got = $promises->since($at);
    is_deeply [map { $got->{$_}{refused} } qw(app read write)], [0, 0, 0], 'nothing is refused';
    note sprintf '%s: the longest took %.1f s', $_, $got->{$_}{longest} for sort keys %$got;

    # what is asked for at once is not answered one by one
    my @clients = map { $there->client->send(me()) } 1 .. 20;
    my $start = time;
    is_deeply [map { $_->status } @clients], [(200) x 20], 'twenty at once';
    cmp_ok time - $start, '<', 20 * 2 * $relay->delay, 'share the way';

    # so far that nothing is answered in time
    $relay->DESTROY;
    $relay->delay(2 * $timeout)->start;
    $start = time;
    is $there->client->send(me())->status, 503, 'too far away';
    cmp_ok time - $start, '<', 10 * $timeout, 'and nobody waits for that';
    is $there->client->send(app())->status, 200, 'an upstream goes on';
    $relay->DESTROY;
    $relay->delay(0)->start;
    $there->wait_for(sub { $there->client->send(me())->status == 200 });
    pass 'it recovers';
    $there->finish;
};

subtest 'the way is narrow' => sub {
    my $relay = Test::Autoflow::Relay->new(rate => 100_000,
        to => $t->postgresql->dir . '/.s.PGSQL.5432');
    my $there = Test::Autoflow->new(patient => 0, server => $t->server, beside => $t,
        settings => {autoflow_database => '"' . $relay->start->url . q{" timeout=30s}});
    $there->start_nginx;
    $there->wait_for(sub { $there->client->send(me())->status == 200 });
    $t->db->do(q{INSERT INTO autoflow.users (email, password_hash, bio)
        SELECT 'wide' || i || '@example.com', 'x', repeat('wide ', 500)
          FROM generate_series(1, 200) AS i});
    my $root = $t->superuser($t->register(email => 'root@example.com'));
    my $list = $there->client->send(Test::Autoflow::Client::request(
        GET => '/auth/users?size=100', $t->bearer($root)));
    is $there->client->send(me())->status, 200, 'others are answered' for 1 .. 5;
    ok !$list->waits, 'before a long list has come';
    my $answer = $list->answer;
    is $answer->{status}, 200, 'which comes later';
    is @{decode_json($answer->{body})->{data}}, 100, 'and is whole';
    $there->finish;
};

$t->finish;
done_testing;
