# Lifetimes: each is checked shortly before and after its end.  Time passes in
# the database, and in tokens that are made with older times.  (Those of
# addresses are in t/58-familiar.t, those of limits in t/29-attempts.t and
# t/unit/limits.c.)

use Mojo::Base -strict, -signatures;
use DBI;
use MIME::Base64 qw(decode_base64url);
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json encode_json);
use Test::Autoflow;
use Test::Autoflow::Maildir;
use Test::More;

my $good  = 'correct horse battery staple';
my $fresh = 'a fresh battery for the horse';
my $app   = 'location /app/ { autoflow_auth on; proxy_pass http://echo; }';
my $t     = Test::Autoflow->new(clock => 1, server => $app);

# by this server's clock access tokens live five minutes longer
my $lenient = Test::Autoflow::free_port();
$t->http("server { listen 127.0.0.1:$lenient; autoflow_leeway 5m; $app }");

my $mails = Test::Autoflow::Maildir->new(t => $t);

use constant {MINUTE => 60, HOUR => 3600, DAY => 86_400};

sub configure (%settings) { $mails->configure(autoflow_refresh_grace => '1m', %settings) }

sub reload (%settings) {
    configure(%settings);
    $t->reload->ready;
}

# the shared memory is new, and filled from the database
sub restart { $t->stop; $t->start_nginx->ready }

# a time, and how much has passed since then by elapse()
my ($mark, $passed);

sub mark { ($mark, $passed) = (now(), 0) }

# advances the time of all rows, without triggering changes; a role's revocation
# has a time as its epoch
sub elapse ($seconds) {
    my $db = $t->postgresql->connect('postgres');
    $db->do('SET session_replication_role = replica');
    my $columns = $db->selectall_arrayref(q{
        SELECT attrelid::regclass, string_agg(format('%1$I = %1$I - $1', attname), ', ')
          FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
         WHERE relnamespace = 'autoflow'::regnamespace AND relkind = 'r' AND relname !~ '^audit'
           AND atttypid = 'timestamptz'::regtype AND attgenerated = '' AND attnum > 0
         GROUP BY attrelid});
    $db->do("UPDATE $_->[0] SET $_->[1]" =~ s/\$1/interval '$seconds seconds'/gr) for @$columns;
    $db->do('UPDATE autoflow.revocations SET epoch = epoch - ? WHERE epoch > 1e9', {}, $seconds);
    $db->disconnect;
    $passed += $seconds;
}

sub one ($sql, @values) { scalar $t->db->selectrow_array($sql, {}, @values) }
sub now { one('SELECT extract(epoch FROM now())') }

my $accounts = 0;
sub account { $t->register(email => 'ageing' . ++$accounts . '@example.com') }

sub login ($account, $password = $good) {
    $t->post_ok('/auth/login' => json =>
        {email => $account->{user}{email}, password => $password})->status_is(200);
    return $t->tx->res->json;
}

# only with its refresh token
sub post ($path, $pair) {
    return $t->post_ok($path => json => {refresh_token => $pair->{refresh_token}});
}

sub refresh ($pair) { post('/auth/refresh', $pair) }
sub next_of ($pair) { refresh($pair)->status_is(200)->tx->res->json }

sub end ($pair, $which = 'logout') {
    $t->post_ok("/auth/$which" => $t->bearer($pair))->status_is(204);
}

sub me ($pair) { $t->get_ok('/auth/me' => $t->bearer($pair)) }

# over a new connection, so that it may be any worker
sub app ($pair, $port = $t->port) {
    my $url = "http://127.0.0.1:$port/app/x";
    my $res = Mojo::UserAgent->new->get($url => $t->bearer($pair))->res;
    my $why = $res->headers->www_authenticate // '';
    return $res->code . ' ' . $why =~ s/.*error_description="(\w+)".*/$1/r;
}

sub claims ($pair) { decode_json(decode_base64url((split /\./, $pair->{access_token})[1])) }
sub sid ($pair) { claims($pair)->{sid} }

# an access token as it is after so many seconds
sub aged ($pair, $seconds, %claims) {
    my $claims = claims($pair);
    return $t->token({%$claims, map({ $_ => $claims->{$_} - $seconds } qw(iat exp)), %claims});
}

# a time in a row
sub at ($column, $from, @values) {
    return one("SELECT extract(epoch FROM $column) FROM autoflow.$from", @values);
}

sub revoked_until ($id) { at('expires_at', 'revocations WHERE subject_id = ?', $id) }

# whether that is so many seconds after something that was done since the mark
sub lasts ($until, $seconds, $name, $longest = $seconds) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $got = ($until // 0) + $passed - $mark;
    ok $got >= $seconds - 1 && $got <= now() - $mark + $longest + 1, $name
        or diag "$got, and not $seconds";
}

