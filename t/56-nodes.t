# Several nodes: what one has issued, revoked, mailed, or counted, others know;
# a node that joins, leaves, is killed, or is cut off from the database.

use Mojo::Base -strict, -signatures;
use List::Util qw(uniq);
use Mojo::Promise;
use Test::Autoflow;
use Test::Autoflow::Maildir;
use Test::Autoflow::Relay;
use Test::More;
use Time::HiRes qw(time);

my $good   = 'correct horse battery staple';
my $fresh  = 'a fresh battery for the horse';
my %common = (
    clock  => 1,
    http   => 'set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;',
    server => 'location /app/ { autoflow_auth on; proxy_pass http://echo; }
               location /admin/ { autoflow_auth on; autoflow_require role=admin;
                                  proxy_pass http://echo; }',
);
my %attempts =
    (autoflow_attempts => 'account=off account_total=12/1h address=off changes=off');

my $one     = Test::Autoflow->new(%common, workers => 2);
my $mails = Test::Autoflow::Maildir->new(t => $one);
$mails->configure(%attempts);
$one->start;
my $relay = Test::Autoflow::Relay->new(to => $one->postgresql->dir . '/.s.PGSQL.5432')->start;
my ($two, $three) =
    map { Test::Autoflow->new(%common, beside => $one, settings => {%{$one->settings}}) } 1, 2;
$three->settings->{autoflow_database} = '"' . $relay->url . '" timeout=60s';
$_->start for $two, $three;
my @nodes = ($one, $two, $three);

sub login ($account, $node = $one, $password = $good) {
    return $node->ua->post($node->url('/auth/login') => json =>
        {email => $account->{user}{email}, password => $password})->res->json;
}

# over a new connection
sub code ($node, $pair, $path = '/app/') {
    return Mojo::UserAgent->new->get($node->url($path) => $one->bearer($pair))->res->code;
}

sub heard ($pair, @of) { $one->wait_for(sub { !grep { code($_, $pair) != 401 } @of }) }

sub logout ($pair, $node = $one) {
    $node->ua->post($node->url('/auth/logout') => $one->bearer($pair))->res->code == 204
        or die 'no logout';
}

sub reload ($node) {
    $node->reload;
    $one->wait_for(sub { ($node->ua->get($node->url('/health'))->res->code // 0) == 200 });
}

# an unused address
my $addresses = 0;
sub address { sprintf '198.18.%d.%d', ++$addresses / 250, 1 + $addresses % 250 }

# a login from an address
sub try_login ($node, $name, $password, $ip = address()) {
    return [POST => $node->url('/auth/login'), {'X-Real-IP' => $ip},
        json => {email => $name, password => $password}];
}

sub codes (@txs) {
    my %codes;
    $codes{$_->res->code}++ for @txs;
    return \%codes;
}

sub events ($action) {
    return $one->db->selectrow_array('SELECT count(*) FROM autoflow.audit_events
        WHERE action = ?', {}, $action);
}

my $ada = $one->register(email => 'ada@example.com');


subtest 'tokens of any node, which any node ends' => sub {
    for my $issuer (@nodes) {
        my $pair = login($ada, $issuer);
        is_deeply [map { code($_, $pair) } @nodes], [200, 200, 200], 'good everywhere';
        logout($pair, $nodes[-1]);
        heard($pair, @nodes);
    }
    pass 'and nowhere';
};

subtest 'roles' => sub {
    my $root = $one->superuser($one->register(email => 'root@example.com'));
    $two->post_ok('/auth/roles' => $one->bearer($root) => json => {name => 'admin'})
        ->status_is(201);
    my $eve = $one->register(email => 'eve@example.com');
    my $roles = sub ($node, @roles) {
        $node->put_ok("/auth/users/$eve->{user}{id}/roles" => $one->bearer($root) => json =>
            {roles => \@roles})->status_is(200);
        heard($eve, @nodes);
        $eve = $one->ua->post($nodes[rand 3]->url('/auth/refresh') => json =>
            {refresh_token => $eve->{refresh_token}})->res->json;
    };
    $roles->($two, 'admin');
    is_deeply [map { code($_, $eve, '/admin/') } @nodes], [200, 200, 200], 'given at one';
    $roles->($three);
    is_deeply [map { code($_, $eve, '/admin/') } @nodes], [403, 403, 403], 'taken at another';
};

subtest 'one successor, whichever node is asked' => sub {
    my $pair = login($ada);
    my @txs = $one->at_once(map { [POST => $_->url('/auth/refresh'), json =>
        {refresh_token => $pair->{refresh_token}}] } @nodes, @nodes);
    is_deeply codes(@txs), {200 => 6};
    is scalar(uniq map { $_->res->json->{refresh_token} } @txs), 1, 'is issued to all';
    my $next = $txs[0]->res->json;
    $two->post_ok('/auth/refresh' => json => {refresh_token => $next->{refresh_token}})
        ->status_is(200);
    $three->post_ok('/auth/refresh' => json => {refresh_token => $pair->{refresh_token}})
        ->problem_is(401, 'token_reused');
    heard($next, @nodes);
    pass 'and a stolen one ends the session everywhere';
};

subtest 'a mail of one node, whose link another one gets' => sub {
    my $bob = $one->register(email => 'bob@example.com');
    $one->post_ok('/auth/forgot-password' => json => {email => 'bob@example.com'})->status_is(202);
    my $token = $mails->token('bob@example.com', 'reset-password');
    $two->post_ok('/auth/reset-password' => json => {token => $token, new_password => $fresh})
        ->status_is(204);
    $three->post_ok('/auth/reset-password' => json => {token => $token, new_password => $good})
        ->problem_is(400, 'invalid_token', 'once');
    is login($bob, $three)->{code}, 'invalid_credentials', 'the former password';
    ok login($bob, $three, $fresh)->{access_token}, 'the new one';
};

subtest 'a key is replaced, node by node' => sub {
    my ($old, $new) = map { 'hex:' . unpack 'H*', $_ } $one->key,
        'the next key of the tokens, of 32';
    my $keys = sub ($node, $text) {
        $node->settings->{autoflow_key} = $text;
        reload($node);
    };
    my $before = login($ada);
    $keys->($_, "$old; autoflow_key $new kid=2 use=verify") for @nodes;
    for my $node (@nodes) {
        $keys->($node, "$new kid=2; autoflow_key $old use=verify");
        my @pairs = ($before, map { login($ada, $_) } @nodes);
        is_deeply [map { my $at = $_; map { code($at, $_) } @pairs } @nodes], [(200) x 12],
            'whoever has signed, and whoever looks';
    }
};

subtest 'wrong passwords of one account' => sub {
    my $home = address();
    my ($owner) = $one->at_once([POST => $one->url('/auth/register'), {'X-Real-IP' => $home},
        json => {email => 'carl@example.com', password => $good}]);
    is $owner->res->code, 201;

    # by turns, then at once
    for my $name ('carl@example.com', 'nobody@example.com') {
        my $out = events('locked_out');
        my @txs = map { $one->at_once(try_login($nodes[$_ % 3], $name, 'wrong')) } 1 .. 6;
        is_deeply codes(@txs), {401 => 6}, $name;
        @txs = $one->at_once(map { try_login($nodes[$_ % 3], $name, 'wrong') } 1 .. 30);
        is_deeply codes(@txs), {401 => 6, 429 => 24}, 'as many as one node would allow';
        @txs = $one->at_once(map { try_login($_, $name, $good) } @nodes);
        is_deeply codes(@txs), {429 => 3}, 'then not even the right one';
        cmp_ok $_->res->headers->header('Retry-After'), '>', 3000, 'for the rest of the window'
            for @txs;
        cmp_ok events('locked_out') - $out, '<=', 3, 'an event of a node';
    }

    my @txs = $one->at_once(map { try_login($_, 'carl@example.com', $good, $home) } @nodes);
    is_deeply codes(@txs), {200 => 3}, 'its owner, where they were before';
    @txs = $one->at_once(map { try_login($_, 'carl@example.com', 'wrong', $home) } @nodes);
    is_deeply codes(@txs), {401 => 3}, 'who may err';

    my $failures = sub {
        $one->db->selectrow_array(q{SELECT autoflow.failures(id, 'password')
            FROM autoflow.users WHERE email = 'carl@example.com'});
    };
    my $before = $failures->();
    $two->settings->{autoflow_zone} = '1m';
    reload($two);
    @txs = $one->at_once(try_login($two, 'carl@example.com', $good));
    is_deeply codes(@txs), {429 => 1}, 'a node that has forgotten';
    is $failures->(), $before, 'finds out before it looks at the password';

    my @kept = $one->db->selectrow_array(q{SELECT max(failures), count(*)
        FROM autoflow.failed_attempts WHERE kind = 'password'});
    cmp_ok $kept[0], '<=', 12 + 24, 'what is refused at first is not counted';
    is $kept[1], 3, 'a row of a name, and one of bob';
    ok !$one->db->selectrow_array('SELECT autoflow.purge_failures()'), 'which is kept';
    $one->db->do(q{UPDATE autoflow.failed_attempts SET ends_at = now() - interval '1 s'});
    is $failures->(), undef, 'until its window ends';
    $two->settings->{autoflow_zone} = '2m';
    reload($two);
    @txs = $one->at_once(try_login($two, 'carl@example.com', $good));
    is_deeply codes(@txs), {200 => 1}, 'which begins anew';
    $one->jobs_due('failures');
    $one->wait_for(sub {
        !$one->db->selectrow_array('SELECT count(*) FROM autoflow.failed_attempts')
            || !map { $_->pass(0.1) } @nodes;
    });
    pass 'and is purged';
};

# somebody who has found a browser open
sub try_current ($node, $pair, $password, $new = $fresh, $ip = address()) {
    return [PUT => $node->url('/auth/me/password'), {%{$one->bearer($pair)}, 'X-Real-IP' => $ip},
        json => {current_password => $password, new_password => $new}];
}

subtest 'wrong current passwords' => sub {
    my $gina = $one->register(email => 'gina@example.com');
    my @txs = map { $one->at_once(try_current($nodes[$_ % 3], $gina, 'wrong')) } 1 .. 6;
    is_deeply codes(@txs), {403 => 6};
    @txs = $one->at_once(map { try_current($nodes[$_ % 3], $gina, 'wrong') } 1 .. 30);
    is_deeply codes(@txs), {403 => 6, 429 => 24}, 'as many as one node would allow';
    @txs = $one->at_once(map { try_current($_, $gina, $good) } @nodes);
    is_deeply codes(@txs), {429 => 3}, 'then not even the right one';
    cmp_ok $_->res->headers->header('Retry-After'), '>', 3000, 'for the rest of the window'
        for @txs;
    @txs = $one->at_once([PATCH => $two->url('/auth/me'), $one->bearer($gina),
        json => {email => 'g@example.com', current_password => $good}]);
    is_deeply codes(@txs), {429 => 1}, 'for anything that asks for it';
    ok login($gina, $two)->{access_token}, 'logins have a count of their own';
    $one->db->do(q{UPDATE autoflow.failed_attempts SET ends_at = now() - interval '1 s'});
    $one->db->do('DELETE FROM autoflow.failed_attempts');
    my $e = Test::Autoflow->new(%common, beside => $one, settings => {%{$one->settings},
        autoflow_password => 'memory=64m time=8'})->start;
    @txs = $one->at_once(try_current($e, $gina, $good));
    is_deeply codes(@txs), {204 => 1}, 'until the window ends';

    # the twelfth fails while the right one, which takes long, is being compared
    my $found = q{SELECT count(*) FROM pg_stat_activity WHERE state = 'idle'
        AND query ~ '^SELECT password_hash.*current_password' AND query_start > ?};
    my $change = sub {
        my $now = $one->db->selectrow_array('SELECT clock_timestamp()');
        my ($said, $done);
        my $right = $one->ua->build_tx(@{try_current($e, $gina, $fresh, 'password1')});
        my $promise = $one->ua->start_p($right)->then(sub ($tx) { $said = $tx->res->code });
        my $timer = Mojo::IOLoop->recurring(0.01 => sub ($loop) {
            return if $done || !$one->db->selectrow_array($found, {}, $now);
            $done = $one->db->do(q{INSERT INTO autoflow.failed_attempts
                VALUES (?, 'current_password', 12, now() + interval '1 hour')}, {},
                $gina->{user}{id});
        });
        $promise->wait;
        Mojo::IOLoop->remove($timer);
        return $said;
    };
    # again where this was too slow, or another statement had followed on the connection
    my $said;
    for (1 .. 5) {
        last if ($said = $change->()) != 422;
        $one->db->do('DELETE FROM autoflow.failed_attempts');
    }
    is $said, 429, 'one that is found too late is not learnt, not by another error either';
    $e->finish;
};

subtest 'a password that is found too late' => sub {
    my $dora = $one->register(email => 'dora@example.com');
    $one->db->do(q{INSERT INTO autoflow.failed_attempts
        VALUES (?, 'password', 11, now() + interval '1 hour')}, {}, $dora->{user}{id});

    # the twelfth fails while the right one is being compared, or logged in
    my $lock = $one->postgresql->connect;
    $lock->begin_work;
    $lock->do('SELECT FROM autoflow.users WHERE id = ? FOR UPDATE', {}, $dora->{user}{id});
    my ($said, $done);
    my $login = $one->ua->build_tx(@{try_login($one, 'dora@example.com', $good)});
    my $promise = $one->ua->start_p($login)->then(sub ($tx) { $said = $tx->res->code });
    my $timer = Mojo::IOLoop->recurring(0.02 => sub ($loop) {
        return if $done || !$one->blocked;
        $done = 1;
        $lock->do(q{SELECT autoflow.count_failure(?, 'password', 3600)}, {}, $dora->{user}{id});
        $lock->commit;
    });
    $promise->wait;
    Mojo::IOLoop->remove($timer);
    is $said, 429, 'is not learnt';
};

subtest 'the last two at the same time' => sub {
    my $emil = $one->register(email => 'emil@example.com');
    $one->db->do(q{INSERT INTO autoflow.failed_attempts
        VALUES (?, 'password', 11, now() + interval '1 hour')}, {}, $emil->{user}{id});
    my $lock = $one->postgresql->connect;
    $lock->begin_work;
    $lock->do('SELECT FROM autoflow.failed_attempts WHERE account = ? FOR UPDATE', {},
        $emil->{user}{id});
    my $timer = Mojo::IOLoop->recurring(0.02 => sub ($loop) {
        $lock->{BegunWork} && $one->blocked == 2 && $lock->commit;
    });
    my @txs = $one->at_once(map { try_login($_, 'emil@example.com', 'wrong') } $one, $two);
    Mojo::IOLoop->remove($timer);
    is_deeply codes(@txs), {401 => 1, 429 => 1}, 'one of them says that it was wrong';
};

subtest 'nodes come and go' => sub {
    my ($ended, $pair) = (login($ada), login($ada));
    logout($ended);
    my $d = Test::Autoflow->new(%common, beside => $one, workers => 2,
        settings => {autoflow_key => $one->settings->{autoflow_key}})->start;
    is_deeply [map { code($d, $_) } $ended, $pair], [401, 200], 'one knows what was before it';
    is $d->stop, 0, 'it leaves';

    kill KILL => $two->process->processes;
    $two->process->ended;
    logout($pair);
    heard($pair, $one, $three);
    my $next = login($ada);
    is_deeply [map { code($_, $next) } $one, $three], [200, 200], 'others go on without one';
    $two->start_nginx->ready;
    is_deeply [map { code($two, $_) } $ended, $pair, $next], [401, 401, 200],
        'which catches up when it is back';
    $d->finish;
};

subtest 'a node is cut off from the database' => sub {
    $three->settings->{autoflow_database} = '"' . $relay->url . '" timeout=5s';
    $three->settings->{autoflow_revocation_staleness} = '5s';
    reload($three);
    my ($ended, $pair) = (login($ada), login($ada));
    is_deeply [map { code($three, $_) } $ended, $pair], [200, 200];
    $three->hold;
    $relay->cut;
    logout($ended);
    heard($ended, $one, $two);
    is code($three, $ended), 200, 'it goes on as if nothing had happened';
    $three->pass_until(0.5, sub { code($three, $ended) == 503 });
    is code($three, $pair), 503, 'but not for longer than it may';
    is_deeply [map { code($_, $pair) } $one, $two], [200, 200], 'the others do';
    $three->go;
    $relay->mend;
    $three->pass_until(0.5, sub { code($three, $pair) == 200 });
    is code($three, $ended), 401, 'and heals by itself';
};

subtest 'how soon a logout is known everywhere' => sub {
    $_->go for @nodes;
    my @took;
    my $count = $ENV{AUTOFLOW_LOGOUTS} // 50;
    for (1 .. $count) {
        my $pair = login($ada);
        logout($pair);
        my $answered = time;
        heard($pair, $two, $three);
        push @took, 1000 * (time - $answered);
    }
    @took = sort { $a <=> $b } @took;
    note sprintf '%d logouts: median %.1f ms, p99 %.1f ms, worst %.1f ms', $count,
        $took[$count / 2], $took[0.99 * $count], $took[-1];
    is scalar @took, $count, 'all of them';
};

$_->finish for $two, $three, $one;
done_testing;
