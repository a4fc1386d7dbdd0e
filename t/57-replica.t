# autoflow_database_replica: lists are a real standby's, but never older than they
# may be, and whoever has changed something sees it.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::Autoflow::Guide;
use Test::Autoflow::Statements;
use Test::Autoflow::Wait qw(wait_until);
use Test::More;

# its clock stands still, and tokens outlive how far it is moved
my $t = Test::Autoflow->new(clock => 1, settings => {autoflow_access_ttl => '30d'},
    server => <<~'END');
    location = /metrics { autoflow_metrics; }
    END
my $primary = $t->postgresql->start;
my $standby = $primary->standby($t->dir . '/standby', 'max_standby_streaming_delay=0');

# as documented
my $guide = Test::Autoflow::Guide->new('scaling.md');
path($t->dir, 'replica')->spurt($standby->url('autoflow_app'));
my ($documented) = $guide->text(under => 'Replicas', language => 'nginx',
    change => {qr{/etc/nginx/autoflow} => $t->dir}) =~ /^autoflow_database_replica\s(.*);$/m;
$guide->finish;
sub replica ($more) { $t->settings->{autoflow_database_replica} = "$documented $more" }
replica('timeout=60s');
$t->start;

# on the standby, which goes on as it was where it was stopped
my $replica;
sub standby { $replica = $standby->connect('postgres') if !$replica || !$replica->ping; $replica }
sub paused ($on) { standby()->do('SELECT pg_wal_replay_' . ($on ? 'pause' : 'resume') . '()') }

# how far it is behind, in octets of the log
sub behind {
    my $lsn = $t->db->selectrow_array('SELECT pg_current_wal_flush_lsn()');
    return standby()->selectrow_array('SELECT ?::pg_lsn - pg_last_wal_replay_lsn()', {}, $lsn);
}

# what nginx asks a primary for, and what it then asks a standby
my %sql = map { $_->{name} => $_->{sql} } Test::Autoflow::Statements::all();
sub place ($server) { $server->connect('autoflow_app')->selectrow_array($sql{replica_place}) }
sub problem ($server, $lsn, $timeline, $cluster) {
    my ($problem) = $server->connect('autoflow_app')
        ->selectrow_array($sql{replica_check}, {}, $cluster, $timeline, $lsn);
    return $problem // '';
}

# what has been answered how so far
sub answers {
    return {$t->ua->get('/metrics')->res->body
        =~ /^autoflow_replica_reads_total\{answer="(\w+)"\} (\d+)$/mg};
}

sub request ($pair, $path = '/auth/users') {
    return $t->client->send(Test::Autoflow::Client::request(GET => $path, $t->bearer($pair)));
}

# requests a list, on a connection of its own; by whom it was answered
sub by ($pair, $path = '/auth/users', $status = 200) {
    my $before = answers();
    my $got    = request($pair, $path)->status;
    return "not $status but $got" if $got != $status;
    my $after = answers();
    return join ' ', grep { $after->{$_} > $before->{$_} } sort keys %$after;
}

# from now on it is the replica that answers, until the clock is moved: it runs only
# meanwhile, by itself, so that attempts to connect have their time
sub settled ($pair) {
    my %by;
    $t->go;
    wait_until(sub { my $by = by($pair); $by{$by}++; $by eq 'replica' }) or do {
        diag explain \%by, behind(), $t->error_log, path($standby->log)->slurp;
        die 'it has not settled';
    };
    return $t->hold;
}

$t->hold;
my $root = $t->superuser($t->register(email => 'root@example.com'));
my ($ada, $bob) = map { $t->register(email => "$_\@example.com") } 'ada', 'bob';
my $sends = {recipient_id => $ada->{user}{id}, content => 'hello'};


subtest 'lists' => sub {
    is by($root), 'changed', 'after a login, of the primary';
    $t->pass(13);
    is by($root), 'unknown', 'and while it is unknown how far it is';
    ok settled($root), 'then of the replica';
    is by($root), 'replica', "again: $_" for 1 .. 3;
    is by($ada, '/auth/me'), '', 'what is no list is never asked there';
    is by($ada, '/api/v1/profiles'), 'replica', 'anybody\'s';
    is_deeply standby()->selectcol_arrayref(q{SELECT DISTINCT application_name
        FROM pg_stat_activity WHERE usename = 'autoflow_app'}), ['autoflow replica'],
        'nothing else is there';
};