# whether a node that starts now learns it
sub told_of ($id) { grep { $_->{revoked} =~ /^$id/ } statement('feed/revocations',
    node_time => int now()) }

# a statement of the module as it would run by now: its rows
sub statement ($name, %values) {
    my $sql = path("$Test::Autoflow::root/sql/queries/$name.sql")->slurp =~ s/^--.*//mgr;
    $sql =~ s/(?<!:):(\w+)/$t->db->quote($values{$1} \/\/ die "no $1")/ge;
    return @{$t->db->selectall_arrayref($sql =~ s/;\s*$//r, {Slice => {}})};
}

configure();
$t->start;


subtest 'from the issue of tokens' => sub {
    mark();
    my $ada = account();
    my %pairs = (registration => $ada, login => login($ada), refresh => next_of(login($ada)));
    my $row = 'sessions WHERE id = ?';
    for (sort keys %pairs) {
        my ($claims, $sid) = (claims($pairs{$_}), sid($pairs{$_}));
        lasts $claims->{exp}, 30 * MINUTE, "$_: the access token";
        lasts at('access_expires_at', $row, $sid), 30 * MINUTE, 'which its row knows';
        lasts at('expires_at', $row, $sid), 7 * DAY, 'the refresh token';
    }
};

subtest 'an access token' => sub {
    my $ada = account();
    is app(aged($ada, 29 * MINUTE)), '200 ', 'lives';
    is app(aged($ada, 30 * MINUTE)), '401 token_expired', 'and has expired';

    # verified, and cached by the worker
    $t->hold;
    my $token = aged($ada, 0, exp => 2 + int $t->now);
    is app($token), '200 ', 'is verified once' for 1, 2;
    $t->pass(2);
    is app($token), '401 token_expired', 'but expires when it is due';
    restart();
};

subtest 'a refresh token' => sub {
    my ($ada, $eve) = (account(), account());
    elapse(7 * DAY - MINUTE);
    mark();
    my $new = next_of($ada);
    lasts at('last_used_at', 'sessions WHERE id = ?', sid($ada)), 0, 'is used now';
    elapse(MINUTE + 1);
    refresh($eve)->problem_is(401, 'token_expired', 'has expired');
    post('/auth/logout', $eve)->problem_is(401, 'token_expired', 'for a logout, too');
    elapse(7 * DAY - 2 * MINUTE);
    next_of($new);
};

subtest 'the grace period' => sub {
    my $ada = account();
    elapse(HOUR);
    my $new = next_of($ada);
    elapse(20);
    is next_of($ada)->{refresh_token}, $new->{refresh_token}, 'the same successor';
    elapse(20);
    is next_of($ada)->{refresh_token}, $new->{refresh_token}, 'and again';
    elapse(21);
    refresh($ada)->problem_is(401, 'token_reused', 'from the exchange, not from the last of these');

    $ada = account();
    $new = next_of($ada);
    elapse(61);
    post('/auth/logout', $ada)->problem_is(401, 'token_reused');
    is app($new), '401 token_revoked', 'for a logout, too';
};


# A revocation must outlive all its tokens: by ten minutes, for leeway and clock
# differences.

subtest 'a revocation covers the newest token' => sub {
    my $ada = account();
    elapse(29 * MINUTE);
    mark();
    my $new = next_of($ada);
    end($new);
    lasts revoked_until(sid($new)), 40 * MINUTE, 'a session that was refreshed late';

    my $bob   = account();
    my $later = next_of($bob);
    elapse(40);
    mark();
    next_of($bob);
    end($later);
    lasts revoked_until(sid($later)), 40 * MINUTE, 'or whose former token was presented again';

    my $eve = account();
    elapse(25 * MINUTE);
    mark();
    my $phone = login($eve);
    elapse(2 * MINUTE);
    end($phone, 'logout-all');
    lasts revoked_until($eve->{user}{id}), 40 * MINUTE, 'an account: the newest session of all';
};

subtest 'responses agree immediately' => sub {
    mark();
    my $ada = account();
    my $said = sub ($function, $from, $id) {
        my $line = one("SELECT autoflow.$function FROM autoflow.$from WHERE id = ?", $id);
        lasts((split / /, $line)[3], 40 * MINUTE, "$function, to the own node");
    };
    $said->('session_revocation(s)', 'sessions s', sid($ada));
    $t->db->do('UPDATE autoflow.users SET token_epoch = token_epoch + 1 WHERE id = ?', {},
        $ada->{user}{id});
    $said->('account_revocation(u)', 'users u', $ada->{user}{id});
};

subtest 'a revocation lasts as long as a token, also on a new node' => sub {
    my $ada = account();
    my $other = login($ada);
    end($ada);
    elapse(34 * MINUTE);
    restart();
    is app(aged($other, 34 * MINUTE), $lenient), '200 ', 'the leeway makes a token good';
    is app(aged($ada, 34 * MINUTE), $lenient), '401 token_revoked', 'but not this one';
    elapse(5 * MINUTE);
    ok told_of(sid($ada)), 'ten minutes are for clocks, too';
    elapse(2 * MINUTE);
    ok !told_of(sid($ada)), 'after that no node needs it';
    is app(aged($ada, 41 * MINUTE), $lenient), '401 token_expired';
};

subtest 'logout of the other sessions' => sub {
    my $living = sub ($pair) {
        return $t->get_ok('/auth/sessions' => $t->bearer($pair))->tx->res->json('/total');
    };
    my $shorter = 'UPDATE autoflow.sessions SET expires_at = access_expires_at WHERE id = ?';
    for my $how ('others', 'password', 'all') {
        my $ada = account();
        $t->db->do($shorter, {}, sid($ada));
        elapse(34 * MINUTE);
        my $new   = login($ada);
        my $token = aged($ada, 34 * MINUTE);
        is app($token, $lenient), '200 ', "$how: a token that is good by the leeway alone";
        is $living->($new), 2, 'is of a session that lives';
        end($new, 'logout?scope=others') if $how eq 'others';
        end($new, 'logout-all') if $how eq 'all';
        $t->put_ok('/auth/me/password' => $t->bearer($new) => json =>
            {current_password => $good, new_password => $fresh})->status_is(204)
            if $how eq 'password';
        is app($token, $lenient), '401 token_revoked', 'and ends with the others';
    }
    my $ada = account();
    $t->db->do($shorter, {}, sid($ada));
    elapse(41 * MINUTE);
    is $living->(login($ada)), 1, 'ten minutes later it does not';
};

subtest 'a shorter lifetime after a reload' => sub {
    reload(autoflow_access_ttl => '2h');
    mark();
    my ($ada, $bob, $eve) = map { account() } 1 .. 3;
    my $later = next_of($bob);
    reload(autoflow_access_ttl => '5m');
    my $new = next_of($ada);
    lasts claims($new)->{exp}, 5 * MINUTE, 'is that of the next token';
    end($new);
    lasts revoked_until(sid($ada)), 130 * MINUTE, 'but the former one is covered';
    is next_of($bob)->{refresh_token}, $later->{refresh_token};
    end($later);
    lasts revoked_until(sid($bob)), 130 * MINUTE, 'when a token is presented again, too';

    # the account, repeatedly
    my $epoch = sub ($id) {
        one('SELECT epoch FROM autoflow.revocations WHERE subject_id = ?', $id);
    };
    end($eve, 'logout-all');
    my $again = login($eve);
    end($again, 'logout-all');
    lasts revoked_until($eve->{user}{id}), 130 * MINUTE, 'a shorter one does not shrink a longer';
    is $epoch->($eve->{user}{id}), 2, 'and the epoch is the later one';
    restart();
    is app($_), '401 token_revoked', 'so that a node that starts refuses both' for $eve, $again;

    my $id = $bob->{user}{id};
    one(q{SELECT autoflow.revoke(?, ?, now() + interval '1 hour')}, $id, $_) for 5, 4;
    is $epoch->($id), 5, 'an epoch does not fall either';
    reload();
};


sub count ($from, @values) { one("SELECT count(*) FROM autoflow.$from", @values) }

sub purge {
    $t->db->do(q{UPDATE autoflow.purged SET session_id = '00000000-0000-0000-0000-000000000000'});
    1 while one('SELECT autoflow.purge()');
}

subtest 'what is kept, and what is purged' => sub {
    my $ada = account();
    # when it ended, its refresh token and its access token expire; whether it
    # is deleted.  A week has 168 hours.
    my @sessions = (
        ['living',                  undef,        '3 days',     '-4 days',    0],
        ['living for years',        undef,        '9 years',    '-3 years',   0],
        ['expired lately',          undef,        '-167:59',    '-8 days',    0],
        ['expired a week ago',      undef,        '-168:00:01', '-8 days',    1],
        ['its access token lives',  undef,        '-9 days',    '10 minutes', 0],
        ['that expired, too',       undef,        '-9 days',    '-167:59',    0],
        ['a week ago',              undef,        '-9 days',    '-168:00:01', 1],
        ['ended lately',            '-167:59',    '-9 days',    '-9 days',    0],
        ['ended with its account',  '-168:00:01', '3 days',     '-infinity',  1],
        ['ended before its tokens', '-168:00:01', '3 days',     '3 days',     1],
    );
    my @ids = map {
        one(q{INSERT INTO autoflow.sessions (user_id, number, created_at, last_used_at, ended_at,
                expires_at, access_expires_at)
            VALUES (?, 1, now() - interval '3 years', now() - interval '3 years',
                now() + ?::interval, now() + ?::interval,
                coalesce(now() + nullif(?, '-infinity')::interval, '-infinity')) RETURNING id},
            $ada->{user}{id}, @$_[1 .. 3])
    } @sessions;
    $t->db->do(q{INSERT INTO autoflow.refresh_tokens (token_hash, session_id, expires_at)
        SELECT sha256(e::bytea), ?, now() + e::interval
          FROM unnest(ARRAY['-7 days +1 minute', '-7 days -1 second', '1 day']) AS e},
        {}, $ids[0]);
    $t->db->do(q{INSERT INTO autoflow.revocations
        SELECT gen_random_uuid(), 4711, now(), now() + e::interval
          FROM unnest(ARRAY['1 hour', '-1 day +1 minute', '-1 day -1 second']) AS e});
    purge();

    for my $n (0 .. $#sessions) {
        my ($name, $goes) = @{$sessions[$n]}[0, 4];
        is count('sessions WHERE id = ?', $ids[$n]), 1 - $goes, "a session: $name";
    }
    is count('refresh_tokens WHERE session_id = ?', $ids[0]), 2, 'refresh tokens: for a week';
    is count('revocations WHERE epoch = 4711'), 2, 'revocations: for a day';
    me($ada)->status_is(200);
    next_of($ada);
};

subtest 'a session of years' => sub {
    my $ada = account();
    my $now = $ada;
    for (1 .. 3) {
        elapse(6 * DAY + 23 * HOUR);
        $t->db->do(q{UPDATE autoflow.sessions SET created_at = created_at - interval '1 year'});
        purge();
        $now = next_of($now);
    }
    is sid($now), sid($ada), 'goes on while it is used';
    elapse(7 * DAY + 1);
    refresh($now)->problem_is(401, 'token_expired', 'a week after its end it is known');
    elapse(7 * DAY + 1);
    purge();
    refresh($now)->problem_is(401, 'invalid_token', 'another week later it is not');
};


# Mails, and the tokens in them

sub forgot ($email) {
    return $t->post_ok('/auth/forgot-password' => json => {email => $email})->status_is(202);
}

sub resend ($email, $who) {
    return $t->post_ok('/api/user/verify-email/resend' => $t->bearer($who) => json =>
        {email => $email})->status_is(202);
}

sub move ($who, $email) {
    return $t->patch_ok('/auth/me' => $t->bearer($who) => json =>
        {email => $email, current_password => $good})->status_is(200);
}

sub reset_with ($token, $password = $fresh) {
    return $t->post_ok('/auth/reset-password' =>
        json => {token => $token, new_password => $password});
}

sub verify ($token) { $t->post_ok('/api/user/verify-email' => json => {token => $token}) }

sub mailed ($recipient, $kind) {
    return count('outbox WHERE recipient = ? AND kind = ?', $recipient, $kind);
}

# each kind: a mail to a separate account, the lifetime of its token, and its
# use
my %kinds = (
    verify_email => [DAY, sub ($who, $email) { $mails->token($email, 'verify-email') }, \&verify],
    change_email => [DAY, sub ($who, $email) {
        move($who, "moved.$email");
        return $mails->token("moved.$email", 'verify-email');
    }, \&verify],
    reset_password => [HOUR, sub ($who, $email) {
        forgot($email);
        return $mails->token($email, 'reset-password');
    }, \&reset_with],
    claim_account => [HOUR, sub ($who, $email) {
        $t->post_ok('/auth/register' => json => {email => $email, password => $good})
            ->problem_is(409, 'email_taken');
        return $mails->token($email, 'reset-password');
    }, \&reset_with],
);

sub token ($kind, $who) { $kinds{$kind}[1]->($who, $who->{user}{email}) }

for my $kind (sort keys %kinds) {
    my ($lifetime, undef, $use) = @{$kinds{$kind}};
    subtest "the token of $kind" => sub {
        my @tokens = map { token($kind, account()) } 1, 2;
        elapse($lifetime - MINUTE);
        $use->($tokens[0])->status_is(204, 'counts');
        elapse(MINUTE + 1);
        $use->($tokens[1])->problem_is(400, 'invalid_token', 'and has expired');
    };
}

subtest 'an expired token' => sub {
    my $token = token('reset_password', account());
    reset_with($token, 'password')->problem_is(422, 'validation_failed', 'until then it is kept');
    elapse(HOUR + 1);
    reset_with($token, 'password')->problem_is(400, 'invalid_token', 'before anything is hashed');
};

subtest 'the lifetime of a session' => sub {
    reload(autoflow_sessions => 'lifetime=10d');
    my $now = my $ada = account();
    for (1, 2) {
        elapse(3 * DAY);
        $now = next_of($now);
    }
    my $hours = sub ($account) { one(q{SELECT round(extract(epoch FROM expires_at - created_at)
        / 3600) FROM autoflow.sessions WHERE id = ?}, sid($account)) };
    is $hours->($now), 240, 'however often it is refreshed';
    elapse(4 * DAY - 2 * MINUTE);
    $now = next_of($now);
    elapse(3 * MINUTE);
    refresh($now)->problem_is(401, 'token_expired', 'it ends');
    is sid(login($ada)) eq sid($now), '', 'another login opens another one';

    reload(autoflow_sessions => 'lifetime=2h');
    my $eve = account();
    is $hours->($eve), 2, 'from the login on';
    elapse(2 * HOUR + 1);
    refresh($eve)->problem_is(401, 'token_expired', 'also if refresh tokens would live longer');
    reload();
    my $long = account();
    elapse(3 * DAY);
    $long = next_of($long);
    reload(autoflow_sessions => 'lifetime=2d');
    refresh($long)->problem_is(401, 'token_expired', 'and for sessions from before');
    reload();
    is sid(next_of($long)), sid($long), 'until it is unlimited again';
};

subtest 'an idle session' => sub {
    reload(autoflow_sessions => 'idle=2d');
    my $now = my $ada = account();
    for (1, 2) {
        elapse(2 * DAY - MINUTE);
        $now = next_of($now);
    }
    my $eve = login($ada);
    elapse(DAY);
    $now = next_of($now);
    elapse(DAY + MINUTE);
    refresh($eve)->problem_is(401, 'token_expired', 'it ends');
    $now = next_of($now);
    $t->get_ok('/auth/sessions' => $t->bearer($now))
        ->json_is('/total' => 1, 'and is no longer listed');
    reload();
    is sid(next_of($eve)), sid($eve), 'until it may be idle again';
};

subtest 'a reset that expires while its password is hashed' => sub {
    my $ada   = account();
    my $token = token('reset_password', $ada);
    my $hand  = $t->postgresql->connect;
    $hand->begin_work;
    $hand->do('SELECT FROM autoflow.users WHERE id = ? FOR UPDATE', {}, $ada->{user}{id});
    my $reset = $t->client->send(Test::Autoflow::Client::request(POST => '/auth/reset-password',
        {}, encode_json({token => $token, new_password => $fresh})));
    $t->wait_for(sub { $t->blocked == 1 });
    $hand->do(q{UPDATE autoflow.outbox SET created_at = created_at - interval '1 hour'
        WHERE user_id = ?}, {}, $ada->{user}{id});
    $hand->commit;
    is $reset->status, 400, 'is none';
    login($ada);
};

subtest 'mails that anyone may request' => sub {
    my $email = account()->{user}{email};
    my $count = sub { mailed($email, 'reset_password') };
    elapse(2 * HOUR);
    forgot($email);
    elapse(40);
    forgot($email);
    is $count->(), 1, 'none within a minute';
    elapse(21);
    forgot($email);
    is $count->(), 2, 'and then one';
    elapse(61), forgot($email) for 1 .. 4;
    is $count->(), 5, 'five';
    elapse(HOUR - 5 * 61 - 61);
    forgot($email);
    is $count->(), 5, 'within an hour';
    elapse(MINUTE + 2);
    forgot($email);
    is $count->(), 6, 'from the first of them';
    elapse(61);
    forgot($email);
    is $count->(), 7, 'the second one a minute later';
};

subtest 'mails for a change' => sub {
    my @who = map { account() } 1 .. 3;
    elapse(2 * HOUR);
    my $count = sub ($to = 'wish@example.com') { mailed($to, 'change_email') };

    move($who[0], 'wish@example.com');
    elapse(40);
    resend('wish@example.com', $who[0]);
    is $count->(), 1, 'none within a minute';
    move($who[1], 'wish@example.com');
    is $count->(), 2, 'but for another account';
    elapse(21);
    resend('wish@example.com', $who[0]);
    is $count->(), 3, 'then one';
    elapse(61), resend('wish@example.com', $who[0]) for 1 .. 4;
    is $count->(), 6, 'five an hour for an account';
    elapse(61), resend('wish@example.com', $who[1]) for 1 .. 5;
    is $count->(), 10, 'and for another one';
    elapse(61);
    move($who[2], 'wish@example.com');
    is $count->(), 10, 'ten for an address';

    my $first = now() - at('min(created_at)', 'outbox WHERE recipient = ?', 'wish@example.com');
    elapse(HOUR - int($first) - 30);
    move($who[0], 'another@example.com');
    move($who[2], 'wish@example.com');
    is $count->('another@example.com') + $count->(), 10, 'within an hour';
    elapse(31);
    resend('another@example.com', $who[0]);
    is $count->('another@example.com'), 1, 'of the account';
    resend('wish@example.com', $who[2]);
    is $count->(), 11, 'and of the address';
};

subtest 'notices to the previous address' => sub {
    my $ada   = account();
    my $count = sub { mailed($ada->{user}{email}, 'email_changed') };
    move($ada, 'one@example.com');
    elapse(40);
    move($ada, 'two@example.com');
    is $count->(), 1, 'once a minute';
    elapse(21);
    move($ada, 'three@example.com');
    is $count->(), 2, 'and then again';
};

# from here on only this test sends them
subtest 'an unsent mail' => sub {
    $mails->all_sent;
    reload(autoflow_mail => 'off');
    my $ada  = account();
    my $mail = sub ($kind, $attempts = 0) {
        $t->db->do('DELETE FROM autoflow.outbox WHERE user_id = ?', {}, $ada->{user}{id});
        return one('INSERT INTO autoflow.outbox (kind, user_id, recipient, attempts)
            VALUES (?, ?, ?, ?) RETURNING id', $kind, @{$ada->{user}}{qw(id email)}, $attempts);
    };
    my $claim  = sub { statement('mail/claim') };
    my $failed = sub ($id, $attempt) {
        return statement('mail/failed', mail_id => $id, attempt => $attempt, error => 'no',
            permanent => 'false');
    };
    my $due = sub ($id) { at('due_at', 'outbox WHERE id = ?', $id) };

    my $id = $mail->('verify_email');
    mark();
    is_deeply [map { @$_{qw(id attempt void)} } $claim->()], [$id, 1, undef], 'is claimed';
    lasts $due->($id), 2 * MINUTE, 'for two minutes';
    my $header = path("$Test::Autoflow::root/src/mail/outbox.h")->slurp;
    my ($lease) = $header =~ /AF_OUTBOX_LEASE\s+(\d+)/;
    cmp_ok $lease, '<=', 115_000, 'which the worker counts as a little less';
    elapse(100);
    is_deeply [$claim->()], [], 'and by nobody else meanwhile';
    elapse(21);
    is_deeply [map { @$_{qw(id attempt)} } $claim->()], [$id, 2], 'but then';
    is_deeply [$failed->($id, 1)], [], 'what the first one says is too late';

    for ([1, 10], [5, 160], [9, 2560], [10, 3600], [40, 3600]) {
        my ($attempt, $wait) = @$_;
        $id = $mail->('verify_email', $attempt);
        mark();
        $failed->($id, $attempt);
        lasts $due->($id), 0.75 * $wait, "again after some $wait s", 1.25 * $wait;
    }

    for my $kind (sort keys %kinds, 'email_changed') {
        my $lifetime = ($kinds{$kind} // [DAY])->[0];
        $id = $mail->($kind);
        elapse($lifetime - MINUTE);
        is +($claim->())[0]{void}, undef, "$kind: worth sending to the last";
        elapse(121);
        like +($claim->())[0]{void}, qr/could not be sent in time/, 'and no longer';

        $id = $mail->($kind, 1);
        elapse($lifetime - MINUTE);
        is +($failed->($id, 1))[0]{given_up}, 0, 'tried once more while there is time';
        elapse(56);
        is +($failed->($id, 1))[0]{given_up}, 1, 'given up when there is none';
    }

    $id = $mail->('verify_email');
    elapse(30 * DAY - MINUTE);
    one('SELECT autoflow.mail_maintain()');
    is count('outbox WHERE id = ?', $id), 1, 'kept for 30 days';
    elapse(MINUTE + 1);
    one('SELECT autoflow.mail_maintain()');
    is count('outbox WHERE id = ?', $id), 0, 'and no longer';
    reload();
};


subtest 'the name of a deleted role' => sub {
    my ($root, $ada) = (account(), account());
    $t->db->do('UPDATE autoflow.users SET is_superuser = true WHERE id = ?', {}, $root->{user}{id});
    my $as_root = $t->bearer(login($root));
    my $make = sub ($name) { $t->post_ok('/auth/roles' => $as_root => json => {name => $name}) };
    my $give = sub ($name) {
        $t->put_ok("/auth/users/$ada->{user}{id}/roles" => $as_root => json => {roles => [$name]})
            ->status_is(200);
    };
    my $delete = sub ($role) { $t->delete_ok("/auth/roles/$role" => $as_root)->status_is(204) };
    my $role = $make->('editor')->status_is(201)->tx->res->json('/id');
    $give->('editor');
    my $old = login($ada);
    mark();
    $delete->($role);
    is app($old), '401 token_revoked';

    elapse(40);
    one('SELECT autoflow.purge_roles()');
    is count('user_roles WHERE role_id = ?', $role), 1, 'who had it is known for a minute';
    elapse(21);
    one('SELECT autoflow.purge_roles()');
    is count('user_roles WHERE role_id = ?', $role), 0, 'and no longer';

    elapse(39 * MINUTE - 61);
    one('SELECT autoflow.purge_roles()');
    $make->('editor')->problem_is(409, 'role_taken', 'it is kept while a token may say it');
    elapse(MINUTE + 1);
    $make->('editor')->status_is(201, 'then it is free');
    $give->('editor');
    restart();
    is app(login($ada)), '200 ', 'who is given the new role has it';
    is app(aged($old, 40 * MINUTE, exp => time + 60)), '401 token_revoked',
        'a token of the former one is none of it';
    my $subject = sub ($name) { one('SELECT autoflow.role_subject(?)', $name) };
    lasts revoked_until($subject->('editor')), DAY + 11 * MINUTE, 'for a day, whatever it lived';
    elapse(DAY - 31 * MINUTE);
    ok told_of($subject->('editor')), 'to the last minute';
    elapse(3 * MINUTE);
    ok !told_of($subject->('editor')), 'and then nobody needs it';

    # manual changes don't know the tokens' lifetime
    for my $change ('deleted_at = now()', q{name = 'another'}) {
        my ($name) = $change =~ /(\w+)/;
        $as_root = $t->bearer(login($root));
        $make->($name)->status_is(201);
        $t->db->do("UPDATE autoflow.roles SET $change WHERE name = ?", {}, $name);
        elapse(DAY + 9 * MINUTE);
        $make->($name)->problem_is(409, 'role_taken', "$name by hand: a day");
        elapse(61);
        $make->($name)->status_is(201, 'and no longer');
    }

    reload(autoflow_access_ttl => '3d');
    $as_root = $t->bearer(login($root));
    $role = $make->('lasting')->status_is(201)->tx->res->json('/id');
    mark();
    $delete->($role);
    lasts revoked_until($subject->('lasting')), 3 * DAY + 10 * MINUTE, 'longer where tokens are';
    reload();
};

subtest 'months of the audit log' => sub {
    my $months = sub { $t->db->selectcol_arrayref(q{
        SELECT right(inhrelid::regclass::text, 7)
          FROM pg_inherits
         WHERE inhparent = 'autoflow.audit_events'::regclass
           AND inhrelid::regclass::text ~ '200\d_\d\d$' ORDER BY 1}) };
    $t->db->do(q{INSERT INTO autoflow.audit_events (at, action)
        VALUES ('2001-05-31 23:59:59Z', 'x'), ('2001-06-01 00:00Z', 'y')});
    is one('SELECT autoflow.audit_is_overdue()'), 1, 'events without a partition';
    one('SELECT autoflow.audit_maintain(NULL)');
    is one('SELECT autoflow.audit_is_overdue()'), 0, 'have theirs';
    is_deeply $months->(), ['2001_05', '2001_06'], 'each its own, and all are kept';
    my $keep = sub ($more) {
        one(q{SELECT autoflow.audit_maintain(now() - '2001-06-01 00:00Z' + ?::interval)}, $more);
    };
    $keep->('1 minute');
    is_deeply $months->(), ['2001_05', '2001_06'], 'while any of its days is to be kept';
    $keep->('0');
    is_deeply $months->(), ['2001_06'], 'dropped when none is';
    is count(q{audit_events WHERE action = 'y'}), 1;

    my $days = sub ($interval) { eval { one('SELECT autoflow.audit_maintain(?)', $interval); 1 } };
    ok $days->('30 days'), '30 days';
    ok !$days->('29 days 23:59'), 'and no fewer';
    is $t->db->state, '22023';
};


subtest 'a window outlasts a reload' => sub {
    my $limit = sub ($rate) {
        reload(autoflow_attempts => "account=$rate account_total=off address=off");
    };
    $t->hold;
    $limit->('2/1h');
    my $email = account()->{user}{email};
    my $try   = sub ($password = $good) {
        $t->post_ok('/auth/login' => json => {email => $email, password => $password});
    };
    $try->('wrong')->status_is(401) for 1, 2;
    $try->()->problem_is(429, 'too_many_attempts');
    $limit->('2/1h');
    $try->()->problem_is(429, 'too_many_attempts');
    $limit->('2/2s');
    $try->()->problem_is(429, 'too_many_attempts', 'a shorter one')
        ->header_like('Retry-After' => qr/^[12]$/, 'is as long as it is now');
    $t->pass($t->tx->res->headers->header('Retry-After'));
    $try->()->status_is(200);
    configure();
    restart();
};

# docs/keys.md, and autoflow_secret in docs/directives.md
subtest 'rotation of keys and secrets' => sub {
    my ($old, $new) = ('hex:' . unpack('H*', $t->key), 'hex:' . 'b2' x 32);
    my $ada = account();
    is app($ada), '200 ', 'before' for 1, 2;

    reload(autoflow_key => "$old; autoflow_key $new use=verify");
    my $second = next_of($ada);
    is app($_), '200 ', 'the new one verifies' for $ada, $second;
    reload(autoflow_key => "$new; autoflow_key $old use=verify");
    my $third = next_of($second);
    is app($_), '200 ', 'the new one signs' for $ada, $second, $third;
    reload(autoflow_key => $new);
    is app($_), '401 invalid_token', 'the old one is gone' for $ada, $second;
    is app($third), '200 ', 'and its tokens with it alone';
    my $fourth = next_of($third);
    is sid($fourth), sid($ada), 'nobody has logged in again';

    # a session that ended before the last reload
    my $eve = account();
    end($eve);
    my ($before, $after) = map { 'hex:' . $_ x 32 } '0f', 'c3';
    my $bob = account();
    reload(autoflow_key => $new, autoflow_secret => "$after; autoflow_secret $before");
    is app($eve), '401 token_revoked', 'what has ended has ended';
    my $fifth = next_of($fourth);
    elapse(61);
    refresh($third)->problem_is(401, 'token_reused', 'what was used is known');
    reload(autoflow_key => $new, autoflow_secret => $after);
    is app($bob), '200 ', 'access tokens need no secret';
    refresh($bob)->problem_is(401, 'invalid_token', 'refresh tokens of the former one are none');
    next_of(login($bob));
    refresh($fifth)->problem_is(401, 'invalid_token');
    reload();
};


# See docs/backup.md.  This one is an hour old; the tokens of
# that hour are not in it, nor are revocations.
subtest 'an hour-old backup' => sub {
    my ($ada, $bob, $eve, $dan) = map { account() } 1 .. 4;
    my ($verify, $reset) = map { token($_, $dan) } qw(verify_email reset_password);
    my ($file, $url) = ($t->dir . '/backup', $t->postgresql->url('autoflow'));
    is system('pg_dump', '--format=custom', "--file=$file", $url), 0, 'pg_dump';

    my @ada = ($ada);
    push @ada, next_of($ada[-1]) for 1 .. 3;
    end($bob);
    end($eve, 'logout-all');
    verify($verify)->status_is(204);
    reset_with($reset)->status_is(204);
    my $phone = login($dan, $fresh);
    my $zoe   = account();

    my $dsn   = $t->postgresql->dsn('postgres') =~ s/dbname=autoflow/dbname=template1/r;
    my $admin = DBI->connect($dsn, '', '', {RaiseError => 1, PrintWarn => 0});
    $t->handle->disconnect;
    $admin->do('DROP DATABASE autoflow WITH (FORCE)');
    $admin->do('CREATE DATABASE autoflow OWNER autoflow');
    $admin->disconnect;
    is system('pg_restore', '--exit-on-error', "--dbname=$url", $file), 0, 'pg_restore';
    elapse(HOUR);
    $t->ready;

    is app($_), '401 token_revoked', 'a node that has gone on knows what ended' for $bob, $eve;
    is app(login($eve)), '401 token_revoked', 'by an epoch that the database has forgotten';
    login($dan, $good);
    verify($verify)->status_is(204, 'a token of a mail counts again');
    reset_with($reset)->problem_is(400, 'invalid_token', 'for as long as it would have');
    is app($phone), '200 ', 'a session since then is good to the end of its access token';
    refresh($phone)->problem_is(401, 'invalid_token', 'its refresh token is unknown');
    is app($zoe), '200 ', 'an account since then likewise';
    me($zoe)->problem_is(401, 'invalid_token', 'but the API knows none');
    refresh($zoe)->problem_is(401, 'invalid_token');
    my $next = next_of($ada[3]);
    is sid($next), sid($ada), 'whoever refreshed goes on';
    refresh($ada[2])->problem_is(401, 'token_reused', 'and what was used is used');

    restart();
    is app(login($eve)), '200 ', 'a node that is started knows what the backup does';
    is app($bob), '200 ', 'what has ended since then lives again';
    $bob = next_of($bob);
    configure(autoflow_key => 'hex:' . 'b2' x 32);
    restart();
    is app($_), '401 invalid_token', 'a new key ends all access tokens' for $bob, $phone, $zoe;
    is app($bob = next_of($bob)), '200 ', 'and who has a session goes on';
    configure(map { $_ => 'hex:' . 'c3' x 32 } qw(autoflow_key autoflow_secret));
    restart();
    refresh($bob)->problem_is(401, 'invalid_token', 'a new secret ends all sessions');
    is app(login($bob)), '200 ';
};

$t->finish;
done_testing;
