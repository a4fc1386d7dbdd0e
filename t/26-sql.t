# The schema: deployed, verified, reverted and deployed again; every statement.
# Not under the sanitizers: it is about the schema.

use Mojo::Base -strict, -signatures;
use File::Temp;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::Autoflow::Statements;
use Test::More;

my $root = $Test::Autoflow::root;
my $dir  = File::Temp->newdir;
chmod 0755, $dir;
my $postgresql = Test::Autoflow::PostgreSQL->new(dir => "$dir/postgresql")->start;
my $owner = $postgresql->connect;

# the SQLSTATE of a statement; empty if it succeeds
sub sqlstate ($db, $sql) {
    return eval { $db->do($sql, {pg_direct => 1}); 1 } ? '' : $db->state;
}

sub objects {
    return $owner->selectcol_arrayref(q{
        SELECT pg_describe_object(classid, objid, 0) FROM pg_depend
         WHERE refclassid = 'pg_namespace'::regclass
           AND refobjid = to_regnamespace('autoflow')
           AND deptype = 'n' ORDER BY 1});
}


subtest 'deploy, revert and deploy again' => sub {
    $postgresql->sqitch_ok('verify');
    my $before = objects();
    cmp_ok scalar @$before, '>', 10, 'the schema has its objects';

    $postgresql->sqitch_ok('revert', '-y');
    ok !defined $owner->selectrow_array(q{SELECT to_regnamespace('autoflow')}),
        'nothing is left of it';

    $postgresql->sqitch_ok('deploy', '--verify');
    is_deeply objects(), $before, 'the same objects again';
    $postgresql->sqitch_ok('deploy');
};

subtest 'a directory that was in use' => sub {
    my $read = sub ($sql) { $owner->selectall_arrayref($sql) };
    my $app  = $postgresql->connect('autoflow_app');
    $owner->do(q{INSERT INTO autoflow.users (email, password_hash) VALUES
        ('gone@example.com', 'x'), ('private@example.com', 'x'), ('public@example.com', 'x')});
    $owner->do(q{INSERT INTO autoflow.locations (country) VALUES ('Utopia')});
    $owner->do(q{INSERT INTO autoflow.profiles (user_id, is_public, location_id)
        SELECT u.id, email LIKE 'public%', l.id FROM autoflow.users u, autoflow.locations l});

    $postgresql->sqitch_ok('revert', '-y', '--to', 'directory^');
    is sqlstate($app, 'SELECT first_name, is_public FROM autoflow.profiles'), '',
        'messages may still read names';
    $owner->do(q{UPDATE autoflow.users SET deleted_at = now() WHERE email LIKE 'gone%'});

    $postgresql->sqitch_ok('deploy', '--verify');
    is_deeply $read->(q{SELECT email, p.is_active, visibility, deactivated_at IS NOT NULL,
        location_id FROM autoflow.profiles p JOIN autoflow.users u ON u.id = user_id ORDER BY 1}),
        [['gone@example.com', 0, 0, 1, undef], ['private@example.com', 1, 1, 0, undef],
        ['public@example.com', 1, 2, 0, undef]], 'what was there is as if it were made now';
    $owner->do('DELETE FROM autoflow.users');
};


