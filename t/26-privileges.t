# What the module's role may do, which is what its statements need
# (sql/privileges.sql); and what somebody can't who has stolen its connection.

use Mojo::Base -strict, -signatures;
use File::Temp;
use List::Util qw(any uniq);
use Test::Autoflow;
use Test::Autoflow::Statements;
use Test::More;

my $dir  = File::Temp->newdir;
chmod 0755, $dir;
my $postgresql = Test::Autoflow::PostgreSQL->new(dir => "$dir/postgresql")->start;
my $owner = $postgresql->connect;
my $app   = $postgresql->connect('autoflow_app');
$owner->do(q{SET search_path = ''});
my @statements = Test::Autoflow::Statements::all();

sub column ($sql, @values) { $owner->selectcol_arrayref($sql, {}, @values) }

# the SQLSTATE of a statement; empty if it succeeds
sub sqlstate ($db, $sql) {
    return eval { $db->do($sql, {pg_direct => 1}); 1 } ? '' : $db->state;
}

# everything that the role has been granted: {"SELECT users email" => 1}; what
# holds for a table, by its columns
sub granted {
    my $list = column(q{
        SELECT concat_ws(' ', a.privilege_type, relname, attname)
          FROM pg_class c, aclexplode(relacl) AS a
          LEFT JOIN pg_attribute ON privilege_type IN ('SELECT', 'INSERT', 'UPDATE')
         WHERE relnamespace = 'autoflow'::regnamespace AND grantee = 'autoflow_app'::regrole
           AND (attrelid = c.oid AND attnum > 0 AND NOT attisdropped) IS NOT FALSE
         UNION
        SELECT concat_ws(' ', a.privilege_type, relname, attname)
          FROM pg_class c JOIN pg_attribute ON attrelid = c.oid, aclexplode(attacl) AS a
         WHERE relnamespace = 'autoflow'::regnamespace AND grantee = 'autoflow_app'::regrole
         UNION
        SELECT 'EXECUTE ' || p.oid::regprocedure
          FROM pg_proc p, aclexplode(proacl) AS a
         WHERE pronamespace = 'autoflow'::regnamespace AND grantee = 'autoflow_app'::regrole});
    return {map { $_ => 1 } @$list};
}

sub privileges (%variables) {
    $postgresql->privileges_ok(%variables);
    return granted();
}


subtest 'the file and the deployment' => sub {
    my $least = granted();
    is_deeply privileges(), $least, 'tests run with the privileges of the file alone';

    $postgresql->sqitch_ok('revert', '-y');
    $postgresql->sqitch_ok('deploy');
    my $deployed = granted();
    is_deeply [grep { !$deployed->{$_} } sort keys %$least], [],
        'the changes of the schema grant all of it';
    my $previous = privileges(previous => 1);
    is_deeply [grep { !$deployed->{$_} } sort keys %$previous], [],
        'and what the previous version needs';
    cmp_ok scalar keys %$previous, '>', scalar keys %$least, 'which is more';
    is_deeply privileges(), $least, 'and is taken away in the end';
    $postgresql->sqitch_ok('verify');
};


# Each privilege is taken away alone: some statement that names the table fails,
# or else a function that runs with the role's privileges names table and column.

my $invoked = join "\n", @{column(q{
    SELECT pg_get_functiondef(oid) FROM pg_proc
     WHERE pronamespace = 'autoflow'::regnamespace AND NOT prosecdef})};

# the role's own: prepared here, where a transaction can take it back
sub needed ($privilege, $table, $column, @others) {
    my @some = grep { $_->{sql} =~ /autoflow\.$table\b/ } @statements;
    $owner->begin_work;
    $owner->do("REVOKE $privilege ON autoflow.$table FROM autoflow_app");
    $owner->do("GRANT $privilege (" . join(', ', map {qq("$_")} @others)
        . ") ON autoflow.$table TO autoflow_app") if @others;
    $owner->do('SET LOCAL ROLE autoflow_app');
    my $failed = any { state_of($_) eq '42501' } @some;
    $owner->rollback;
    return $failed
        || any { /\bautoflow\.$table\b/ && (!defined $column || /\b$column\b/) }
            split /^(?=CREATE )/m, $invoked;
}

