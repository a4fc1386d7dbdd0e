# A role is deleted by one revocation of its name, whatever the number of its
# members: on all nodes, whatever overlaps, and with the remains deleted later.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json encode_json);
use MIME::Base64 qw(decode_base64url);
use Test::Autoflow;
use Test::More;
use Time::HiRes qw(time);

my $good   = 'correct horse battery staple';
my %common = (workers => 2,
    server => 'location /app/ { autoflow_auth on; proxy_pass http://echo; }');
my $t      = Test::Autoflow->new(%common)->start;
my $other  = Test::Autoflow->new(%common, beside => $t)->start;
my $db     = $t->db;

sub login ($account) {
    my $res = $t->ua->post($t->url('/auth/login') => json => {email => $account->{user}{email},
        password => $good})->res;
    return {%{$res->json}, user => $account->{user}};
}

sub refresh ($pair) {
    $t->post_ok('/auth/refresh' => json => {refresh_token => $pair->{refresh_token}})
        ->status_is(200);
    return $t->tx->res->json;
}

sub claims ($pair) { decode_json(decode_base64url((split /\./, $pair->{access_token})[1])) }

# over a new connection, so that it may be any worker
sub app ($node, $pair) {
    my $res = Mojo::UserAgent->new->get($node->url('/app/x') => $t->bearer($pair))->res;
    return $res->code . ' '
        . ($res->headers->www_authenticate // '') =~ s/.*error_description="(\w+)".*/$1/r;
}

# waits until both nodes reject it
sub refused ($pair, $name) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    for my $node ($t, $other) {
        $node->wait_for(sub { app($node, $pair) ne '200 ' }) if $node == $other;
        is app($node, $pair), '401 token_revoked',
            $name . ($node == $other ? ', on the other node' : '');
    }
}

my $root = $t->register(email => 'root@example.com');
$db->do('UPDATE autoflow.users SET is_superuser = true');
my $as_root = $t->bearer(login($root));

sub role ($name) { $db->selectrow_array('INSERT INTO autoflow.roles (name) VALUES (?) RETURNING id',
    {}, $name) }

sub give ($account, @roles) {
    [PUT => "/auth/users/$account->{user}{id}/roles" => $as_root => json => {roles => [@roles]}] }

# a role, a member, and its tokens
sub member ($name) {
    my $id  = role($name);
    my $ada = $t->register;
    $t->tx($t->ua->start($t->ua->build_tx(@{give($ada, $name)})))->status_is(200);
    return ($id, login($ada));
}

sub delete_role ($id) { $t->delete_ok("/auth/roles/$id" => $as_root)->status_is(204) }

# a request without waiting
sub begin ($method, $path, $headers, $kind = undef, $body = undef) {
    return $t->client->send(Test::Autoflow::Client::request($method => $path, $headers, $body
        ? encode_json($body) : ()));
}

sub marked ($id) { $db->selectrow_hashref('SELECT * FROM autoflow.roles WHERE id = ?', {}, $id) }

