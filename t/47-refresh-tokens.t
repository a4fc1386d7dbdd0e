# Refresh tokens that leave no rows behind: their contents, old ones, and legacy
# ones beside them.

use Mojo::Base -strict, -signatures;
use Digest::SHA qw(hmac_sha256 sha256_hex);
use MIME::Base64 qw(decode_base64url encode_base64url);
use Mojo::JSON qw(decode_json encode_json);
use Test::Autoflow;
use Test::More;

my $secret = "\x0f" x 32;
my $t = Test::Autoflow->new(workers => 2, settings => {
    autoflow_secret        => 'hex:' . unpack('H*', $secret),
    autoflow_refresh_grace => '1m',
})->start;
my $good = 'correct horse battery staple';
my $n = 0;

sub account { $n++; $t->register(email => "user$n\@example.com") }

sub login ($account) {
    $t->post_ok('/auth/login' => json => {email => $account->{user}{email}, password => $good})
        ->status_is(200);
    return $t->tx->res->json;
}

sub token ($pair) { ref $pair ? $pair->{refresh_token} : $pair }
sub refresh ($pair) { $t->post_ok('/auth/refresh' => json => {refresh_token => token($pair)}) }
sub next_of ($pair) { refresh($pair)->status_is(200)->tx->res->json }
sub logout ($pair, $query = '') {
    $t->post_ok("/auth/logout$query" => json => {refresh_token => token($pair)}) }
sub me ($pair) { $t->get_ok('/auth/me' => $t->bearer($pair)) }

sub sid ($pair) { decode_json(decode_base64url((split /\./, $pair->{access_token})[1]))->{sid} }

# a column of a session
sub column ($pair, $column) {
    return $t->db->selectrow_array("SELECT $column FROM autoflow.sessions WHERE id = ?", {},
        sid($pair));
}

sub set ($pair, $columns) { $t->db->do("UPDATE autoflow.sessions SET $columns WHERE id = ?", {},
    sid($pair)) }