# a file's columns, by the statement's name: "-- columns: id uuid, …"
sub declared {
    my %columns;
    my $queries = path("$root/sql/queries");
    for my $file ($queries->list_tree->grep(qr/\.sql$/)->each) {
        my ($text) = $file->slurp =~ /^-- columns: (.*\n(?:--  .*\n)*)/m or next;
        my $name = $file->to_rel($queries) =~ s/\.sql$//r =~ tr{/}{_}r;
        $columns{$name} = [split /,\s*(?:--\s+)?/, $text =~ s/\s+\z//r];
    }
    return \%columns;
}

# likewise, as described by PostgreSQL
sub described (@statements) {
    my $script = path($dir, 'describe.sql');
    $script->spurt(map { "\\echo = $_->{name}\n$_->{sql}\n\\gdesc\n" } @statements);
    my (%columns, $name);
    open my $out, '-|', qw(psql -XAtq -v ON_ERROR_STOP=1 -F), ' ', '-f', $script,
        $postgresql->url('autoflow_app') or die $!;
    while (my $line = <$out>) {
        chomp $line;
        if ($line =~ /^= (.+)/) { $columns{$name = $1} = [] }
        else { push @{$columns{$name}}, $line }
    }
    close $out or die 'psql failed';
    return \%columns;
}

my @statements = Test::Autoflow::Statements::all();
my $columns    = declared();

subtest 'every statement' => sub {
    my $files = path("$root/sql/queries")->list_tree->grep(qr/\.sql$/)->size;
    is scalar @statements, $files, 'one for each file';

    my $app = $postgresql->connect('autoflow_app');
    my $described = described(@statements);
    for my $statement (@statements) {
        my ($name, $sql, $count, $reads) = @$statement{qw(name sql count reads)};
        my $arguments = $count ? '(' . join(', ', ('NULL') x $count) . ')' : '';

        is sqlstate($app, "PREPARE $name AS $sql"), '', "$name can be prepared"
            or diag $app->errstr;
        is_deeply $columns->{$name}, $described->{$name}, 'it has the columns that it names';
        is sqlstate($app, "EXPLAIN EXECUTE $name$arguments"), '', 'by a role that may run it'
            or diag $app->errstr;
        next if !$reads;
        $app->do('BEGIN READ ONLY');
        is sqlstate($app, "EXECUTE $name$arguments"), '', 'it only reads' or diag $app->errstr;
        $app->do('ROLLBACK');
    }
};


subtest 'what a replica may answer' => sub {
    my $copy = path($dir, 'sql')->make_path;
    system('cp', '-r', "$root/sql/embed", "$root/sql/queries", $copy) == 0 or die;
    my $list = $copy->child('queries/admin/roles.sql');
    my $sql  = $list->slurp;
    my $says = sub ($from, $to) {
        $list->spurt($sql =~ s/$from/$to/r);
        return scalar `$^X $copy/embed $copy 2>&1`;
    };
    is $says->(qr/^/, ''), '', 'lists';
    like $says->(qr/^-- reads$/m, '-- writes'), qr/"-- stale" is for what reads/,
        'nothing that writes';
    like $says->(qr/^-- wide\n/m, ''), qr/"-- stale" is for .* wide/, 'nothing that is no list';

    my ($check) = grep { $_->{name} eq 'replica_check' } @statements;
    my $app = $postgresql->connect('autoflow_app');
    $app->begin_work;
    is(($app->selectrow_array($check->{sql}, {}, 1, 1, '0/0'))[0], 'no_standby', 'a standby');
    is sqlstate($app, 'DELETE FROM autoflow.sessions'), '25006',
        'and nothing is written there, whatever it is';
    $app->rollback;
};


# A column is read by its name, or by one of an array columns[].
my $asked = qr{ (?: af_(?:\w+_)?column | PQfnumber )
    \( (?: [^(),]+ , \s* )+ ([^(),]+) \) }x;

sub names_asked ($code) {
    my %array = map { $_ => 1 } map { /"(\w+)"/g } $code =~ /\bcolumns\[\w*\] = \{([^}]+)\}/g;
    my %names;
    for my $what ($code =~ /$asked/g) {
        if ($what =~ /^"(\w+)"$/) { $names{$1} = 1 }
        elsif ($what eq 'columns[i]') { %names = (%names, %array) }
        elsif ($what !~ /^(?:const char \*)?name$/) { $names{$what} = 1 }
    }
    return sort keys %names;
}