sub state_of ($statement) {
    my $values = $statement->{count} ? '(' . join(', ', ('NULL') x $statement->{count}) . ')' : '';
    $owner->do('SAVEPOINT s');
    my $state = sqlstate($owner, "EXPLAIN EXECUTE $statement->{name}$values");
    $owner->do('ROLLBACK TO s') if $state;
    return $state;
}

subtest 'every privilege on a table is needed' => sub {
    $owner->do("PREPARE $_->{name} AS $_->{sql}", {pg_direct => 1}) for @statements;
    my @granted = map { [split ' '] } grep { !/^EXECUTE/ } sort keys %{granted()};
    for my $one (@granted) {
        my ($privilege, $table, $column) = @$one;
        my @others = grep { $_ ne ($column // '') } map { $_->[2] // () }
            grep { $_->[0] eq $privilege && $_->[1] eq $table } @granted;
        ok needed($privilege, $table, $column, @others), "@$one";
    }
    $owner->do('DEALLOCATE ALL');
};

subtest 'every function is used' => sub {
    my $catalog = join "\n", @{column(q{
        SELECT pg_get_constraintdef(oid) FROM pg_constraint
         WHERE connamespace = 'autoflow'::regnamespace
         UNION ALL SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef})};
    my @names = uniq map { /^EXECUTE autoflow\.(\w+)/ ? $1 : () } sort keys %{granted()};
    cmp_ok scalar @names, '>', 40, 'there are some';
    for my $name (@names) {
        my $call = qr/\bautoflow\.$name\(/;
        ok((any { $_->{sql} =~ $call } @statements)
            || (any { /$call/ && !/^CREATE OR REPLACE FUNCTION $call/ }
                split /^(?=CREATE )/m, $invoked)
            || $catalog =~ $call, $name);
    }
};


# Somebody with the module's connection, and none of its secrets.

$owner->do(q{INSERT INTO autoflow.users (email, password_hash) VALUES
    ('ada@example.com', 'x'), ('bob@example.com', 'x')});

subtest 'a thief can not' => sub {
    my %refused = (
        'write the audit log away' => [
            'DELETE FROM autoflow.audit_events',
            q{UPDATE autoflow.audit_events SET details = '{}'},
            'TRUNCATE autoflow.audit_events',
            q{SELECT autoflow.audit_maintain(interval '30 days')},
            'DROP TABLE autoflow.audit_events_default',
            'DELETE FROM autoflow.audit_events_default',
            q{INSERT INTO autoflow.audit_events (at, action) VALUES (now(), 'x')},
            'ALTER TABLE autoflow.audit_events DISABLE TRIGGER ALL',
            q{SET session_replication_role = 'replica'},
        ],
        'un-revoke a token' => [
            'DELETE FROM autoflow.revocations',
            'UPDATE autoflow.revocations SET expires_at = now()',
            'TRUNCATE autoflow.revocations',
            'UPDATE autoflow.users SET tokens_until = NULL',
        ],
        'choose what tokens are made of' => [
            q{INSERT INTO autoflow.outbox (id, kind, user_id, recipient)
                SELECT id, 'reset_password', id, email FROM autoflow.users},
            'UPDATE autoflow.outbox SET expires_at = DEFAULT',
            q{UPDATE autoflow.outbox SET recipient = 'eve@example.com'},
            q{INSERT INTO autoflow.sessions (user_id, expires_at, random)
                SELECT id, now() + interval '1 day', 'x' FROM autoflow.users},
            q{INSERT INTO autoflow.refresh_tokens (token_hash, session_id) VALUES ('', NULL)},
            'UPDATE autoflow.sessions SET user_id = user_id',
        ],
        'destroy' => [
            'DELETE FROM autoflow.users',
            'TRUNCATE autoflow.users CASCADE',
            'DELETE FROM autoflow.sessions',
            'DELETE FROM autoflow.roles',
            'DELETE FROM autoflow.messages',
            'UPDATE autoflow.messages SET content = \'x\'',
            'DELETE FROM autoflow.profiles',
            'CREATE INDEX ON autoflow.users (bio)',
            "SELECT pg_terminate_backend($owner->{pg_pid})",
            'CHECKPOINT',
            q{DO 'BEGIN LOCK TABLE autoflow.users; END'},
        ],
        'create' => [
            'CREATE TABLE autoflow.t (id int)',
            'CREATE TABLE public.t (id int)',
            'CREATE TEMPORARY TABLE t (id int)',
            'CREATE FUNCTION autoflow.f() RETURNS int LANGUAGE sql RETURN 1',
            'CREATE FUNCTION public.f() RETURNS int LANGUAGE sql RETURN 1',
            'CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql RETURN 1',
            'CREATE SCHEMA s',
            'CREATE EXTENSION pg_prewarm SCHEMA public',
            'CREATE EVENT TRIGGER t ON ddl_command_start EXECUTE FUNCTION autoflow.f()',
            'CREATE PUBLICATION p FOR ALL TABLES',
            'CREATE DATABASE d',
        ],
        'become somebody else, or leave the database' => [
            'SET ROLE autoflow',
            'SET ROLE postgres',
            'SET SESSION AUTHORIZATION autoflow',
            'CREATE ROLE eve',
            'ALTER ROLE autoflow_app SUPERUSER',
            'GRANT autoflow TO autoflow_app',
            q{COPY (SELECT 1) TO PROGRAM 'true'},
            q{COPY autoflow.users (bio) FROM '/etc/passwd'},
            q{SELECT pg_read_file('/etc/passwd')},
            q{SELECT lo_import('/etc/passwd')},
            'SELECT * FROM pg_authid',
            'SELECT * FROM sqitch.changes',
        ],
    );
    for my $what (sort keys %refused) {
        is sqlstate($app, $_), '42501', "$what: " . s/\s+/ /gr for @{$refused{$what}};
    }
};

# docs/security.md says so: the module decides who may do what, so its
# connection can do what any account may.
subtest 'a thief can' => sub {
    $app->begin_work;
    is sqlstate($app, $_), '', s/\s+/ /gr for (
        'SELECT email, password_hash FROM autoflow.users',
        'SELECT content FROM autoflow.messages',
        'SELECT random FROM autoflow.sessions',
        'SELECT id FROM autoflow.outbox',
        'UPDATE autoflow.users SET is_superuser = true',
        q{UPDATE autoflow.users SET password_hash = 'x'},
        q{INSERT INTO autoflow.audit_events (action) VALUES ('logged_in')},
        'UPDATE autoflow.sessions SET ended_at = NULL',
        q{NOTIFY autoflow_revocations, 'x'},
        'SET statement_timeout = 0',
        'SELECT autoflow.delete_role(id, \'0\') FROM autoflow.roles',
        q{UPDATE autoflow.sessions SET ended_at = '-infinity'},
        'SELECT autoflow.purge()',
        'SELECT lo_create(0)',
        'SELECT pg_advisory_xact_lock(1)',
        'LOCK TABLE autoflow.user_roles',
    );
    $app->rollback;
};

subtest "a deleted role's tokens are revoked, however it is deleted" => sub {
    is sqlstate($app, q{SELECT autoflow.delete_role(gen_random_uuid(), '-1 year')}), '22023',
        'the revocation can not end in the past';
};

subtest 'functions that run as the owner' => sub {
    my $theirs = column(q{
        SELECT proname || ': ' || coalesce(array_to_string(proconfig, ' '), '') FROM pg_proc
         WHERE pronamespace = 'autoflow'::regnamespace AND prosecdef});
    cmp_ok scalar @$theirs, '>', 10, 'there are some';
    is_deeply [grep { !/search_path=pg_catalog, pg_temp/ } @$theirs], [],
        'each looks up names in pg_catalog alone';
    is_deeply column(q{
        SELECT p.oid::regprocedure FROM pg_proc p, aclexplode(coalesce(proacl,
                acldefault('f', proowner))) AS a
         WHERE pronamespace = 'autoflow'::regnamespace AND grantee = 0}), [],
        'and nothing is for everybody';
};

$_->disconnect for $owner, $app;
$postgresql->stop;
done_testing;