subtest 'who has changed something' => sub {
    $t->patch_ok('/auth/me' => $t->bearer($ada), json => {bio => 'x'})->status_is(200);
    is by($ada, '/api/v1/profiles'), 'changed', 'reads from the primary';
    is by($root), 'replica', 'who has not, does not';
    $t->pass(5);
    is by($ada, '/api/v1/profiles'), 'changed', 'for a while';
    $t->patch_ok('/auth/me' => $t->bearer($ada), json => {bio => 'y'})->status_is(200);
    $t->pass(9);
    is by($ada, '/api/v1/profiles'), 'changed', 'from the last change on';
    $t->pass(3);
    settled($root);
    is by($ada, '/api/v1/profiles'), 'replica', 'no longer';
    $t->post_ok('/auth/logout-all' => $t->bearer($bob))->status_is(204);
    is by($bob, '/api/v1/profiles', 401), '', 'what is revoked is refused at once, as ever';
    $bob = $t->ua->post('/auth/login' =>
        json => {email => 'bob@example.com', password => $bob->{password}})->res->json;
    is by($bob, '/api/v1/profiles'), 'changed', 'a login is a change, too';
};

subtest 'an idle primary' => sub {
    settled($root);
    $primary->connect('postgres')->do('SELECT pg_switch_wal()');
    my @place = place($primary);
    $t->wait_for(sub { behind() == 0 });
    is problem($standby, @place), '', 'is not ahead where a file of its log begins';
    my $logged = length $t->error_log;
    for (1 .. 12) {
        $t->pass(1)->timed;
        settled($root);
        $t->wait_for(sub { behind() == 0 });      # jobs write, too
    }
    is by($root), 'replica', 'is nobody who is ahead';
    unlike substr($t->error_log, $logged), qr/has its lists/, 'nothing was wrong';
};

subtest 'what is not there yet' => sub {
    paused(1);
    my $id = $t->post_ok('/api/v1/messages' => $t->bearer($bob), json => $sends)
        ->status_is(201)->tx->res->json->{id};
    cmp_ok behind(), '>', 0, 'the replica is late';
    is by($ada, '/api/v1/messages'), 'replica', 'a list may be without it';
    is $t->ua->get('/api/v1/messages' => $t->bearer($ada))->res->json->{total}, 0, 'as it is';
    is by($ada, "/api/v1/messages?after=$id"), 'nothing', 'who knows of it is not refused';
    is by($ada, "/api/v1/profiles/$id/contacts", 404), 'nothing',
        'what nobody has is looked up twice';
    paused(0);
    $t->wait_for(sub { behind() == 0 });
    is $t->ua->get('/api/v1/messages' => $t->bearer($ada))->res->json->{total}, 1, 'moments later';
    is by($ada, "/api/v1/messages?after=$id"), 'replica', 'it is there';
};

subtest 'a replica that lags' => sub {
    paused(1);
    $t->post_ok('/api/v1/messages' => $t->bearer($bob), json => $sends)->status_is(201);
    $t->wait_for(sub { by($root) eq 'lags' || !$t->pass(1) });
    like $t->error_log, qr/\[warn\].* autoflow replica: the primary has its lists: it lags/,
        'the log says so';
    is $t->ua->get('/api/v1/messages' => $t->bearer($ada))->res->json->{total}, 2,
        'nothing is older than it may be';
    my $warned = () = $t->error_log =~ /has its lists/g;
    $t->pass(1), by($root) for 1 .. 3;
    is scalar(() = $t->error_log =~ /has its lists/g), $warned, 'once';
    paused(0);
    settled($root);
    like $t->error_log, qr/\[notice\].* autoflow replica: it has its lists again/, 'again';
};

subtest 'a conflict with what is replayed' => sub {
    $t->locked->rollback;      # its function waits, on whichever server it is locked
    $t->wait_for(sub { behind() == 0 });
    settled($root);
    standby()->do('SELECT pg_advisory_lock(4711)');
    my $list = request($root);
    $t->wait_for(sub { standby()->selectrow_array(q{SELECT count(*) FROM pg_stat_activity
        WHERE application_name = 'autoflow replica' AND wait_event = 'advisory'}) });
    my $before = answers();
    $t->locked('users')->rollback;
    is $list->status, 200, 'a list that is cancelled is the primary\'s';
    is answers()->{failed}, $before->{failed} + 1, 'and counted';
    standby()->do('SELECT pg_advisory_unlock_all()');
    is by($root), 'replica', 'the next one is not';
};