sub revocation ($name) {
    return $db->selectrow_hashref('SELECT epoch, extract(epoch FROM expires_at - now()) AS left
        FROM autoflow.revocations WHERE subject_id = autoflow.role_subject(?)', {}, $name);
}

sub epochs { $db->selectrow_array('SELECT sum(token_epoch) FROM autoflow.users') }

sub purge { 1 while $db->selectrow_array('SELECT autoflow.purge_roles()') }

# manually, in a transaction of its own
sub transaction (@sql) {
    my $hand = $t->postgresql->connect;
    $hand->begin_work;
    $hand->do(@$_) for @sql;
    return $hand;
}


subtest 'one revocation' => sub {
    is_deeply $db->selectcol_arrayref(q{SELECT autoflow.role_subject(name)
        FROM unnest(ARRAY['a', 'editor']) AS name}),
        ['22f59a01-ce29-5f3a-deba-f4e045d46e37', 'abd48313-bb2f-d658-d30b-d4a874bf6be3'],
        'by what t/unit/zone.c knows names by';

    my ($id, $ada) = member('editor');
    my $eve = login($t->register);
    $db->do('INSERT INTO autoflow.users (email, password_hash) SELECT n || ?, ?
        FROM generate_series(1, 3000) AS n', {},
        '@members.example', 'x');
    $db->do('INSERT INTO autoflow.user_roles (user_id, role_id) SELECT id, ? FROM autoflow.users
        WHERE email LIKE ?', {}, $id, '%members.example');
    is app($_, $ada), '200 ' for $t, $other;

    my ($epochs, $rows) = (epochs(),
        $db->selectrow_array('SELECT count(*) FROM autoflow.revocations'));
    delete_role($id);
    my $request = $t->tx->res->headers->header('X-Request-ID');
    is app($t, $ada), '401 token_revoked', 'the very next request';
    refused($ada, 'a token that carries the role');
    is app($_, $eve), '200 ', 'one that does not' for $t, $other;
    is epochs(), $epochs, 'no epoch rises';
    is $db->selectrow_array('SELECT count(*) FROM autoflow.revocations'), $rows + 1,
        'one more revocation';
    is_deeply $db->selectcol_arrayref(q{SELECT action FROM autoflow.audit_events
        WHERE request_id = ?}, {},
        $request), ['role_deleted'], 'one event';
    my $next = refresh($ada);
    is_deeply claims($next)->{roles}, [], 'the next token is without';
    is app($_, $next), '200 ' for $t, $other;
    my $revocation = revocation('editor');
    cmp_ok $revocation->{left}, '>', 24 * 3600,
        'for a day at least, whatever the lifetime of tokens was';

    $other->stop;
    $other->start_nginx->ready;
    is app($other, $ada), '401 token_revoked', 'a node that starts later knows';
};

subtest 'a login that has read the role before it is deleted' => sub {
    my ($id, $ada) = member('early');
    $db->do('CREATE FUNCTION autoflow.hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_advisory_xact_lock_shared(4712); RETURN NEW; END $$');
    $db->do(q{CREATE TRIGGER hold BEFORE INSERT ON autoflow.audit_events FOR EACH ROW
        WHEN (NEW.action = 'logged_in') EXECUTE FUNCTION autoflow.hold()});
    my $hold  = transaction(['SELECT pg_advisory_xact_lock(4712)']);
    my $login = begin(POST => '/auth/login', {},
        json => {email => $ada->{user}{email}, password => $good});
    $t->wait_for(sub { $t->blocked == 1 });
    delete_role($id);
    $hold->rollback;
    my $late = decode_json($login->answer->{body});
    is_deeply claims($late)->{roles}, ['early'], 'gives a token that carries it';
    refused($late, 'which is refused');
    is_deeply claims(refresh($late))->{roles}, [], 'and can be refreshed';
    $db->do('DROP FUNCTION autoflow.hold() CASCADE');
};

subtest 'a login while the deletion is uncommitted' => sub {
    my ($id, $ada) = member('slow');
    my $hand = transaction(['UPDATE autoflow.roles SET deleted_at = now() WHERE id = ?', {}, $id]);
    my $began = time;
    $t->wait_for(sub { int time > 1 + int $began });
    my $late = login($ada);
    is_deeply claims($late)->{roles}, ['slow'], 'reads the role';
    is app($_, $late), '200 ' for $t, $other;
    my $before = time;
    $hand->commit;
    cmp_ok revocation('slow')->{epoch}, '>=', int($before) + 60, 'dated by the commit, and later';
    $t->wait_for(sub { app($t, $late) ne '200 ' });
    refused($late, 'and is refused');
};

subtest 'assigned while it is deleted' => sub {
    for my $end (qw(commit rollback)) {
        my $id   = role("given-$end");
        my $ada  = $t->register;
        my $hand = transaction(
            ['UPDATE autoflow.roles SET deleted_at = now() WHERE id = ?', {}, $id]);
        my $give = begin(@{give($ada, "given-$end")});
        my $make = begin(POST => '/auth/users', $as_root, json =>
            {email => "given-$end\@example.com", password => $good, roles => ["given-$end"]});
        $t->wait_for(sub { $t->blocked == 2 });
        $hand->$end;
        my @done = map { $_->answer } $give, $make;
        is_deeply [map { $_->{status} } @done], $end eq 'commit' ? [422, 422] : [200, 201],
            "the deletion's $end";
        is $db->selectrow_array('SELECT count(*) FROM autoflow.user_roles WHERE role_id = ?', {},
            $id), $end eq 'commit' ? 0 : 2,
            'as answered';
    }
};

subtest 'deleted while it is assigned' => sub {
    my $id   = role('taken');
    my $ada  = $t->register;
    my $lock = $t->locked;
    my $give = begin(@{give($ada, 'taken')});
    $t->wait_for(sub { $t->blocked == 1 });
    my $delete = begin(DELETE => "/auth/roles/$id", $as_root);
    $t->wait_for(sub { $t->blocked == 2 });
    $lock->rollback;
    is_deeply [$give->status, $delete->status], [200, 204], 'one after the other';
    $t->get_ok("/auth/users/$ada->{user}{id}/roles" => $as_root)
        ->json_is('' => {roles => []}, 'nobody has it');
    is_deeply claims(login($ada))->{roles}, [];
};

subtest 'created while one of its name is deleted' => sub {
    for my $end (qw(commit rollback)) {
        my $id   = role("made-$end");
        my $hand = transaction(
            ['UPDATE autoflow.roles SET deleted_at = now() WHERE id = ?', {}, $id]);
        my $make = begin(POST => '/auth/roles', $as_root, json => {name => "made-$end"});
        $t->wait_for(sub { $t->blocked == 1 });
        $hand->$end;
        is $make->status, 409, "the deletion's $end";
    }
};

subtest 'deleted twice concurrently' => sub {
    my $id   = role('twice');
    my $hand = transaction(['SELECT FROM autoflow.roles WHERE id = ? FOR UPDATE', {}, $id]);
    my @both = map { begin(DELETE => "/auth/roles/$id", $as_root) } 1 .. 2;
    $t->wait_for(sub { $t->blocked == 2 });
    $hand->rollback;
    is_deeply [sort map { $_->status } @both], [204, 404], 'once';
};

# Regression: of ten concurrent deletions one failed with a deadlock.
subtest 'many concurrent deletions, assignments and removals' => sub {
    my @accounts = map { $t->register } 1 .. 10;
    my %codes;
    for my $round (1 .. 5) {
        my @names = map { "many-$round-$_" } 1 .. 10;
        my @ids   = map { role($_) } @names;
        $db->do('INSERT INTO autoflow.user_roles (user_id, role_id) SELECT u.id, r.id
            FROM autoflow.users u, autoflow.roles r
            WHERE u.id = ANY (?) AND r.id = ANY (?)', {}, [map { $_->{user}{id} } @accounts],
            \@ids);
        my $hold = transaction(['SELECT FROM autoflow.users WHERE id = ANY (?) FOR UPDATE', {},
            [map { $_->{user}{id} } @accounts]]);
        my @requests = map {
            ([DELETE => "/auth/roles/$ids[$_]" => $as_root], give($accounts[$_], @names[0 .. $_]),
            give($accounts[9 - $_], $names[$_]))
        } 0 .. 9;
        my $timer = Mojo::IOLoop->timer(0.3 => sub { $hold->rollback });
        $codes{$_->req->method . ' ' . $_->res->code}++ for $t->at_once(@requests);
        purge() if $round == 3;
    }
    is_deeply [sort keys %codes], ['DELETE 204', 'PUT 200', 'PUT 422'], 'nothing fails'
        or diag explain \%codes;
    is $codes{'DELETE 204'}, 50, 'all are deleted';
    unlike path($t->postgresql->log)->slurp, qr/deadlock detected/, 'nor had to be repeated';
};

subtest 'renamed manually' => sub {
    my ($id, $ada) = member('maiden');
    my $epochs = epochs();
    $db->do('UPDATE autoflow.roles SET name = ? WHERE id = ?', {}, 'married', $id);
    $t->wait_for(sub { app($t, $ada) ne '200 ' });
    refused($ada, 'a token of the old name');
    my $next = refresh($ada);
    is_deeply claims($next)->{roles}, ['married'], 'the next has the new one';
    is app($_, $next), '200 ' for $t, $other;
    is epochs(), $epochs + 1, 'the epoch of a sole member rises, for nodes of the former module';
    $t->post_ok('/auth/roles' => $as_root => json => {name => 'maiden'})
        ->problem_is(409, 'role_taken', 'the old name is kept');
    ok !eval { $db->do('UPDATE autoflow.roles SET name = ? WHERE id = ?', {}, 'maiden', $id) },
        'from itself, too';
    is_deeply [$db->state, $db->errstr =~ /its name is free at/], ['23505', 1], 'with the reason';
};

subtest 'removed manually' => sub {
    my ($id, $ada) = member('removed');
    my $epochs = epochs();
    $db->do('DELETE FROM autoflow.roles WHERE id = ?', {}, $id);
    is epochs(), $epochs + 1, 'the epochs of its members rise';
    $t->wait_for(sub { app($t, $ada) ne '200 ' });
    refused($ada, 'its tokens');
    ok role('removed'), 'the name is free: an older epoch is no token of the new role';
};

# by statements of the previous version, running beside this one
subtest 'the previous version' => sub {
    $t->postgresql->privileges_ok(previous => 1);
    my $former = $t->postgresql->connect('autoflow_app');
    my ($id, $ada) = member('former');
    delete_role($id);
    is $former->do('DELETE FROM autoflow.roles WHERE id = ?', {}, $id), '0E0',
        'finds no role that was deleted';
    is $former->selectrow_array('SELECT count(*) FROM autoflow.roles WHERE name = ?', {}, 'former'),
        0, 'nor its name';
    ok !eval { $former->do('INSERT INTO autoflow.roles (name, description) VALUES (?, NULL)', {},
        'former') }, 'nor may use it';
    is $former->state, '23505';
    like $former->errstr, qr/its name is free at/;

    ($id, $ada) = member('formerly');
    is $former->do('DELETE FROM autoflow.roles WHERE id = ?', {}, $id), 1, 'deletes others';
    $t->wait_for(sub { app($t, $ada) ne '200 ' });
    refused($ada, 'whose tokens die');
    is $former->selectrow_array('SELECT autoflow.purge()'), 0, 'and purges what it knows';
};

# it doesn't know revocations of roles: if there are few members their epochs
# rise
subtest 'for nodes of the previous version' => sub {
    for my $n (100, 101) {
        my $id = role("few-$n");
        $db->do('INSERT INTO autoflow.user_roles (user_id, role_id)
            SELECT id, ? FROM autoflow.users WHERE email LIKE ? LIMIT ?', {}, $id,
            '%members.example', $n);
        my $epochs = epochs();
        my $hold   = transaction(['SELECT FROM autoflow.users WHERE id = (SELECT user_id
            FROM autoflow.user_roles
            WHERE role_id = ? LIMIT 1) FOR UPDATE', {}, $id]);
        delete_role($id);
        is epochs() - $epochs, $n == 100 ? 99 : 0, "of $n, and nobody is waited for";
        $hold->rollback;
    }
};

subtest 'as many roles as an account may have' => sub {
    my @names = map { "n$_" } 1 .. 33;
    my @ids   = map { role($_) } @names;
    my $ada   = $t->register;
    $t->tx($t->ua->start($t->ua->build_tx(@{give($ada, @names[0 .. 31])})))->status_is(200);
    delete_role($ids[0]);
    $db->do('INSERT INTO autoflow.user_roles (user_id, role_id) VALUES (?, ?)', {},
        $ada->{user}{id}, $ids[32]);
    $t->get_ok("/auth/users/$ada->{user}{id}/roles" => $as_root)
        ->json_is('' => {roles => [sort @names[1 .. 32]]},
        'without those that were deleted');
};

# a role that was deleted some time ago, when all tokens were issued
sub age ($id, $interval) {
    $db->do('UPDATE autoflow.sessions SET access_expires_at = access_expires_at - ?::interval',
        {}, $interval);
    $db->do('UPDATE autoflow.roles SET deleted_at = deleted_at - ?::interval,
        free_at = free_at - ?::interval WHERE id = ?', {},
        $interval, $interval, $id);
}

sub members ($id) { $db->selectrow_array('SELECT count(*) FROM autoflow.user_roles
    WHERE role_id = ?', {}, $id) }

subtest 'its remains' => sub {
    my ($id, $ada) = member('left');
    $db->do('INSERT INTO autoflow.user_roles (user_id, role_id) SELECT id, ? FROM autoflow.users
        WHERE email LIKE ?', {}, $id, '%members.example');
    my $epochs = epochs();
    delete_role($id);
    purge();
    is members($id), 3001, 'for a minute all, since logins may still look at it';
    age($id, '2 minutes');
    ok $db->selectrow_array('SELECT autoflow.purge_roles()'), 'then it goes';
    is members($id), 2001, 'a thousand at a time';
    my $hold = transaction(['SELECT FROM autoflow.user_roles WHERE role_id = ? LIMIT 1 FOR
        UPDATE', {}, $id]);
    purge();
    is members($id), 1, 'waiting for nobody';
    $hold->rollback;
    purge();
    is members($id), 0, 'to the last';
    is epochs(), $epochs, 'no epoch rises';
    cmp_ok abs($db->selectrow_array('SELECT extract(epoch FROM free_at - deleted_at)
        FROM autoflow.roles WHERE id = ?', {}, $id)
        - 40 * 60), '<', 5, 'its name is kept while its tokens live';
    age($id, '37 minutes');
    purge();
    ok marked($id), 'to the last minute';
    age($id, '2 minutes');
    purge();
    ok !marked($id), 'and then the row goes';
    ok role('left'), 'and the name is free';
    cmp_ok revocation('left')->{left}, '>', 3600, 'the revocation lasts longer';

    $id = role('unused');
    delete_role($id);
    age($id, '1 hour');
    $t->jobs_due;
    $t->wait_for(sub { !marked($id) });
    pass 'the module sees to it';
};

subtest 'tokens with a longer lifetime than now' => sub {
    my ($id, $ada) = member('lasting');
    delete_role($id);
    age($id, '2 minutes');
    $db->do(q{UPDATE autoflow.sessions SET access_expires_at = now() + interval '9 days'
        WHERE id = ?}, {}, claims($ada)->{sid});
    purge();
    my $days = 9 * 86_400 + 600;
    cmp_ok abs(revocation('lasting')->{left} - $days), '<', 5, 'prolong the revocation';
    cmp_ok abs($db->selectrow_array('SELECT extract(epoch FROM free_at - now()) FROM autoflow.roles
        WHERE id = ?', {}, $id) - $days),
        '<', 5, 'and keep the name';
};

subtest 'a role created again' => sub {
    my ($id, $ada) = member('again');
    my $claims = claims($ada);
    my $token  = sub ($age) { $t->token({%$claims, iat => $claims->{iat} - $age}) };
    $db->do('SELECT autoflow.revoke(autoflow.role_subject(?), ?, now(), now() + ?::interval)', {},
        'again', $claims->{iat} - 10, '1 day');
    $t->wait_for(sub { app($t, $token->(11)) ne '200 ' });
    refused($token->(11), 'the deleted role, before the revocation has expired');
    is app($_, $token->(10)), '200 ', 'does not concern the tokens of this one' for $t, $other;
    is app($_, $ada), '200 ' for $t, $other;
};

$other->finish;
$t->finish;
done_testing;