# Which statements may have these columns: those that are sent there, or by
# files that include the header; all, for the engine, and for pages, which show
# what routes of the API answer.
sub statements_of ($file, $code) {
    my $header = $file =~ s/\.c$/.h/r;
    my @users  = grep { $code->{$_} =~ /#include "\Q$header\E"/ } keys %$code;
    return $file =~ m{^(?:flow|pages)/} ? keys %$columns
        : map { $code->{$_} =~ /&af_sql_(\w+)/g } $file, @users;
}

subtest 'every column that is read by name' => sub {
    my $src  = path("$root/src");
    my %code = map { ($_->to_rel($src) => $_->slurp) } $src->list_tree->grep(qr/\.c$/)->each;
    my $some = 0;
    for my $file (sort keys %code) {
        my @names = names_asked($code{$file}) or next;
        my %known = map { (split)[0] => 1 }
            map { @{$columns->{$_} // []} } statements_of($file, \%code);
        is_deeply [grep { !$known{$_} } @names], [], "$file: @names";
        $some += @names;
    }
    cmp_ok $some, '>', 30, 'they were found';
};


subtest "the module's role, and others" => sub {
    my $app = $postgresql->connect('autoflow_app');
    ok !$owner->selectrow_array(q{SELECT bool_or(rolsuper OR rolcreaterole OR rolcreatedb
        OR rolreplication OR rolbypassrls) FROM pg_roles WHERE rolname = 'autoflow_app'}),
        'it has no attribute';
    is $postgresql->connect('postgres')->selectrow_array(q{SELECT rolpassword FROM pg_authid
        WHERE rolname = 'autoflow_app'}), undef, 'nor a password, until it is given one';
    like $app->selectrow_array('SHOW statement_timeout'), qr/^[1-9]/, 'its statements end';

    $owner->do('DROP ROLE IF EXISTS stranger');
    $owner->do('CREATE ROLE stranger');
    $owner->do('GRANT stranger TO CURRENT_USER');
    $owner->do('SET ROLE stranger');
    is sqlstate($owner, $_), '42501', "a stranger: $_"
        for 'SELECT autoflow.uuid7()', 'SELECT id FROM autoflow.users';
    $owner->do('RESET ROLE');
    $owner->do('DROP ROLE stranger');
};


subtest 'ids' => sub {
    my $ids = $owner->selectcol_arrayref(q{
        SELECT autoflow.uuid7() FROM generate_series(1, 1000)});
    is scalar(
        grep { !/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/ } @$ids),
        0, 'version 7';
    is keys %{{map { $_ => 1 } @$ids}}, 1000, 'all different';
    my $now  = time;
    my $late = $owner->selectrow_array('SELECT autoflow.uuid7()');
    my $at   = (hex(substr $late, 0, 8) * 65_536 + hex(substr $late, 9, 4)) / 1000;
    ok abs($at - $now) < 60, 'they begin with the time';
};


subtest 'rules of the tables' => sub {
    my $insert = sub ($columns, $values) {
        return sqlstate($owner, "INSERT INTO autoflow.users (email, password_hash, $columns)
            VALUES ($values)");
    };
    is $insert->('username', q{'a@example.com', 'x', 'abc'}), '', 'an account';
    is $insert->('username', q{'A@example.COM', 'x', 'def'}), '23505', 'its address again';
    is $insert->('username', q{'b@example.com', 'x', 'ABC'}), '23505', 'its name again';
    is $insert->('username', q{'no address', 'x', 'def'}), '23514', 'no address';
    is $insert->('username', q{'c@example.com', 'x', 'a@b'}), '23514', 'no username';
    is $insert->('full_name', q{'d@example.com', 'x', E'a\x01'}), '23514', 'a control character';
    $owner->do('UPDATE autoflow.users SET deleted_at = now()');
    is $insert->('username', q{'a@example.com', 'x', 'abc'}), '', 'deleted: both are free';
};


subtest 'partitions of the audit log' => sub {
    my $app  = $postgresql->connect('autoflow_app');
    my $of   = sub ($at) {
        return $owner->selectrow_array(qq{INSERT INTO autoflow.audit_events (at, action)
            VALUES ($at, 'x') RETURNING tableoid::regclass}) =~ s/.*audit_events_//r;
    };
    my $month = $owner->selectrow_array(q{SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')});
    is $of->('now()'), $month, 'this month has one';
    is $of->(q{'2031-05-06'}), 'default', 'what has none goes to the default one';

    $app->do('SELECT autoflow.audit_partitions()');
    is $of->(q{'2031-05-07'}), '2031_05', 'until the module makes one';
    is $owner->selectrow_array('SELECT count(*) FROM autoflow.audit_events_default'), 0,
        'which takes the rows over';
    is $owner->selectrow_array('SELECT count(*) FROM autoflow.audit_events'), 3, 'none is lost';
};

$owner->disconnect;
$postgresql->stop;
done_testing;