sub events ($account, $action) {
    return $t->db->selectrow_array('SELECT count(*) FROM autoflow.audit_events
        WHERE target_id = ? AND action = ?', {}, $account->{user}{id}, $action);
}

sub number ($pair) { unpack 'x37Q>', decode_base64url(token($pair)) }

# HKDF's first octets are a key; the next ones are for its id
sub derived ($info, $of = $secret) { hmac_sha256("$info\x01", hmac_sha256($of, "\0" x 32)) }
sub derived_id ($info, $of = $secret) {
    return substr hmac_sha256(derived($info, $of) . "$info\x02", hmac_sha256($of, "\0" x 32)), 0, 4;
}

# a token made with knowledge of all of this
sub made ($user_id, $session_id, $number, $random, $of = $secret, $version = 0xae) {
    my $octets = chr($version) . ($version == 0xae ? derived_id('autoflow refresh tag', $of) : '');
    $octets .= pack 'H32H32Q>', map({ tr/-//dr } $user_id, $session_id), $number;
    $octets .= substr hmac_sha256($octets, derived('autoflow refresh tag', $of)), 0, 8;
    return encode_base64url(
        $octets . hmac_sha256($octets . $random, derived('autoflow refresh MAC', $of)));
}

sub copy_of ($pair, $number = 1, @how) {
    return made($pair->{user}{id}, sid($pair), $number, column($pair, 'random'), @how);
}

# likewise from before keys had ids
sub unkeyed ($pair, $number = 1) { copy_of($pair, $number, $secret, 0xaf) }

# made by the previous version: a session with a legacy token
sub former ($account) {
    my $token = encode_base64url(join '', map { chr int rand 256 } 1 .. 32);
    my $pair = login($account);
    $t->db->do(q{UPDATE autoflow.sessions SET number = 0, random = NULL,
        token_hash = decode(?, 'hex')
        WHERE id = ?}, {}, sha256_hex($token), sid($pair));
    stored($pair, $token);
    return {%$pair, refresh_token => $token};
}

sub stored ($pair, $token) {
    $t->db->do(q{INSERT INTO autoflow.refresh_tokens (token_hash, session_id, expires_at)
        VALUES (decode(?, 'hex'), ?, now() + interval '7 days')}, {}, sha256_hex($token),
        sid($pair));
}

# exchanged by the previous version
sub former_successor ($pair) {
    my $token = encode_base64url(hmac_sha256(token($pair), derived('autoflow refresh token')));
    $t->db->do(q{UPDATE autoflow.sessions SET previous_hash = token_hash,
        token_hash = decode(?, 'hex'),
        rotated_at = now() WHERE id = ?}, {}, sha256_hex($token), sid($pair));
    stored($pair, $token);
    return {%$pair, refresh_token => $token};
}


subtest 'the contents of a token' => sub {
    my $ada = account();
    like token($ada), qr/^r[A-Za-z0-9_-]{113}$/, 'its form';
    is token($ada), copy_of($ada), 'of ids, a number, the secret and the random of its row';
    my $new = next_of($ada);
    is token($new), copy_of($ada, 2), 'its successor is the next number';
    is column($ada, 'number'), 2, 'which the row has';
    $new = next_of($new) for 1 .. 3;
    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.refresh_tokens'), 0,
        'no row is left of any';
    isnt column($ada, 'random'), column(login($ada), 'random'), 'each session has its own random';
    is events($ada, 'refresh_token_reused'), 0;
};

subtest 'refreshing writes no index' => sub {
    my @pairs = map { account() } 1 .. 5;
    my $updates = sub {
        return @{$t->db->selectrow_hashref(q{SELECT n_tup_upd, n_tup_hot_upd
            FROM pg_stat_user_tables
            WHERE schemaname = 'autoflow' AND relname = 'sessions'})}{qw(n_tup_upd n_tup_hot_upd)};
    };
    # a backend reports its statistics when it exits, at the latest
    my $settled = sub {
        $t->reload->ready;
        return $updates->();
    };
    my @before = $settled->();
    for (1 .. 100) {
        $_ = $t->ua->post('/auth/refresh' => json => {refresh_token => token($_)})
            ->res->json for @pairs;
    }
    is scalar(grep { $_->{access_token} } @pairs), 5;
    $t->wait_for(sub { ($settled->())[0] - $before[0] >= 500 });
    my @after = $updates->();
    cmp_ok $after[1] - $before[1], '>=', 475, "of 500 updates at least 475 are HOT";
};

subtest 'a token from years ago' => sub {
    my $ada = account();
    my $other = login($ada);
    my $now = $ada;
    $now = next_of($now) for 1 .. 3;
    set($ada, q{created_at = created_at - interval '3 years',
        rotated_at = rotated_at - interval '2 years',
        last_used_at = last_used_at - interval '2 years'});
    $now = next_of($now);
    refresh($ada)->problem_is(401, 'token_reused', 'is known to be used');
    me($now)->problem_is(401, 'token_revoked', 'its session has ended');
    me($other)->status_is(200, 'and no other one');
    refresh($now)->problem_is(401, 'invalid_token');
    is events($ada, 'refresh_token_reused'), 1, 'audited';
};

subtest 'a number that the database has lost' => sub {
    my $ada = account();
    my $old = next_of($ada);
    my $now = next_of(next_of($old));
    set($ada, 'number = 2');
    my $new = next_of($now);
    is number($new), 5, 'is taken, and goes on';
    is token(next_of($now)), token($new), 'again within the grace';
    is number(next_of($new)), 6;
    refresh($old)->problem_is(401, 'token_reused', 'what it was before is used');
};

subtest 'invalid tokens' => sub {
    my $ada = account();
    my $octets = decode_base64url(token($ada));
    for my $at (0, 1, 4, 5, 21, 44, 45, 52, 53, 84) {
        my $junk = $octets;
        substr($junk, $at, 1) ^= "\x01";
        refresh(encode_base64url($junk))->problem_is(401, 'invalid_token', "octet $at");
        logout(encode_base64url($junk))->problem_is(401, 'invalid_token');
    }
    refresh(made($ada->{user}{id}, sid($ada), 1, column($ada, 'random'), "\xf0" x 32))
        ->problem_is(401, 'invalid_token', 'the database without the secret');
    refresh(made($ada->{user}{id}, sid($ada), 1, "\0" x 32))
        ->problem_is(401, 'invalid_token', 'the secret without the database');
    my $eve = account();
    refresh(made($eve->{user}{id}, sid($ada), 1, column($ada, 'random')))
        ->problem_is(401, 'invalid_token', "another account's session");
    refresh(made($ada->{user}{id}, '019ada00-0000-7000-8000-000000000001', 1,
        column($ada, 'random')))
        ->problem_is(401, 'invalid_token', 'a session that is no more');
    me($ada)->status_is(200, 'that is no theft');
    is token(next_of($ada)), copy_of($ada, 2);

    my $lock = $t->locked('sessions');
    refresh('r' . 'A' x 107)->problem_is(401, 'invalid_token', 'costs no query');
    $lock->rollback;
};

subtest 'ended and expired' => sub {
    my $ada = account();
    set($ada, 'expires_at = now()');
    refresh($ada)->problem_is(401, 'token_expired');
    logout($ada)->problem_is(401, 'token_expired');
    set($ada, q{expires_at = now() + interval '1 hour'});
    logout($ada)->status_is(204);
    refresh($ada)->problem_is(401, 'invalid_token', 'ended');
    logout($ada)->problem_is(401, 'invalid_token');
};

subtest 'only the current token is valid' => sub {
    my $ada = account();
    my @others = map { login($ada) } 1 .. 2;
    my $phone = login($ada);
    my $former = $phone;
    $phone = next_of($phone);
    logout($former, '?scope=others')->status_is(204, 'or the former within the grace');
    me($_)->problem_is(401, 'token_revoked') for $ada, @others;

    $ada = login($ada);
    $phone = next_of($phone);
    logout($former, '?scope=others')
        ->problem_is(401, 'token_reused', 'an older one ends no others');
    me($ada)->status_is(200);
    me($phone)->problem_is(401, 'token_revoked', 'but its own session');
    is events($ada, 'refresh_token_reused'), 1, 'audited as theft';

    my $next = next_of($ada);
    set($ada, q{rotated_at = now() - interval '1 minute'});
    logout($ada)->problem_is(401, 'token_reused', 'nor does the former after the grace');
    me($next)->problem_is(401, 'token_revoked');
};

subtest 'overlapping requests' => sub {
    my $ada = account();
    my $lock = $t->locked;
    my @both = map { $t->client->send(Test::Autoflow::Client::request(POST => '/auth/refresh', {},
        encode_json({refresh_token => token($ada)}))) } 1, 2;
    $t->wait_for(sub { $t->blocked == 2 });
    $lock->rollback;
    my @pairs = map { decode_json($_->answer->{body}) } @both;
    is token($pairs[0]), token($pairs[1]), 'get the same successor';
    is column($ada, 'number'), 2, 'the next one';

    # the previous one logs out while the current one is exchanged
    my $now = $pairs[0];
    $lock = $t->locked;
    my $refresh = $t->client->send(Test::Autoflow::Client::request(POST => '/auth/refresh', {},
        encode_json({refresh_token => token($now)})));
    $t->wait_for(sub { $t->blocked == 1 });
    my $logout = $t->client->send(Test::Autoflow::Client::request(POST => '/auth/logout', {},
        encode_json({refresh_token => token($ada)})));
    $t->wait_for(sub { $t->blocked == 2 });
    $lock->rollback;
    is $refresh->status, 200;
    like $logout->answer->{body}, qr/token_reused/,
        'who comes second is judged by what the first has left';
};

subtest 'secret rotation' => sub {
    my $ada = account();
    my $eve = account();
    my $bob = account();
    my $new = next_of($ada);
    my $other = "\xf0" x 32;
    my $settings = sub (@secrets) { join '; autoflow_secret ',
        map { 'hex:' . unpack 'H*', $_ } @secrets };

    $t->settings->{autoflow_secret} = $settings->($other, $secret);
    $t->reload->ready;
    my $again = next_of($ada);
    is number($again), number($new), 'the former one still counts: the same successor';
    isnt token($again), token($new), 'made with the new one';
    my $next = next_of($new);
    is token(next_of($again)), token($next), 'the one is worth what the other is';
    my $last = next_of($next);
    is number(next_of(unkeyed($bob))), 2, 'one without a key id, too';

    $t->settings->{autoflow_secret} = $settings->($other);
    $t->reload->ready;
    refresh($_)->problem_is(401, 'invalid_token', 'without it nothing that it made is good')
        for $new, $eve, unkeyed($eve);
    me($eve)->status_is(200, 'but that is no theft');
    next_of($last);

    $t->settings->{autoflow_secret} = $settings->($secret, $other);
    $t->reload->ready;
    next_of($eve);
    refresh($new)->problem_is(401, 'token_reused', 'a used one is known by whichever secret');
};

subtest 'a token without a key id' => sub {
    my $ada = account();
    my $old = unkeyed($ada);
    like $old, qr/^r[A-Za-z0-9_-]{107}$/, 'as issued by the previous version';
    my $new = next_of($old);
    is token($new), copy_of($ada, 2), 'is exchanged for one with it';
    is token(next_of($ada)), token($new), 'as is the one that says the same';
    logout(unkeyed($ada, 2))->status_is(204, 'it may log out');
    me($new)->problem_is(401, 'token_revoked');

    my $octets = decode_base64url(unkeyed($ada));
    for my $at (0, 1, 17, 41, 80) {
        my $junk = $octets;
        substr($junk, $at, 1) ^= "\x01";
        refresh(encode_base64url($junk))->problem_is(401, 'invalid_token', "octet $at");
    }
};

subtest 'a legacy token' => sub {
    my $ada = account();
    my $old = former($ada);
    my $new = next_of($old);
    is number($new), 1, 'is exchanged for one of this form';
    is token(next_of($old)), token($new), 'the same again within the grace';
    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.refresh_tokens WHERE session_id = ?',
        {}, sid($old)),
        1, 'without another row';
    is length column($old, 'random'), 32, 'the session has its random now';
    my $next = next_of($new);
    refresh($old)->problem_is(401, 'token_reused', 'after its successor was used it is theft');
    me($next)->problem_is(401, 'token_revoked');

    $old = former($ada);
    $new = next_of($old);
    set($old, q{rotated_at = now() - interval '1 minute'});
    refresh($old)->problem_is(401, 'token_reused', 'after the grace likewise');
    me($new)->problem_is(401, 'token_revoked');

    $old = former($ada);
    me($ada)->status_is(200);
    logout($old, '?scope=others')->status_is(204, 'it may log out');
    me($ada)->problem_is(401, 'token_revoked');
    logout($old)->status_is(204);
    refresh($old)->problem_is(401, 'invalid_token', 'ended');
    refresh('A' x 43)->problem_is(401, 'invalid_token', 'unknown');
};

subtest 'a node of the previous version, with the same session' => sub {
    my $ada = account();
    my $first = former($ada);
    my $second = former_successor($first);
    is token(next_of($first)), token($second), 'the successor that it gave is given here, too';
    my $third = former_successor($second);
    my $new = next_of($third);
    is number($new), 1, 'until its token is exchanged here';
    refresh($second)->problem_is(401, 'token_reused', 'what was used there is used');

    # the verdict of the previous version's statement on a token exchanged here
    my $old = former($ada);
    next_of($old);
    is_deeply [
        $t->db->selectrow_array(q{SELECT encode(token_hash, 'hex'), encode(previous_hash, 'hex')
        FROM autoflow.sessions WHERE id = ?}, {}, sid($old))], [undef, sha256_hex(token($old))],
        'it finds the former one in its place, and no successor';
};

subtest 'what is purged' => sub {
    my $count = sub ($from) { $t->db->selectrow_array("SELECT count(*) FROM autoflow.$from") };
    my $purge = sub { 1 while $t->db->selectrow_array('SELECT autoflow.purge()') };
    $t->db->do(q{UPDATE autoflow.purged SET session_id = '00000000-0000-0000-0000-000000000000'});

    my $ada = account();
    my %of = map { $_ => login($ada) } qw(ended lately expired living used);
    my $former = former($ada);
    set($_, q{created_at = created_at - interval '1 year',
        last_used_at = last_used_at - interval '1 year'})
        for values %of;
    set($of{ended}, q{ended_at = now() - interval '8 days'});
    set($of{lately},
        q{ended_at = now() - interval '6 days', expires_at = now() - interval '20 days'});
    set($of{expired},
        q{expires_at = now() - interval '8 days', access_expires_at = now() - interval '8 days'});
    set($of{living}, q{expires_at = now() + interval '5 years'});
    set($former, q{ended_at = now() - interval '8 days'});
    # more than one round deletes
    $t->db->do(q{INSERT INTO autoflow.refresh_tokens (token_hash, session_id, expires_at)
        SELECT sha256(i::text::bytea), ?, now() + interval '1 day' FROM generate_series(1,
        1500) AS i}, {}, sid($former));
    my $sessions = $count->('sessions');

    is $t->db->selectrow_array('SELECT autoflow.purge()'), 1,
        'the first call leaves something to do';
    cmp_ok $count->('refresh_tokens WHERE session_id = \'' . sid($former) . q{'}), '>', 400,
        'as it does a thousand at a time';
    $purge->();
    is $sessions - $count->('sessions'), 3, 'gone are those that ended or expired a week ago';
    is $count->(q{sessions WHERE id = '} . sid($_) . q{'}), 0 for @of{qw(ended expired)}, $former;
    is $count->(q{refresh_tokens WHERE session_id = '} . sid($former) . q{'}), 0,
        'and their tokens';
    next_of($of{living});
    next_of($of{used});
    refresh($of{$_})->problem_is(401, 'invalid_token', $_) for qw(ended lately expired);

    # over and over, a thousand each time, whatever their number
    $t->db->do(q{INSERT INTO autoflow.sessions (user_id, number, expires_at, access_expires_at)
        SELECT ?, 1, now() + interval '1 day', now() FROM generate_series(1, 2500)}, {},
        $ada->{user}{id});
    my $last = login($ada);
    $t->db->do(q{UPDATE autoflow.sessions SET ended_at = now() - interval '8 days' WHERE id = ?},
        {}, sid($last));
    $t->db->selectrow_array('SELECT autoflow.purge()') for 1 .. 6;
    is $count->(q{sessions WHERE id = '} . sid($last) . q{'}), 0, 'the walk comes to the last one';
};

$t->finish;
done_testing;
