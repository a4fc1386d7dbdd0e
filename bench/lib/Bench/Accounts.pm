package Bench::Accounts;

# Accounts and what they have, made by SQL: the n-th has the id that the n-th
# token of Bench::Tokens names.

use Mojo::Base -strict, -signatures;
use Exporter qw(import);

our @EXPORT_OK = qw(account_id add_accounts add_events add_revocations add_sessions);

my $id = q{('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid};

sub account_id ($n) { sprintf '00000000-0000-7000-8000-%012x', $n }

# inserts rows for n from $first to $last, without what triggers would do for each
sub insert ($db, $table, $sql, @range) {
    $db->do("ALTER TABLE autoflow.$table DISABLE TRIGGER USER");
    $db->do("INSERT INTO autoflow.$table $sql", {}, @range);
    $db->do("ALTER TABLE autoflow.$table ENABLE TRIGGER USER");
    $db->do("VACUUM ANALYZE autoflow.$table");
    return;
}

# with this hash of a password
sub add_accounts ($db, $first, $last, $hash = 'x') {
    insert($db, users => qq{(id, email, email_key, password_hash, created_at)
        SELECT $id, e, e, ?, now() - n * interval '1 minute'
          FROM generate_series(?::bigint, ?) AS n, concat('account', n, '\@example.com') AS e},
        $hash, $first, $last);
}

# a living one each, of the account with its number; its first token is due
sub add_sessions ($db, $first, $last) {
    insert($db, sessions => qq{(id, user_id, number, random, expires_at, access_expires_at)
        SELECT $id, $id, 1, autoflow.session_random(), now() + interval '7 days',
               now() + interval '30 minutes'
          FROM generate_series(?::bigint, ?) AS n}, $first, $last);
}

# of sessions that nobody has
sub add_revocations ($db, $count) {
    $db->do(q{INSERT INTO autoflow.revocations
        SELECT gen_random_uuid(), NULL, now() - interval '10 seconds', now() + interval '6 hours'
          FROM generate_series(1, ?::bigint)}, {}, $count);
}

sub add_events ($db, $count) {
    $db->do(q{INSERT INTO autoflow.audit_events (at, action, target_id)
        SELECT now() - n * interval '1 s', 'logged_in', gen_random_uuid()
          FROM generate_series(1, ?::bigint) AS n}, {}, $count);
    $db->do('ANALYZE');
}

1;
