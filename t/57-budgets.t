# autoflow_attempts changes=: how much one session, and one account, may change
# within a window; and that the reserved budgets against intruders are separate.

use Mojo::Base -strict, -signatures;
use Test::Autoflow;
use Test::More;

my $t = Test::Autoflow->new(workers => 2, clock => 1,
    server => 'location /browser/ { autoflow_cookies on; autoflow_api; }',
    http => 'set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;')->start;
my $good = 'correct horse battery staple';
my $changes = 'account=off account_total=off address=off changes';

sub rate ($rate) {
    $t->settings({autoflow_attempts => "$changes=$rate"})->reload->ready;
}

sub login ($account, $ip = '192.0.2.1') {
    return $t->post_ok('/auth/login' => {'X-Real-IP' => $ip} => json =>
        {email => $account->{user}{email}, password => $account->{password} // $good});
}

# another session of an account, from an unused address
my $sessions = 0;
sub session ($account) { login($account, '198.18.0.' . ++$sessions)->status_is(200)->tx->res->json }

sub change ($who) { ['PATCH', '/auth/me', $t->bearer($who), json => {bio => 'a word'}] }

# the number of responses by status
sub statuses (@requests) {
    my %status;
    while (my @some = splice @requests, 0, 200) {
        $status{$_->res->code}++ for $t->at_once(@some);
    }
    return \%status;
}

sub refused ($why, $seconds = 3600) {
    $t->problem_is(429, 'too_many_attempts', $why)->header_like('Retry-After' => qr/^\d+$/);
    my $after = $t->tx->res->headers->header('Retry-After');
    ok $after > 0.9 * $seconds && $after <= $seconds, 'for the rest of the window' or diag $after;
}

sub ask ($who, $method, $path, $body = undef) {
    my $tx = $t->ua->build_tx($method => $path => $t->bearer($who), $body ? (json => $body) : ());
    return $t->tx($t->ua->start($tx));
}


subtest "a session's" => sub {
    rate('8/1h');
    my $ada = $t->register;
    is_deeply statuses((change($ada)) x 8), {200 => 8};
    $t->patch_ok('/auth/me' => $t->bearer($ada) => json => {bio => 'one more'}),
        refused('what changes something');
    ask($ada, @$_), refused("$$_[0] $$_[1]")
        for ['PUT', '/auth/me', {}], ['DELETE', '/api/user/account'],
        ['PATCH', '/api/user/profile', 'no JSON at all'];
    $t->get_ok('/auth/me' => $t->bearer($ada))->status_is(200, 'not what reads')
        ->json_is('/bio' => 'a word');
    ask($ada, 'OPTIONS', '/auth/me')->status_is(204);

    my $again = session($ada);
    ask($again, 'PATCH', '/auth/me', {bio => 'two words'})
        ->status_is(200, 'another session has its own');
    ask($t->register, 'PATCH', '/auth/me', {bio => 'x'})
        ->status_is(200, 'and so has another account');
    $t->patch_ok('/auth/me' => json => {})
        ->problem_is(401, 'token_required', 'who is nobody is told so');

    $t->reload->ready;
    ask($ada, 'PUT', '/auth/me', {}), refused('a reload forgets nothing');
    is scalar(() = $t->error_log =~ /too many changes of session/g), 1, 'once a window';
    like $t->error_log, qr/\[warn\].*autoflow: too many changes of session [0-9a-f-]{36}/,
        'logged';
};

subtest "an account's" => sub {
    rate('8/1h');
    my $ada = $t->register;
    my @sessions = ($ada, map { session($ada) } 1 .. 10);
    is_deeply statuses(map { (change($_)) x 8 } @sessions[0 .. 9]), {200 => 80}, 'ten times that';
    ask($sessions[10], 'PATCH', '/auth/me', {bio => 'x'}),
        refused('in all of its sessions together');
    like $t->error_log, qr/autoflow: too many changes of account \Q$ada->{user}{id}/,
        'logged';
    ask($t->register, 'PATCH', '/auth/me', {bio => 'x'})->status_is(200, 'another one has its own');
};

subtest 'the reserved budgets' => sub {
    rate('8/1h');      # two of each

    # spent by whoever has the password, and this very session
    my $owner = $t->register;
    my @others = map { session($owner) } 1 .. 10;
    is_deeply statuses(map { (change($_)) x 8 } $owner, @others[0 .. 8]), {200 => 80};

    my $password = sub ($n) {
        ask($owner, 'PUT', '/auth/me/password', {current_password => $good, new_password => $n % 2
            ? 'another horse, another battery' : $good});
    };
    my $wrong = sub { ask($owner, 'PUT', '/auth/me/password',
        {current_password => 'wrong', new_password => 'another horse, another battery'}) };
    my $end = sub ($id) { ask($owner, 'DELETE', "/auth/sessions/$id") };
    my @ids = map { $_->{id} }
        grep { !$_->{is_current} } @{ask($owner, 'GET', '/auth/sessions?size=100')
        ->tx->res->json('/data')};

    $end->($ids[0])->status_is(204, 'a session can be ended');
    $end->($ids[1])->status_is(204);
    $end->($ids[2]), refused('as many as that');

    ask($owner, 'POST', '/auth/logout?scope=others')->status_is(204, 'then still all others')
        for 1 .. 2;
    ask($owner, 'POST', '/auth/logout?scope=others'), refused('so often');

    $wrong->()->status_is(403, 'then the password can be tried') for 1 .. 2;
    $wrong->(), refused('and that is all of this session');

    my $again = session($owner);
    ask($again, 'PUT', '/auth/me/password',
        {current_password => $good, new_password => 'another horse, another battery'})
        ->status_is(204, 'which keeps no other one from it');
    $owner->{password} = 'another horse, another battery';

    ask($again, 'POST', '/auth/logout-all')->status_is(204, 'nor from all of them at once');
    ask(session($owner), 'POST', '/auth/logout-all')->status_is(204, 'each login may');
};

subtest 'a superuser' => sub {
    rate('8/1h');
    my $root = $t->register(email => 'root@example.com');
    $t->db->do(q{UPDATE autoflow.users SET is_superuser = true WHERE email = 'root@example.com'});
    $root = session($root);
    my @users = map { $t->register->{user}{id} } 1 .. 3;
    is_deeply statuses((change($root)) x 8), {200 => 8};
    ask($root, 'PUT', "/api/users/$users[0]/enable"), refused('changes others, too');
    ask($root, 'PUT', "/api/users/$_/disable")->status_is(200, 'but can disable them')
        for @users[0, 1];
    ask($root, 'PUT', "/auth/users/$users[2]/disable"), refused('as many as that');
};

subtest 'refreshes' => sub {
    rate('8/1h');
    my $refresh = sub ($pair) {
        $t->post_ok('/auth/refresh' => json => {refresh_token => $pair->{refresh_token}}) };
    my ($ada, $again) = ($t->register);
    $again = session($ada);
    my $pair = $ada;
    $pair = $refresh->($pair)->status_is(200)->tx->res->json for 1 .. 8;
    $refresh->($pair), refused('of one session');
    ask($ada, 'PATCH', '/auth/me', {bio => 'x'}), refused('are counted with its changes');
    {
        my $lock = $t->locked('sessions');
        $refresh->($pair), refused('before any query');
        ask($ada, 'PATCH', '/auth/me', {bio => 'x'}), refused('before any query');
        $lock->rollback;
    }
    $refresh->($again)->status_is(200, 'another session has its own');
    $t->post_ok('/auth/logout' => json => {refresh_token => $pair->{refresh_token}})
        ->status_is(204, 'logout has its own, too');

    # a legacy token
    my $eve = $t->register;
    my $former = 'f' x 43;
    my ($id) = map { $_->{id} } @{ask($eve, 'GET', '/auth/sessions')->tx->res->json('/data')};
    my $reissue = sub {
        $t->db->do(q{UPDATE autoflow.sessions SET token_hash = sha256($1::bytea),
            previous_hash = NULL, number = 0 WHERE id = $2}, {}, $former, $id);
        $t->db->do(q{INSERT INTO autoflow.refresh_tokens (token_hash, session_id, expires_at)
            VALUES (sha256($1::bytea), $2, now() + interval '1 day') ON CONFLICT DO NOTHING}, {},
            $former, $id);
    };
    $reissue->(), $refresh->({refresh_token => $former})->status_is(200) for 1 .. 8;
    $reissue->(), $refresh->({refresh_token => $former}),
        refused('former tokens, by the session that they lead to');
};

subtest 'invalid tokens' => sub {
    $t->settings({autoflow_attempts => 'account=off account_total=off address=6/1h'})
        ->reload->ready;
    my $from = sub ($ip, $token) {
        $t->post_ok('/auth/refresh' => {'X-Real-IP' => $ip} => json => {refresh_token => $token});
    };
    my $pair = $t->register;
    my $token = $pair->{refresh_token};
    my @junk = ('x', 'A' x 43, $pair->{access_token}, $token =~ s/.$/$& eq 'A' ? 'B' : 'A'/er,
        'A' x length $token);
    $from->('192.0.2.7', $_)->problem_is(401, 'invalid_token') for @junk[0 .. 2];
    $t->post_ok('/auth/logout' => {'X-Real-IP' => '192.0.2.7'} => json => {refresh_token => $_})
        ->problem_is(401, 'invalid_token')
        for @junk[0, 1, 4];
    $from->('192.0.2.7', $_), refused('counts for its address') for @junk[0, 1];
    $from->('192.0.2.7', $token)->status_is(200, 'which a token of ours is no matter of');
    $from->('192.0.2.8', $junk[0])->problem_is(401, 'invalid_token', 'elsewhere');
};

subtest 'ended sessions' => sub {
    rate('8/1h');
    my $token = sub ($pair) { json => {refresh_token => $pair->{refresh_token}} };
    my $id = sub ($pair) {
        return (grep { $_->{is_current} } @{ask($pair, 'GET', '/auth/sessions')
            ->tx->res->json('/data')})[0]{id};
    };
    my $set = sub ($pair, $values) { $t->db->do("UPDATE autoflow.sessions SET $values WHERE id = ?",
        {}, $id->($pair)) };
    my $owner = $t->register;
    my ($cookie, @kept) = map { session($owner) } 1 .. 11;
    ask($owner, 'POST', '/auth/logout?scope=others')->status_is(204);

    is_deeply statuses(map { (['POST', '/auth/refresh', {}, $token->($_)]) x 9 } @kept),
        {401 => 80, 429 => 10},
        'bear themselves what is tried of them';
    ask($owner, 'PATCH', '/auth/me', {bio => 'x'})->status_is(200, 'their account does not');
    $t->post_ok('/auth/refresh' => $token->($owner))->status_is(200, 'nor do its other sessions');
    $owner = $t->tx->res->json;

    my $eve = $t->register;
    my $disabled = session($eve);
    $t->db->do('UPDATE autoflow.users SET is_active = false WHERE id = ?', {}, $eve->{user}{id});

    my $expired = session($owner);
    $set->($expired, 'expires_at = now()');

    # its session doesn't exist; and a legacy one, whose session has ended
    my $gone = session($owner);
    my $former = {%{session($owner)}, refresh_token => 'g' x 43};
    $set->($former, "number = 0, token_hash = sha256('$former->{refresh_token}')");
    $t->db->do(q{INSERT INTO autoflow.refresh_tokens (token_hash, session_id, expires_at)
        SELECT token_hash, id, now() + interval '1 day' FROM autoflow.sessions WHERE id = ?}, {},
        $id->($former));
    $set->($former, 'ended_at = now()');
    $t->db->do('DELETE FROM autoflow.sessions WHERE id = ?', {}, $id->($gone));

    $t->settings({autoflow_attempts => 'account=off account_total=off address=6/1h'})
        ->reload->ready;
    my $from = sub ($ip, $pair, $path = 'refresh') {
        $t->post_ok("/auth/$path" => {'X-Real-IP' => $ip} => $token->($pair)) };
    $from->('192.0.2.17', $_)->problem_is(401, 'invalid_token') for $kept[0], $disabled,
        $gone, $former;
    $from->('192.0.2.17', $expired)->problem_is(401, 'token_expired');
    $from->('192.0.2.17', $kept[0], 'logout')->problem_is(401, 'invalid_token');
    $from->('192.0.2.17', $_), refused('count for their address') for $kept[0], $disabled, $gone,
        $former, $expired;
    $from->('192.0.2.17', $owner)->status_is(200, 'which a living one does not');

    $t->post_ok('/browser/auth/refresh' => {'X-Real-IP' => '192.0.2.18',
        Origin => $t->url =~ s{/$}{}r,
        Cookie => "af_refresh=$cookie->{refresh_token}"})
        ->problem_is(401, 'invalid_token', 'a browser elsewhere');
    like join("\n", @{$t->tx->res->headers->every_header('Set-Cookie')}),
        qr/^af_refresh=; Path=\/; Max-Age=0;/m, 'learns it';
};

subtest 'logins' => sub {
    rate('8/1h');
    my $ada = $t->register;
    login($ada)->status_is(200) for 1 .. 2;
    login($ada), refused('as many as that from an address');
    login({user => $ada->{user}, password => 'wrong'}),
        refused('right or wrong, unless it was looked at');
    login($ada, '192.0.2.2')->status_is(200, 'from another one');
    login($t->register)->status_is(200, 'of another account');

    my $eve = $t->register;
    login({user => $eve->{user}, password => 'wrong'})->status_is(401) for 1 .. 9;
    login($eve)->status_is(200, 'wrong ones are not counted here') for 1 .. 2;
    login($eve), refused('but right ones');
    is_deeply statuses((['POST', '/auth/login', {'X-Real-IP' => '192.0.2.3'},
        json => {email => $eve->{user}{email}, password => $good}]) x 9),
        {200 => 2, 429 => 7}, 'at once';
};

subtest 'a window' => sub {
    rate('1/3s');
    my $ada = $t->register;
    $t->hold;
    my $change = sub { ask($ada, 'PATCH', '/auth/me', {bio => 'x'}) };
    $change->()->status_is(200);
    for my $left (2, 1) {
        $t->pass(1);
        $change->()->problem_is(429, 'too_many_attempts')->header_is('Retry-After' => $left);
    }
    $t->pass(1);
    $change->()->status_is(200, 'ends');
    login($ada)->status_is(200, 'a fourth of one is one');
    $t->go;
};

subtest 'by default' => sub {
    $t->settings({autoflow_attempts => 'account_total=off address=off'})->reload->ready;
    my $ada = $t->register;
    is_deeply statuses((change($ada)) x 120), {200 => 120}, 'of a session';
    ask($ada, 'PATCH', '/auth/me', {bio => 'x'})->problem_is(429, 'too_many_attempts')
        ->header_like('Retry-After' => qr/^([1-5]?\d|60)$/);
    is_deeply statuses(
        (['POST', '/auth/login', {},
        json => {email => $ada->{user}{email}, password => $good}]) x 10), {200 => 10}
        for 1 .. 3;
    login($ada, '127.0.0.1')
        ->problem_is(429, 'too_many_attempts', 'a quarter of that of each way out');
};

subtest 'off' => sub {
    rate('off');
    my $ada = $t->register;
    is_deeply statuses((change($ada)) x 200), {200 => 200};
    is_deeply statuses(
        (['POST', '/auth/login', {},
        json => {email => $ada->{user}{email}, password => $good}]) x 40), {200 => 40};
};

$t->finish;
done_testing;
