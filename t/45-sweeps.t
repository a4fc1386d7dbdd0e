# A node's background jobs, concurrent with requests and with the same job of
# another node: they wait for nobody, and do nothing twice.  Only by statements.

use Mojo::Base -strict, -signatures;
use DBD::Pg qw(:async);
use File::Temp;
use Mojo::File qw(path);
use Test::Autoflow::PostgreSQL;
use Test::Autoflow::Wait qw(wait_until);
use Test::More;

my $dir        = File::Temp->newdir;
my $postgresql = Test::Autoflow::PostgreSQL->new(dir => "$dir/postgresql");
chmod 0755, $dir;
$postgresql->start;
my $db = $postgresql->connect;
$db->do(q{SET lock_timeout = '1s'});    # whoever waits fails

sub value ($sql, @values) { scalar $db->selectrow_array($sql, {}, @values) }

# what another transaction has done, without a commit
sub transaction (@sql) {
    my $other = $postgresql->connect;
    $other->begin_work;
    $other->do($_) for @sql;
    return $other;
}

# a connection that runs this, and waits for someone's lock
sub waiting ($one, $sql) {
    $one->do($sql, {pg_async => PG_ASYNC});
    wait_until(sub { value(q{SELECT count(*) FROM pg_stat_activity
        WHERE pid = ? AND wait_event_type = 'Lock'}, $one->{pg_pid}) })
        or die "it doesn't wait: $sql";
    return $one;
}

# its result when that transaction is committed
sub waits_for ($transaction, $sql) {
    my $one = waiting($postgresql->connect, $sql);
    $transaction->commit;
    return eval { $one->pg_result; 1 } ? '' : $one->errstr;
}

# the text of one of the module's statements, with values for its parameters
sub statement ($name, %values) {
    my $sql = path("sql/queries/$name.sql")->slurp =~ s/^--.*\n//gmr;
    return $sql =~ s/(?<!:):([a-z]\w*)/$db->quote($values{$1})/ger;
}

my ($ada, $eve) = map { value(q{INSERT INTO autoflow.users (email, password_hash)
    VALUES (?, 'x') RETURNING id}, "$_\@example.com") } qw(ada eve);


