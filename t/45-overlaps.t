# Overlapping requests: something that one has read is changed by another before
# it acts.  A transaction of the owner's locks what they need until they wait
# for it; then they continue one at a time, in the order of their arrival.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(decode_json encode_json true);
use MIME::Base64 qw(decode_base64url);
use Test::Autoflow;
use Test::Autoflow::Mailboxes qw(faults);
use Test::Autoflow::Maildir;
use Test::More;

my $good  = 'correct horse battery staple';
my $fresh = 'a fresh battery for the horse';

# one connection for each waiting request, and for sending mails
my $t     = Test::Autoflow->new(database => 'pool=4');
my $mails = Test::Autoflow::Maildir->new(t => $t);
$mails->configure(autoflow_sessions => 'account=3');
$t->start;
my $db = $t->db;

# where addresses must be verified
my $strict = Test::Autoflow->new(beside => $t,
    settings => {autoflow_require_verified_email => 'on'})->start;

my $n = 0;
sub account { $t->register(email => 'account' . ++$n . '@overlaps.example') }
sub id ($who) { $who->{user}{id} }
sub email ($who) { $who->{user}{email} }

# the same account, in another session
sub login ($who) {
    my $body = {email => email($who), password => $good};
    return $t->ua->post('/auth/login' => json => $body)->res->json;
}

sub sid ($pair) { decode_json(decode_base64url((split /\./, $pair->{access_token})[1]))->{sid} }

my $root = account();
$db->do('UPDATE autoflow.users SET is_superuser = true WHERE id = ?', {}, id($root));
$root = login($root);

sub value ($sql, @values) { scalar $db->selectrow_array("SELECT $sql", {}, @values) }
sub user ($who, $column) { value("$column FROM autoflow.users WHERE id = ?", id($who)) }