subtest 'a replica that does not answer' => sub {
    replica('timeout=2s');
    $t->go->reload;
    settled($root);
    my ($pid) = standby()->selectrow_array(q{SELECT pid FROM pg_stat_activity
        WHERE application_name = 'autoflow replica'});
    kill 'STOP', $pid;
    my $before = answers()->{away};
    my $list = request($root);
    $t->pass_until(0.1, sub { answers()->{away} > $before });
    is $list->status, 200, 'is asked no longer than it may take';
    is answers()->{away}, $before + 1, 'and counted';
    is by($root), 'away', 'nor at all for a moment';
    kill 'CONT', $pid;
    settled($root);

    replica('timeout=60s');
    $t->go->reload;
    settled($root)->go;
    $standby->stop('QUIT');
    ok $t->wait_for(sub { by($root) eq 'away' }), 'nor when it ends';
    $t->pass(3)->timed;
    ok $t->wait_for(sub { by($root) eq 'away' }), 'nor while it is gone';
    $t->get_ok('/health/ready')->status_is(200);
    like $t->error_log, qr/autoflow replica: can't use the database/, 'the log has the reason';
    $standby->start;
    ok settled($root), 'when it is back';
};

subtest 'without the primary' => sub {
    settled($root);
    $primary->stop('QUIT');
    is by($root), 'replica', 'lists go on';
    $t->pass(11);
    is by($root, '/auth/users', 503), 'unknown', 'for as long as they may be old';
    $primary->start;
    $t->go->recovered;
    ok settled($root), 'and when it is back';
};

subtest 'several workers' => sub {
    $t->go->workers(2)->reload->ready->hold;
    $t->patch_ok('/auth/me' => $t->bearer($ada), json => {bio => 'z'})->status_is(200);
    my %by;
    $by{by($ada, '/api/v1/profiles')}++ for 1 .. 10;
    is_deeply \%by, {changed => 10}, 'all of them know who has changed something';
    $t->go->workers(1)->reload->ready;
};

my $follower = $standby->standby($t->dir . '/follower');
my $former   = $primary->standby($t->dir . '/former');

my $several = $standby->url('autoflow_app') =~ s/host=\K([^&]+)/"$1," . $follower->dir/er;
path($t->dir, 'replica')->spurt("$several&target_session_attrs=standby");

subtest 'a standby that is promoted' => sub {
    my $connected = sub { $follower->connect('postgres')->selectrow_array(q{SELECT count(*)
        FROM pg_stat_activity WHERE application_name = 'autoflow replica'}) };
    $follower->stop;
    $t->reload;
    settled($root);
    $follower->start;
    standby()->do('SELECT pg_promote()');
    is by($root), 'no_standby', 'is none';
    like $t->error_log, qr/the primary has its lists: it is no standby of the primary/,
        'the log says so';
    $t->go;
    ok $t->wait_for(sub { by($root); $connected->() }), 'then another one is used';
};

subtest 'after a failover' => sub {
    my $says = sub ($server) { problem($server, place($standby)) };
    is $says->($follower), 'timeline', 'a standby of the new primary might be one of the former';
    $t->wait_for(sub {
        $follower->connect('postgres')->do('CHECKPOINT');
        return $says->($follower) eq '';
    });
    pass 'until it has a restart point';
    $t->db->do('CREATE TABLE autoflow.more AS SELECT generate_series(1, 10000)');
    is $says->($former), 'timeline', 'one of the former primary never is';
};

subtest 'a primary by mistake, and a statement that writes' => sub {
    path($t->dir, 'replica')->spurt($primary->url('autoflow_app'));
    $t->db->do('CREATE TABLE autoflow.written AS SELECT current_setting(\'application_name\') AS by
        WHERE false');
    $t->db->do('GRANT INSERT ON autoflow.written TO autoflow_app');
    my $body = $t->db->selectrow_array(
        q{SELECT pg_get_functiondef('autoflow.role_names'::regproc)});
    $t->db->do($body =~ s/STABLE PARALLEL SAFE/VOLATILE/r =~ s/\bBEGIN\b/BEGIN
        INSERT INTO autoflow.written SELECT current_setting('application_name');/r);
    $t->reload->ready;
    ok $t->wait_for(sub { by($root) eq 'failed' }), 'the primary answers';
    is_deeply $t->db->selectcol_arrayref('SELECT DISTINCT by FROM autoflow.written'),
        ['autoflow wide'], 'and nothing was written for the replica';
    like $t->error_log, qr/"admin_users" failed: ERROR:  cannot execute INSERT in a read-only/,
        'the log says what would have been';
    $t->db->do($body);
    ok $t->wait_for(sub { by($root) eq 'no_standby' }), 'a primary is never a replica';
};

$t->finish;
$_->stop('QUIT') for $follower, $former, $standby;
done_testing;