# Expired rows, what sweeps them, and what someone else does to them meanwhile,
# so that they may stay.
my $past = q{now() - interval '40 days'};
my @swept = (
    [revocations => 'purge', "INSERT INTO autoflow.revocations
        VALUES (gen_random_uuid(), NULL, $past, $past)", 'SET expires_at = now()'],
    [sessions => 'purge', "INSERT INTO autoflow.sessions (user_id, expires_at, access_expires_at)
        VALUES ('$ada', $past, $past)", 'SET expires_at = now()'],
    [refresh_tokens => 'purge', "WITH session AS (
            INSERT INTO autoflow.sessions (user_id, expires_at, access_expires_at)
            VALUES ('$ada', now(), now()) RETURNING id
        ) INSERT INTO autoflow.refresh_tokens SELECT sha256('x'), id, $past, $past FROM session",
        'SET expires_at = now()'],
    [user_addresses => 'purge_addresses', "INSERT INTO autoflow.user_addresses
        VALUES ('$ada', '192.0.2.1', $past)", 'SET used_on = now()'],
    [roles => 'purge_roles', "INSERT INTO autoflow.roles (name, deleted_at, deleted_name, free_at)
        VALUES ('gone', $past, 'gone', $past)", q{SET free_at = now() + interval '1 day'}],
    [mailboxes => 'purge_mailboxes', "INSERT INTO autoflow.mailboxes (user_id, closed_at)
        VALUES ('$ada', $past)", 'SET closed_at = NULL'],
);

# without waiting for anybody
sub goes ($function, $name) {
    ok eval { $db->do("SELECT autoflow.$function"); 1 }, $name or diag $db->errstr;
}

for my $case (@swept) {
    my ($table, $function, $insert, $change) = @$case;

    subtest "$table: $function" => sub {
        my $left = sub { value("SELECT count(*) FROM autoflow.$table") };
        for my $end (qw(commit rollback)) {
            $db->do($insert);
            my $other = transaction("UPDATE autoflow.$table $change");
            goes("$function()", 'waits for nobody');
            is $left->(), 1, 'who has a row is left with it';
            $other->$end;
            $db->do("SELECT autoflow.$function()");
            is $left->(), $end eq 'commit' ? 1 : 0, "and by the $end it stays, or not";
            $db->do("DELETE FROM autoflow.$table");
        }
    };
}

subtest 'memberships of a deleted role' => sub {
    my $role = value(q{INSERT INTO autoflow.roles (name) VALUES ('editor') RETURNING id});
    $db->do('INSERT INTO autoflow.user_roles SELECT id, ? FROM autoflow.users', {}, $role);
    $db->do("UPDATE autoflow.roles SET deleted_at = $past WHERE id = ?", {}, $role);
    my $members = sub { value('SELECT count(*) FROM autoflow.user_roles') };

    my $other = transaction("SELECT FROM autoflow.user_roles WHERE user_id = '$ada' FOR UPDATE");
    goes('purge_roles()', 'one of them is held');
    is $members->(), 1, 'the others go';
    $other->rollback;

    $other = transaction("SELECT FROM autoflow.roles WHERE id = '$role' FOR UPDATE");
    goes('purge_roles()', 'the role is held');
    is $members->(), 1, 'by another node, which sees to it';
    $other->rollback;
    $db->do('SELECT autoflow.purge_roles()');
    is $members->(), 0;
};

subtest 'two scans of the sessions' => sub {
    $db->do('TRUNCATE autoflow.sessions CASCADE');
    $db->do("INSERT INTO autoflow.sessions (user_id, expires_at, access_expires_at)
        VALUES ('$ada', $past, $past)");
    my $other = transaction('SELECT FROM autoflow.purged FOR UPDATE');
    goes('purge()', 'the second goes');
    is value('SELECT count(*) FROM autoflow.sessions'), 1, 'and leaves them to the first';
    $other->rollback;
};

subtest 'claiming mails' => sub {
    my $mail = sub ($who) { value(q{INSERT INTO autoflow.outbox (kind, user_id, recipient, due_at)
        SELECT 'verify_email', id, email, now() - interval '1 minute'
          FROM autoflow.users WHERE id = ? RETURNING id}, $who) };
    my $claim = sub ($by) {
        my $row = eval { $by->selectrow_hashref(statement('mail/claim')) };
        return $by->err ? $by->errstr : $row ? $row->{id} : 'none';
    };
    my $first = $mail->($ada);
    my $one   = $postgresql->connect;
    $one->begin_work;
    is $claim->($one), $first, 'by one';
    is $claim->($db), 'none', 'another one waits for nobody';
    my $second = $mail->($eve);
    is $claim->($db), $second, 'and finds the next one';
    $one->commit;
    is $claim->($db), 'none', 'they are leased';

    my $failed = sub ($attempt) {
        $db->selectrow_hashref(statement('mail/failed', mail_id => $first, attempt => $attempt,
            error => 'no', permanent => 'true'));
    };
    ok !$failed->(0), 'what another one has claimed since has not failed';
    $db->do(statement('mail/sent', mail_id => $first));
    ok !$failed->(1), 'nor what was sent after all';
    is value('SELECT failed_at FROM autoflow.outbox WHERE id = ?', $first), undef;
};

# in the order of ids, whatever the plan, or two could deadlock
subtest 'memberships of several accounts' => sub {
    my $id = value(q{INSERT INTO autoflow.roles (name) VALUES ('reader') RETURNING id});
    my ($low, $high) = sort $ada, $eve;
    $db->do('UPDATE autoflow.users SET bio = ? WHERE id = ?', {}, 'behind the other one', $low);
    my $hold = transaction("SELECT FROM autoflow.users WHERE id = '$low' FOR NO KEY UPDATE");
    my $give = $postgresql->connect;
    $give->do("SET $_ = off") for qw(enable_indexscan enable_bitmapscan);
    waiting($give, "INSERT INTO autoflow.user_roles SELECT id, '$id' FROM autoflow.users");
    my $free = 'SELECT FROM autoflow.users WHERE id = ? FOR NO KEY UPDATE NOWAIT';
    ok eval { $db->do($free, {}, $high); 1 }, 'whoever waits for the first holds no other one';
    $hold->rollback;
    ok $give->pg_result, 'and then has all of them';
    $db->do('DELETE FROM autoflow.user_roles');
};

# likewise for the mailboxes of a message
subtest 'mailboxes of two accounts' => sub {
    my ($low, $high) = sort $ada, $eve;
    $db->do('DELETE FROM autoflow.mailboxes');
    $db->do('INSERT INTO autoflow.mailboxes VALUES (?), (?)', {}, $low, $high);
    $db->do('UPDATE autoflow.users SET bio = ? WHERE id = ?', {}, 'behind the other one', $low);
    my $hold  = transaction("SELECT FROM autoflow.mailboxes WHERE user_id = '$low' FOR UPDATE");
    my $write = $postgresql->connect;
    $write->do("SET $_ = off") for qw(enable_indexscan enable_bitmapscan);
    waiting($write, statement('messages/take_numbers', user_id => $low, recipient_id => $high));
    ok eval { $db->do('SELECT FROM autoflow.mailboxes WHERE user_id = ? FOR UPDATE NOWAIT', {},
        $high); 1 },
        'whoever waits for the first holds no other one';
    $hold->rollback;
    ok $write->pg_result, 'and then has both';
};

subtest 'roles assigned concurrently, and too many' => sub {
    $db->do(q{INSERT INTO autoflow.roles (name) SELECT 'n' || i FROM generate_series(1, 40) AS i});
    my $give = sub ($from, $to) { "INSERT INTO autoflow.user_roles
        SELECT '$ada', id FROM autoflow.roles, generate_series($from, $to) AS i
         WHERE name = 'n' || i" };
    like waits_for(transaction($give->(1, 20)), $give->(21, 40)), qr/more than 32 roles/,
        'the second sees those of the first';
    is value('SELECT count(*) FROM autoflow.user_roles WHERE user_id = ?', $ada), 20;
};

subtest 'months of the audit log' => sub {
    my $event = sub ($month) {
        "INSERT INTO autoflow.audit_events (at, action) VALUES ('$month-15', 'kept')" };
    my $maintain = 'audit_maintain(NULL)';
    my $in = sub ($month) { value("SELECT count(*) FROM autoflow.audit_events_$month") };

    $db->do($event->('2020-01'));
    my $other = transaction("SELECT autoflow.$maintain");
    goes($maintain, 'made by one: the other goes');
    $other->commit;
    is $in->('2020_01'), 1;

    $db->do($event->('2020-02'));
    is waits_for(transaction($event->('2020-02')), "SELECT autoflow.$maintain"), '',
        'while events are added: these are waited for';
    is $in->('2020_02'), 2, 'and move with the others';
};

$db->disconnect;
$postgresql->stop;
done_testing;