sub living ($who) {
    return value('count(*) FROM autoflow.sessions
        WHERE user_id = ? AND ended_at IS NULL', id($who));
}

sub mails ($who, $kind) {
    return value('count(*) FROM autoflow.outbox WHERE user_id = ? AND kind = ?', id($who), $kind);
}

# the details of audit events
sub events ($who, $action) {
    my $rows = $db->selectcol_arrayref('SELECT details::text FROM autoflow.audit_events
        WHERE target_id = ? AND action = ? ORDER BY at, id', {}, id($who), $action);
    return [map { decode_json($_) } @$rows];
}


# Requests, as [method, path, whose, body]; if the path contains an account, a
# superuser's


my %request = (
    login      => sub ($who) { [POST => '/auth/login', undef,
        {email => email($who), password => $good}] },
    upgrade    => sub ($who) {          # a login that replaces a hash of bcrypt
        $db->do('UPDATE autoflow.users SET password_hash = ? WHERE id = ?', {},
            crypt($good, '$2b$04$abcdefghijklmnopqrstuu'), id($who));
        return a(login => $who);
    },
    refresh    => sub ($who) { [POST => '/auth/refresh', undef,
        {refresh_token => $who->{refresh_token}}] },
    logout     => sub ($who) { [POST => '/auth/logout?scope=others', undef,
        {refresh_token => $who->{refresh_token}}] },
    logout_all => sub ($who) { [POST => '/auth/logout-all', $who, {}] },
    end        => sub ($who) { [DELETE => '/auth/sessions/' . sid($who), $who] },
    leave      => sub ($who) { [DELETE => '/auth/me', $who] },
    bio        => sub ($who) { [PATCH => '/auth/me', $who, {bio => 'of late'}] },
    password   => sub ($who) { [PUT => '/auth/me/password', $who,
        {current_password => $good, new_password => $fresh}] },
    move       => sub ($who, $to = 'moved') { [PATCH => '/auth/me', $who,
        {current_password => $good, email => $to . email($who)}] },
    forgot     => sub ($who) { [POST => '/auth/forgot-password', undef, {email => email($who)}] },
    resend     => sub ($who) { [POST => '/user/verify-email/resend', undef,
        {email => email($who)}] },
    verify     => sub ($who, $token = token($who, 'verify-email')) {
        [POST => '/user/verify-email', undef, {token => $token}] },
    reset      => sub ($who, $token = reset_token($who)) { [POST => '/auth/reset-password', undef,
        {token => $token, new_password => $fresh}] },
    update     => sub ($who) { [PATCH => '/auth/users/' . id($who), $root, {bio => 'of late'}] },
    delete     => sub ($who) { [DELETE => '/auth/users/' . id($who), $root] },
    disable    => sub ($who) { [PUT => '/auth/users/' . id($who) . '/disable', $root, {}] },
    enable     => sub ($who) { [PUT => '/auth/users/' . id($who) . '/enable', $root, {}] },
    promote    => sub ($who) { [PUT => '/auth/users/' . id($who) . '/superuser', $root,
        {is_superuser => true}] },
    roles      => sub ($who, @roles) { [PUT => '/auth/users/' . id($who) . '/roles', $root,
        {roles => [@roles]}] },
    write      => sub ($from, $to, %fields) { [POST => '/messages', $from,
        {recipient_id => id($to), content => 'Hello', %fields}] },
    receive    => sub ($who, $message) { [PUT => "/messages/$message->{id}/read", $who] },
    discard    => sub ($who, $message) { [DELETE => "/messages/$message->{id}", $who] },
);

sub a ($name, @of) { $request{$name}->(@of) }

# sends it without waiting
sub begin ($request, $node = $t) {
    my ($method, $path, $whose, $body) = @$request;
    return $node->client->send(Test::Autoflow::Client::request($method, "/api/v1$path",
        $whose ? $node->bearer($whose) : {}, $body ? encode_json($body) : ()));
}

# a response's status and code
sub said ($answer) {
    my $json = $answer->{body} =~ /^\{/ ? decode_json($answer->{body}) : {};
    return join ' ', $answer->{status}, $json->{code} // ();
}

sub result ($request) { said(begin($request)->answer) }

# the token of a mail to an account
sub token ($who, $about, $nth = 1) { $mails->token(email($who), $about, $nth) }

sub reset_token ($who) {
    result(a(forgot => $who));
    return token($who, 'reset-password');
}


# What the owner does in a transaction that stays open.

sub transaction ($sql, @values) {
    my $hold = $t->postgresql->connect;
    $hold->begin_work;
    $hold->do($sql, {}, @values);
    return $hold;
}

sub changed ($who, $set) {
    return transaction("UPDATE autoflow.users SET $set WHERE id = ?", id($who));
}

sub ended ($pair) {
    return transaction('UPDATE autoflow.sessions SET ended_at = now() WHERE id = ?', sid($pair));
}

sub held ($table, $id) { transaction("SELECT FROM autoflow.$table WHERE id = ? FOR UPDATE", $id) }

# The responses to requests that have run, one at a time, into a transaction's
# locks; then it does this and commits.
sub into ($hold, $requests, $then = sub ($hold) { }) {
    my ($waiting, @clients) = 0;
    for my $request (@$requests) {
        push @clients, begin($request);
        $waiting++;
        $t->wait_for(sub { $t->blocked == $waiting });
    }
    $then->($hold);
    $hold->commit;
    return map { $_->answer } @clients;
}

# whether an account's rows in a table are unlocked
sub free ($table, $who) {
    my $rows = "FROM autoflow.$table WHERE user_id = ?";
    my $free = $db->selectall_arrayref("SELECT $rows FOR UPDATE SKIP LOCKED", {}, id($who));
    return @$free == value("count(*) $rows", id($who));
}

# Likewise for requests that wait for an account: none of them locked any of its
# rows meanwhile, which could deadlock. (The sender of mails locks one for a
# moment.)
sub beside ($who, @requests) {
    return into(held(users => id($who)), \@requests, sub ($hold) {
        for my $table (qw(sessions outbox)) {
            ok eval { $t->wait_for(sub { free($table, $who) }) },
                "whoever waits holds none of its $table";
        }
    });
}


subtest 'ending sessions while one is opened or refreshed' => sub {
    my %ends = (         # what it says of a login behind it, and how many it leaves
        logout     => ['200', 1],
        logout_all => ['200', 0],
        password   => ['401 invalid_credentials', 1],
        reset      => ['401 invalid_credentials', 0],
        leave      => ['401 invalid_credentials', 0],
        delete     => ['401 invalid_credentials', 0],
        disable    => ['403 account_disabled', 0],
    );

    for my $end (sort keys %ends) {
        my ($refused, $left) = @{$ends{$end}};
        for my $way (qw(login refresh)) {
            my $ada = account();
            my ($pair, $done) = beside($ada, a($way => login($ada)), a($end => $ada));
            is said($pair), '200', "a $way";
            like said($done), qr/^20[04]$/, "before $end";
            $pair = decode_json($pair->{body});
            is result([GET => '/auth/me', $pair]), '401 token_revoked', 'its token is refused';
            is result(a(refresh => $pair)), '401 invalid_token', 'its session has ended';
            is living($ada), $left, 'as many as should be left are left';

            my $eve = account();
            ($done, $pair) = beside($eve, a($end => $eve), a($way => login($eve)));
            like said($done), qr/^20[04]$/, "$end before a $way";
            is said($pair), $way eq 'login' ? $refused : '401 invalid_token', 'which sees that';
            is living($eve), $left + ($pair->{status} == 200), 'as many are left';
        }
    }
};

# each condition separately: deleted ones are still active here
my %gone = (disabled => 'is_active = false', deleted => 'deleted_at = now()');

# by a login that upgrades it, or `autoflow seal`
subtest 'a hash is replaced by one of the same password' => sub {
    my %done = (login => '200', password => '204', move => '200');
    for my $name (sort keys %done) {
        my $ada     = account();
        my $hold    = held(users => id($ada));
        my $request = begin(a($name => $ada));
        $t->wait_for(sub { $t->blocked == 1 });
        $hold->do('UPDATE autoflow.users SET password_hash = ? WHERE id = ?', {},
            crypt($good, '$2b$04$abcdefghijklmnopqrstuu'), id($ada));
        $hold->commit;
        is said($request->answer), $done{$name}, "$name: the password is as right as before";
        is_deeply events($ada, 'login_failed'), [], 'nothing has failed';
    }
};

subtest 'an account changes during a request' => sub {
    my %changes  = (%gone,
        replaced   => q{password_hash = 'x'},
        unverified => 'email_verified = false',
    );
    my %login = (
        disabled => '403 account_disabled',    unverified => '403 email_not_verified',
        deleted  => '401 invalid_credentials', replaced   => '401 invalid_credentials',
    );
    my %expected = (
        login    => \%login,
        upgrade  => \%login,
        refresh  => {map { $_ => '401 invalid_token' } keys %gone},
        bio      => {map { $_ => '401 invalid_token' } keys %gone},
        password => {map({ $_ => '401 invalid_token' } keys %gone),
            replaced => '403 wrong_password'},
        move     => {map({ $_ => '401 invalid_token' } keys %gone),
            replaced => '403 wrong_password'},
        leave    => {deleted => '204'},
        map({ $_ => {deleted => '404 not_found'} } qw(update delete disable enable promote roles)),
    );
    my $row = sub ($handle, $who) {
        $handle->selectrow_array('SELECT u FROM autoflow.users u WHERE id = ?', {}, id($who));
    };

    for my $name (sort keys %expected) {
        for my $change (sort keys %{$expected{$name}}) {
            my $ada = account();
            $db->do('UPDATE autoflow.users SET email_verified = true WHERE id = ?', {}, id($ada));
            my $made    = a($name => $ada);
            my $hold    = held(users => id($ada));
            my $request = begin($made, $change eq 'unverified' ? $strict : $t);
            $t->wait_for(sub { $t->blocked == 1 });
            $hold->do("UPDATE autoflow.users SET $changes{$change} WHERE id = ?", {}, id($ada));
            my $before = $row->($hold, $ada);
            $hold->commit;
            is said($request->answer), $expected{$name}{$change}, "$name: $change meanwhile";
            is $row->($db, $ada), $before, 'nothing is done';
        }
    }
};

subtest 'a session ends during a request' => sub {
    my $ada = account();
    is said(into(ended($ada), [a(refresh => $ada)])), '401 invalid_token',
        'its token is not exchanged';
    is value('number FROM autoflow.sessions WHERE id = ?', sid($ada)), 1;

    $ada = account();
    my $phone = login($ada);
    is said(into(ended($ada), [a(logout => $ada)])), '401 invalid_token', 'it ends no others';
    is living($ada), 1;
    is said(into(ended($phone), [a(end => $phone)])), '404 not_found', 'nor is it ended twice';
    is_deeply events($ada, 'logged_out'), [];

    # the number of ended sessions doesn't include those that had ended
    my %said = (
        logout     => ['logged_out'],
        password   => ['password_changed', {scope => 'others', count => 0}],
        logout_all => ['logged_out',       {scope => 'all', count => 1}],
        reset      => ['password_reset',   {scope => 'all', count => 1}],
        leave      => ['deleted',          {scope => 'all', count => 1}],
        delete     => ['deleted',          {scope => 'all', count => 1}],
        disable    => ['disabled',         {scope => 'all', count => 1}],
    );
    for my $name (sort keys %said) {
        my $ada     = account();
        my $request = a($name => $ada);
        like said(into(ended(login($ada)), [$request])), qr/^20[04]$/, "beside others: $name";
        my ($action, @details) = @{$said{$name}};
        is_deeply events($ada, $action), \@details, 'tells what it has ended itself';
    }

    $ada = account();
    login($ada) for 1 .. 2;
    is said(into(ended($ada), [a(login => $ada)])), '200', 'the one beyond the cap';
    is_deeply events($ada, 'logged_in')->[-1], {}, 'was not ended by the login';
};

subtest 'the same request twice' => sub {
    my %after = (        # what is said, has happened, and is so then
        promote  => ['200 200', promoted => 'is_superuser'],
        disable  => ['200 200', disabled => 'NOT is_active'],
        enable   => ['200 200', enabled  => 'is_active'],
        update   => ['200 200', updated  => q{bio = 'of late'}],
        bio      => ['200 200', updated  => q{bio = 'of late'}],
        delete   => ['204 404 not_found', deleted => 'deleted_at IS NOT NULL'],
        leave    => ['204 204', deleted  => 'deleted_at IS NOT NULL'],
        password => ['204 403 wrong_password', password_changed => 'is_active'],
        reset    => ['204 400 invalid_token', password_reset => 'email_verified'],
        verify   => ['204 400 invalid_token', email_verified => 'email_verified'],
    );
    for my $name (sort keys %after) {
        my ($said, $action, $so) = @{$after{$name}};
        my $ada = account();
        $db->do('UPDATE autoflow.users SET is_active = false WHERE id = ?', {}, id($ada))
            if $name eq 'enable';
        my $request = a($name => $ada);
        is join(' ', map { said($_) } beside($ada, $request, $request)), $said, $name;
        is @{events($ada, $action)}, 1, "is $action once";
        ok user($ada, $so);
    }
};

subtest 'two requests of a kind' => sub {
    $db->do(q{INSERT INTO autoflow.roles (name) VALUES ('one'), ('two')});
    my $ada = account();
    is said($_), '200' for beside($ada, map { a(roles => $ada, $_) } qw(one two));
    is_deeply events($ada, 'roles_changed'),
        [{from => [], to => ['one']}, {from => ['one'], to => ['two']}], 'other roles';
    is_deeply value('autoflow.role_names(?)', id($ada)), ['two'];

    $ada = account();
    is said($_), '200' for beside($ada, map { a(move => $ada, $_) } qw(here there));
    is mails($ada, 'email_changed'), 1, 'other addresses: one notice';
    is user($ada, 'pending_email'), 'there' . email($ada);

    $ada = account();
    my @pairs = map { decode_json($_->{body}) } into(held(sessions => sid($ada)),
        [(a(refresh => $ada)) x 2]);
    is $pairs[1]{refresh_token}, $pairs[0]{refresh_token}, 'refresh tokens: one successor';

    $ada = account();
    is join(' ', map { said($_) } into(held(sessions => sid($ada)), [(a(end => $ada)) x 2])),
        '204 404 not_found', 'ends of a session';

    $ada = account();
    login($ada) for 1 .. 2;
    is said($_), '200' for beside($ada, (a(login => $ada)) x 2);
    is living($ada), 3, 'logins: as many sessions as there may be';

    # the first one's mail waits for the account, where the second one can't see it
    $ada = account();
    my $hold  = held(users => id($ada));
    my $first = begin(a(forgot => $ada));
    $t->wait_for(sub { $t->blocked == 1 });
    my $second = begin(a(forgot => $ada));
    $t->wait_for(sub { $second->waits || $t->blocked == 2 });
    $hold->commit;
    is said($_->answer), '202' for $first, $second;
    is mails($ada, 'reset_password'), 1, 'requests for a mail: one';
};

# The change has ended the mails that existed by then, and not this one.
subtest 'a mail is requested while the account changes' => sub {
    my %changes = (%gone, moved => q{email = 'another.' || email});
    for my $change (sort keys %changes) {
        for my $name (qw(reset verify)) {
            my $ada = account();
            token($ada, 'verify-email');
            $mails->all_sent->elapse('2 minutes');
            my $hold = changed($ada, $changes{$change});
            result(a(($name eq 'reset' ? 'forgot' : 'resend') => $ada));
            my $token = $name eq 'reset' ? token($ada, 'reset-password')
                                         : token($ada, 'verify-email', 2);
            is said(into($hold, [a($name => $ada, $token)])), '400 invalid_token',
                "$name: $change";
            is result(a($name => $ada, $token)), '400 invalid_token', 'and later';
            ok !user($ada, 'email_verified'), 'nothing is done';
        }
    }
};

subtest "a mail's token expires, or is used, during a request" => sub {
    for my $set (q{created_at = created_at - interval '2 days'}, 'used_at = now()') {
        for my $name (qw(reset verify)) {
            my $ada     = account();
            my $request = a($name => $ada);
            is said(into(held(users => id($ada)), [$request], sub ($hold) {
                $hold->do("UPDATE autoflow.outbox SET $set WHERE user_id = ?", {}, id($ada));
            })), '400 invalid_token', "$name: $set";
        }
    }
};


sub message (@of) { decode_json(begin(a(write => @of))->answer->{body}) }
sub mailbox ($who) { transaction('SELECT FROM autoflow.mailboxes WHERE user_id = ? FOR
    UPDATE', id($who)) }

# a conversation, as seen by one of the two
sub conversation ($who, $message) {
    return transaction('SELECT FROM autoflow.conversations
        WHERE user_id = ? AND conversation_id = ? FOR UPDATE', id($who),
        $message->{conversation_id});
}

subtest 'a message while its parties change' => sub {
    for my $change (sort keys %gone) {
        for my $case (['sender', '401 invalid_token'], ['recipient', '422 validation_failed']) {
            my ($party, $said) = @$case;
            my %of = map { $_ => account() } qw(sender recipient);
            message(@of{qw(sender recipient)});
            is said(into(mailbox($of{$party}), [a(write => @of{qw(sender recipient)})],
                sub ($hold) {
                $hold->do("UPDATE autoflow.users SET $gone{$change} WHERE id = ?", {},
                    id($of{$party}));
            })), $said, "$change: the $party";
            is value('count(*) FROM autoflow.messages WHERE sender_id = ?', id($of{sender})), 1,
                'nothing is sent';
        }
    }

    # before there is a mailbox: this message creates it
    my ($ada, $bob) = (account(), account());
    my $open = 'count(*) FROM autoflow.mailboxes WHERE closed_at IS NULL AND user_id = ?';
    is join(' ', map { said($_) } into(transaction('LOCK TABLE autoflow.messages IN SHARE MODE'),
        [a(write => $ada, $bob), a(leave => $bob)])), '201 204', 'the recipient is deleted';
    is value($open, id($bob)), 0, 'and the mailbox is closed all the same';

    ($ada, $bob) = (account(), account());
    is said(into(changed($bob, $gone{deleted}), [a(write => $ada, $bob)])), '422 validation_failed',
        'the other way round';
    is value($open, id($bob)), 0;
    is_deeply [faults($db)], [], 'mailboxes are as they must be';
};

subtest 'concurrent changes of a mailbox' => sub {
    my ($ada, $bob) = (account(), account());
    my $parent = message($ada, $bob);
    my @of     = (conversation_id => $parent->{conversation_id});
    my $both   = sub ($said, $name, @requests) {
        my @answers = into(conversation($bob, $parent), \@requests);
        is join(' ', map { said($_) } @answers), $said, $name;
        is_deeply [faults($db)], [], 'mailboxes are as they must be';
        return map { $_->{body} } @answers;
    };

    my ($first, $second) = $both->('200 200', 'read twice',
        (a(receive => $bob, message($ada, $bob, @of))) x 2);
    is $second, $first, 'at one time';
    $both->('204 404 not_found', 'deleted twice',
        (a(discard => $bob, message($ada, $bob, @of))) x 2);

    my $message = message($ada, $bob, @of);
    $both->('200 204', 'read, then deleted', map { a($_ => $bob, $message) } qw(receive discard));
    $message = message($ada, $bob, @of);
    $both->('204 404 not_found', 'deleted, then read',
        map { a($_ => $bob, $message) } qw(discard receive));

    my @last = map { message($ada, $bob, @of) } 1 .. 2;
    $both->('204 204', 'the last two, deleted', map { a(discard => $bob, $_) } reverse @last);
    $both->('204 201', 'the last one is deleted, another one comes',
        a(discard => $bob, message($ada, $bob, @of)), a(write => $ada, $bob, @of));

    $parent = message($ada, $bob);
    $both->('204 422 validation_failed', 'a reply to what its sender deletes',
        a(discard => $bob, $parent), a(write => $bob, $ada, parent_id => $parent->{id}));
    is value('count(*) FROM autoflow.message_entries WHERE message_id = ?', $parent->{id}), 1,
        'which the other one has';
};

subtest 'both delete a message' => sub {
    my ($ada, $bob) = (account(), account());
    my $message = message($ada, $bob);
    is join(' ', map { said($_) } into(held(messages => $message->{id}),
        [map { a(discard => $_, $message) } $ada, $bob])), '204 204';
    is value('count(*) FROM autoflow.messages WHERE id = ?', $message->{id}), 0, 'is gone';
};

# The sender's mailbox is locked first: that account was created earlier.
subtest 'waiting for a mailbox' => sub {
    my ($ada, $bob, $eve) = map { account() } 1 .. 3;
    message($ada, $eve);
    my ($answer) = into(mailbox($ada), [a(write => $ada, $eve)], sub ($hold) {
        is result(a(write => $bob, $eve)), '201', 'keeps nobody from another one';
    });
    is said($answer), '201', 'then has both';
    is_deeply [faults($db)], [], 'and is the later one in every respect';
};

# what a request has made
sub made ($request) { decode_json(begin($request)->answer->{body}) }

subtest 'what is in the directory, changed twice' => sub {
    my $ada = account();
    my %of  = (
        contacts  => ['contacts', {type => 'phone', value => '1'}, {type => 'other'},
            {value => '2'}],
        jobs      => ['employments', {title => 'T', company => 'C'}, {title => 'U'},
            {company => 'D'}],
        locations => ['locations', {country => 'C'}, {country => 'D'}, {city => 'T'}],
        organizations => ['organizations', {name => 'Overlapping'}, {name => 'Overlapped'},
            {industry => 'I'}],
    );
    for my $name (sort keys %of) {
        my ($table, $body, @changes) = @{$of{$name}};
        my $one = "/$name/" . made([POST => "/$name", $ada, $body])->{id};
        my @answers = into(held($table, $one =~ s{.*/}{}r),
            [map { [PATCH => $one, $ada, $_] } @changes]);
        is join(' ', map { said($_) } @answers), '200 200', $name;
        my $both = {%$body, map { %$_ } @changes};
        my $json = made([GET => $one, $ada]);
        is_deeply {map { $_ => $json->{$_} } keys %$both}, $both, 'both are there';
    }
};

subtest 'the last there may be, made twice' => sub {
    my $ada     = account();
    my $profile = value('id FROM autoflow.profiles WHERE user_id = ?', id($ada));
    my $twice   = sub ($hold, @request) {
        is join(' ', map { said($_) } into($hold, [(\@request) x 2])), '201 409 limit_reached',
            "$request[1]: one of them";
    };
    $db->do(q{INSERT INTO autoflow.contacts (profile_id, user_id, type, value)
        SELECT id, user_id, 'other', n FROM autoflow.profiles, generate_series(1, 99) AS n
         WHERE id = ?}, {}, $profile);
    $twice->(held(profiles => $profile), POST => '/contacts', $ada,
        {type => 'other', value => 'x'});
    $db->do(q{INSERT INTO autoflow.locations (created_by, country)
        SELECT ?::uuid, n FROM generate_series(1, 999) AS n}, {}, id($ada));
    $twice->(held(users => id($ada)), POST => '/locations', $ada, {country => 'x'});
};

subtest 'a location that one leaves and another one begins to use' => sub {
    my ($ada, $bob) = (account(), account());
    my @place = (location_id => made([POST => '/locations', $ada, {country => 'C'}])->{id});
    my $club  = made([POST => '/organizations', $ada, {name => 'Club of one', @place}]);
    is result([PATCH => '/profiles/me', $bob, {@place}]), '200';
    is said(into(transaction('UPDATE autoflow.profiles SET is_public = true WHERE user_id = ?',
        id($bob)), [[DELETE => "/organizations/$club->{id}", $ada]])), '204';
    is value('visibility FROM autoflow.locations WHERE id = ?', $place[1]), 2, 'is still shown';
};

$strict->finish;
$t->finish;
done_testing;
