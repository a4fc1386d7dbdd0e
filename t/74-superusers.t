# There is always an active superuser, however many requests demote, disable or
# delete them concurrently.

use Mojo::Base -strict, -signatures;
use List::Util qw(shuffle);
use Mojo::File qw(path);
use Mojo::JSON qw(false true);
use Test::Autoflow;
use Test::More;
use Time::HiRes qw(time);

my $t = Test::Autoflow->new(workers => 2)->start;
my $good = 'correct horse battery staple';

sub login ($account) {
    my $res = $t->ua->post('/auth/login' => json => {email => $account->{user}{email},
        password => $good})->res;
    return {%{$res->json}, user => $account->{user}};
}

sub superusers {
    return $t->db->selectrow_array('SELECT count(*) FROM autoflow.users
        WHERE is_superuser AND is_active AND deleted_at IS NULL');
}

my @pair = map { $t->register } 1 .. 2;

# the two, promoted manually, with new tokens
sub both {
    $t->db->do('UPDATE autoflow.users SET is_superuser = true, is_active = true, deleted_at = NULL
        WHERE id IN (?, ?)',
        {}, map { $_->{user}{id} } @pair);
    @pair = map { login($_) } @pair;
    return @pair;
}

# a request that takes `account` from the superusers, by `who`
my %ways = (
    demotion    => sub ($who, $id) {
        [PUT => "/auth/users/$id/superuser" => $who => json => {is_superuser => false}] },
    disablement => sub ($who, $id) { [PUT => "/auth/users/$id/disable" => $who] },
    deletion    => sub ($who, $id) { [DELETE => "/auth/users/$id" => $who] },
);

sub request ($way, $who, $whom) { $ways{$way}->($t->bearer($who), $whom->{user}{id}) }


for my $way (sort keys %ways) {
    subtest "the $way of the last one" => sub {
        my ($one, $two) = both();
        $t->tx($t->ua->start($t->ua->build_tx(@{request($way, $one, $two)})));
        ok $t->tx->res->is_success, 'one of two may go';
        $t->tx($t->ua->start($t->ua->build_tx(@{request($way, $one, $one)})))
            ->problem_is(409, 'last_superuser');
        $t->get_ok('/auth/users' => $t->bearer($one))->status_is(200, 'and is what it was');
        is superusers(), 1, 'one remains';
        is $t->db->selectrow_array('SELECT count(*) FROM autoflow.audit_events WHERE target_id = ?
            AND actor_id = ?
            AND at > now() - interval \'1 second\' AND action IN (?, ?, ?)', {},
            ($one->{user}{id}) x 2, qw(demoted disabled deleted)), 0,
            'what was refused is not in the audit';
    };
}

subtest 'toggling counts, too' => sub {
    my ($one, $two) = both();
    $t->put_ok("/auth/users/$two->{user}{id}/superuser" => $t->bearer($one))
        ->json_is('/is_superuser' => false);
    $t->put_ok("/auth/users/$one->{user}{id}/superuser" => $t->bearer($one))
        ->problem_is(409, 'last_superuser');
};

subtest "a disabled superuser doesn't count" => sub {
    my ($one, $two) = both();
    $t->put_ok("/auth/users/$two->{user}{id}/disable" => $t->bearer($one))->status_is(200);
    $t->put_ok("/auth/users/$two->{user}{id}/superuser" => $t->bearer($one))
        ->json_is('/is_superuser' => false, 'and may be demoted');
    $t->put_ok("/auth/users/$one->{user}{id}/disable" => $t->bearer($one))
        ->problem_is(409, 'last_superuser');
};

# Each round begins with the two; 50 requests of all kinds against both, from
# both, over 25 connections each.  The last ones may have lost their own rights
# meanwhile: a 401.
subtest '50 concurrent requests against the last two' => sub {
    # a delay between the check and its end, a window for races
    $t->db->do('CREATE FUNCTION autoflow.dawdle() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(0.05); RETURN NULL; END $$');
    $t->db->do('GRANT EXECUTE ON FUNCTION autoflow.dawdle() TO autoflow_app');
    $t->db->do(q{CREATE TRIGGER z AFTER UPDATE ON autoflow.users FOR EACH ROW
        WHEN (OLD.is_superuser
        AND current_user = 'autoflow_app') EXECUTE FUNCTION autoflow.dawdle()});
    my %codes;
    for my $round (1 .. 10) {
        my @both = both();
        # all of them are in flight before the first is decided
        my $hold = $t->postgresql->connect;
        $hold->begin_work;
        $hold->do('SELECT FROM autoflow.users WHERE is_superuser ORDER BY id FOR UPDATE');
        my @requests = shuffle map {
            request((keys %ways)[rand 3], $both[rand 2], $both[$_ % 2])
        } 1 .. 50;
        my $ua = Mojo::UserAgent->new(max_connections => 0, inactivity_timeout => 60);
        # it may be that one worker has accepted all, or all but one: two or three wait
        my $ticks = 0;
        my $timer = Mojo::IOLoop->recurring(0.02 => sub {
            my $blocked = $hold->{AutoCommit} ? 0 : $t->blocked;
            $hold->rollback if $blocked == 4 || $blocked >= 2 && ++$ticks > 100;
        });
        my @got;
        Mojo::Promise->all(map {
            my ($method, $path, @rest) = @$_;
            $ua->start_p($ua->build_tx($method => $t->url($path), @rest))
        } @requests)->then(sub (@txs) { @got = map { $_->[0]->res } @txs })->wait;
        Mojo::IOLoop->remove($timer);
        $codes{$_->code . ' ' . (($_->json // {})->{code} // '')}++ for @got;
        is superusers(), 1, "round $round: one remains" or last;
    }
    note "$_: $codes{$_}" for sort keys %codes;
    is_deeply [grep { !/^(?:20[04] |401 token_revoked|409 last_superuser|404 not_found)$/ }
        sort keys %codes], [],
        'nothing else is answered';
};

# In the guides the module may connect as a role that is granted autoflow_app.
my $admin = $t->postgresql->connect('postgres');
$admin->do($_) for 'CREATE ROLE web LOGIN IN ROLE autoflow_app',
    'CREATE ROLE deployer LOGIN IN ROLE autoflow';
my $ident = path($t->postgresql->data, 'pg_ident.conf');
$ident->spurt($ident->slurp =~ s/^(.*) autoflow_app$/$&\n$1 web\n$1 deployer/mgr);
$admin->do('SELECT pg_reload_conf()');
$t->wait_for(sub { eval { $t->postgresql->connect($_) for qw(web deployer); 1 } });

subtest 'with any role of the module' => sub {
    my $web = Test::Autoflow->new(beside => $t,
        settings => {autoflow_database => '"' . $t->postgresql->url('web') . '" timeout=20s'})
        ->start;
    my ($one, $two) = both();
    for my $way (sort keys %ways) {
        ($one, $two) = both();
        $web->tx($web->ua->start($web->ua->build_tx(@{request($way, $one, $two)})));
        ok $web->tx->res->is_success, "$way: one of two";
        $web->tx($web->ua->start($web->ua->build_tx(@{request($way, $one, $one)})))
            ->problem_is(409, 'last_superuser');
    }

    # such a role doesn't have its settings
    my $slow = sub ($name) {
        my $hold  = $t->locked('users');
        my $start = time;
        $web->get_ok('/auth/me' => $web->bearer($one))->problem_is(503, 'unavailable');
        my $took = time - $start;
        $hold->rollback;
        $web->json_is('/detail' => 'SQLSTATE 57014: canceling statement due to statement timeout',
            $name);
        return $took;
    };
    cmp_ok $slow->('statements have a time limit'), '>', 4, 'of some seconds';
    $admin->do(q{ALTER ROLE web SET statement_timeout = '200ms'});
    $web->reload->ready;
    cmp_ok $slow->('or another one'), '<', 4, 'unless configured otherwise';
    $admin->do('ALTER ROLE web RESET statement_timeout');
    $web->finish;
};

subtest "the module can't, the owner can" => sub {
    both();
    for my $set ('is_superuser = false', 'is_active = false', 'deleted_at = now()') {
        for my $role (qw(autoflow_app web)) {
            my $app = $t->postgresql->connect($role);
            ok !eval { $app->do("UPDATE autoflow.users SET $set") }, "$set: $role";
            like $app->errstr, qr/no active superuser/, 'why';
        }
    }
    for my $role (qw(autoflow deployer postgres)) {
        both();
        $t->postgresql->connect($role)->do('UPDATE autoflow.users SET is_superuser = false');
        is superusers(), 0, "$role has no rules";
    }
};

$t->finish;
done_testing;
