# `autoflow setup`: from a machine with nginx and PostgreSQL to a service behind
# TLS, with nothing to be asked; and `autoflow doctor`, on what became of it.

use Mojo::Base -strict, -signatures;
use DBI;
use File::Temp;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::Autoflow::Process;
use Test::Autoflow::Wait qw(wait_until);
use Test::More;

plan skip_all => 'only root may set up a machine' if $> != 0;

my $root   = $Test::Autoflow::root;
my $dir    = path(my $temp = File::Temp->newdir(DIR => '/var/tmp'));
my $etc    = $dir->child('etc/nginx')->make_path;
my $folder = $etc->child('autoflow');
my ($bin)  = sort { ($b =~ /(\d+)/)[0] <=> ($a =~ /(\d+)/)[0] } glob '/usr/lib/postgresql/*/bin';
my ($http, $https, $port) = map { Test::Autoflow::free_port() } 1 .. 3;
chmod 0755, $dir;

# as Debian makes one: whoever connects by the socket is known by the system
my @as_postgres = qw(setpriv --reuid=postgres --regid=postgres --init-groups);
my $socket = $dir->child('postgresql')->make_path;
chown +(getpwnam 'postgres')[2, 3], $socket;
system("cd / && @as_postgres $bin/initdb -D $socket/data -A peer -E UTF8 --locale=C.UTF-8 "
    . '--no-sync >/dev/null') == 0 or die 'initdb';
my $postgresql = Test::Autoflow::Process->new(
    log     => "$dir/postgresql.log",
    command => ['setpriv', '--pdeathsig', 'INT', @as_postgres[1 .. 3], "$bin/postgres",
        '-D', "$socket/data", '-k', $socket, '-h', '127.0.0.1', '-F',
        '-c', "port=$port"],
)->start->serves(sub { system("$bin/pg_isready -q -h $socket -p $port") == 0 });

my $module = $ENV{AUTOFLOW_MODULE} // "$root/build/ngx_http_autoflow_module.so";
my @nginx  = Test::Autoflow::nginx_with();
system('cp', '-r', "$root/conf/snippets", "$root/conf/mail", $etc) == 0 or die;
$dir->child($_)->make_path for 'log', 'share';
system('cp', '-r', "$root/conf/landing", "$root/conf/docs", "$dir/share") == 0 or die;

# Debian's, as far as it matters
$etc->child('nginx.conf')->spurt(<<~"END");
    user www-data;
    worker_processes 1;
    pid $dir/nginx.pid;
    error_log $dir/log/error.log notice;
    load_module $module;
    include autoflow/main*.conf;
    events { worker_connections 768; }
    http {
        access_log $dir/log/access.log;
        client_body_temp_path $dir/temp_body;
        proxy_temp_path $dir/temp_proxy;
        fastcgi_temp_path $dir/temp_fastcgi;
        uwsgi_temp_path $dir/temp_uwsgi;
        scgi_temp_path $dir/temp_scgi;
        include $etc/conf.d/*.conf;
    }
    END

sub settings ($name, $database) {
    $dir->child($name)->spurt(<<~"END");
        database $database
        folder   $folder
        nginx    @nginx -p $dir/share -c $etc/nginx.conf -e stderr
        END
    return "$dir/$name";
}

my $settings = settings('autoflow.conf', "postgresql:///service?host=$socket&port=$port");

# its output and status
sub autoflow (@command) {
    open my $out, '-|', 'sh', '-c', '"$@" 2>&1', 'sh', "$root/tools/autoflow", '--config',
        $settings, @command or die $!;
    my $text = join '', <$out>;
    close $out;
    return ($? >> 8, $text);
}

# everything below a folder: the contents and modes
sub contents ($folder) {
    return {map { $_ => [$_->stat->mode, $_->slurp] } path($folder)->list_tree->each};
}

# what an administrator would do to run it on other ports, and to be reached by an
# address, without a name
sub on_free_ports ($file) {
    $file->spurt($file->slurp =~ s/^# Whoever asks.*?^\}\n//msr
        =~ s/\b443\b/$https/gr =~ s/listen( +\S*)\b80;/listen$1$http;/gr
        =~ s{/var/log/nginx}{$dir/log}gr);
}

my @setup = ('setup', '--name', 'auth.example.com');


subtest 'interrupted' => sub {
    my ($status, $text) = do {
        local $ENV{PATH} = "$dir/bin:$ENV{PATH}";
        $dir->child('bin')->make_path->child('sqitch')->spurt("#!/bin/sh\nexit 1\n")->chmod(0755);
        autoflow(@setup);
    };
    ok $status, 'the schema could not be deployed';
    ok !-e "$etc/conf.d/autoflow.conf", 'nothing is served yet';
    ok -s "$folder/secret", 'but there are keys';
};

my $keys = {map { $_ => $folder->child($_)->slurp } qw(secret seal signing.pem database)};

subtest 'continued' => sub {
    my ($status, $text) = autoflow(@setup);
    is $status, 0, 'all is there' or diag $text;
    like $text, qr{https://auth\.example\.com/ is configured}, 'says so';
    like $text, qr/- $_/, 'and what is left' for qr/nginx isn't running/, qr/A certificate/,
        qr/The first superuser/, qr/A copy of \S*seal/;
    is_deeply {map { $_ => $folder->child($_)->slurp } keys %$keys}, $keys, 'keys are kept';
    is sprintf('%o', $folder->child($_)->stat->mode & 07777), '600', "$_ is private"
        for qw(secret seal signing.pem database tls.key);
    like $keys->{$_}, qr/^base64url:[\w-]{43}$/, "$_ has 256 bits" for qw(secret seal);
    like $folder->child('main.conf')->slurp, qr/worker_shutdown_timeout/, 'a limit for reloads';
};

subtest 'again' => sub {
    my $before = contents($etc);
    my ($status, $text) = autoflow(@setup);
    is $status, 0, 'works';
    is_deeply contents($etc), $before, 'changes nothing';

    on_free_ports($folder->child('http.conf'));
    $before = contents($etc);
    autoflow(@setup);
    is_deeply contents($etc), $before, 'nor what was edited';
};

my $server = Test::Autoflow::Process->new(
    log     => "$dir/stderr",
    command => ['setpriv', '--pdeathsig', 'TERM', @nginx, '-p', "$dir/share", '-c',
        "$etc/nginx.conf", '-e', 'stderr', '-g', 'daemon off;'],
)->start->serves(sub { system("curl -sfo /dev/null http://127.0.0.1:$http/") == 0 });

my $t = Test::Mojo->new;
$t->ua->insecure(1);
sub at ($path) { "https://127.0.0.1:$https$path" }
my $account = {email => 'ada@example.com', password => 'correct horse battery staple'};

subtest 'it works behind TLS' => sub {
    Test::Autoflow::Wait::wait_until(sub {
        ($t->ua->get(at('/health'))->res->code // 0) == 200 });
    $t->get_ok(at('/health'))->status_is(200);
    $t->get_ok("http://127.0.0.1:$http/auth/me" => {Host => 'auth.example.com'})->status_is(403)
        ->json_is('/code' => 'https_required');
    $t->post_ok(at('/auth/register') => json => $account)->status_is(201);
    $t->get_ok(at('/auth/me') => {Authorization => 'Bearer ' . $t->tx->res->json('/access_token')})
        ->status_is(200)->json_is('/email' => $account->{email})
        ->header_like('Strict-Transport-Security' => qr/max-age/);
    my ($status) = autoflow('grant-superuser', $account->{email});
    is $status, 0, 'the first superuser';
    my ($exit, $text) = autoflow(@setup);
    unlike $text, qr/superuser|isn't running/, 'less is left';
    like $text, qr/A certificate/, 'but not nothing';
};

# what it reports as problems, each by the beginning of its line
sub problems { sort map { /^problem\s+(.*):$/ ? $1 : () } split /\n/, (autoflow('doctor'))[1] }

# what can be wrong: what is reported, what breaks it, what mends it
sub edit ($file, $change, $text) {
    my ($path, $before) = $folder->child($file);
    return sub { $path->spurt(($before = $path->slurp) =~ s/$change/$text/r) },
        sub { $path->spurt($before) };
}

sub add ($file, $text) { edit($file, qr/\z/, $text) }

sub sql ($statement) {
    return sub {
        system('psql', '-qXd', "postgresql:///service?host=$socket&port=$port&user=root",
            '-c', "SET ROLE autoflow; $statement") == 0 or die;
    };
}

my @faults = (
    ['others may read \S+/signing\.pem \(mode 640\)', sub { $folder->child('signing.pem')
        ->chmod(0640) }, sub { $folder->child('signing.pem')->chmod(0600) }],
    ['others may replace what is in \S+ \(mode 777\)', sub { $folder->chmod(0777) },
        sub { $folder->chmod(0755) }],
    ["\\S+/secret doesn't look random", edit('secret', qr/.*/,
        'there is no more secret in this than in others')],
    ["\\S+/pattern doesn't look random", sub { $folder->child('pattern')->spurt('hex:',
        '0123456789abcdef' x 4)->chmod(0600) }, sub { $folder->child('pattern')->remove }],
    ['these files are the same: \S+/copy \S+/seal ', sub { $folder->child('seal')
        ->copy_to($folder->child('copy'))->chmod(0600) },
        sub { $folder->child('copy')->remove }],
    ['there is no worker_shutdown_timeout.*', edit('main.conf', qr/.*\z/s, join '',
        map { "thread_pool autoflow_$_ threads=200;\n" } qw(hash io connect))],
    ['no error_log has the level notice,.*', edit('../nginx.conf', qr/ notice;/, ';')],
    ['200 threads hash passwords, for \d+ processors', add('http.conf', <<~"END")],
        autoflow_secret file:$folder/pattern;
        autoflow_secret file:$folder/copy;
        autoflow_key_url https://partner.test/jwks.json issuer=https://partner.test;
        END
    ['https://partner\.test/jwks\.json has no keys', sub {}, sub {}],
    ['a node may open 122 connections, others have \d+, but PostgreSQL allows 97 \(max_c.*',
        edit('http.conf', qr{(?<=/database);}, ' pool=60 wide=60;')],
    ["the module's role has privileges that only .*", sub { autoflow('privileges', 'former') },
        sub {}],
    ["the schema isn't what was deployed: .*", sql('REVOKE UPDATE ON autoflow.sessions
        FROM autoflow_app'), sub { autoflow('privileges') }],
    ['there is no superuser', sql('UPDATE autoflow.users SET is_superuser = false'),
        sub { autoflow('grant-superuser', $account->{email}) }],
    ['1 mails have waited for .*', sql(q{INSERT INTO autoflow.outbox (kind, user_id, recipient,
        created_at) SELECT 'verify_email', id, email, now() - interval '2 hours'
        FROM autoflow.users}), sql('DELETE FROM autoflow.outbox')],
    ['partitions of sessions were left half-way: nobody can log in from \S+ on.*', sql(q{
        ALTER TABLE autoflow.sessions ADD CONSTRAINT sessions_first_check
            CHECK (id < '0fffffff-0000-0000-0000-000000000000')}),
        sql('ALTER TABLE autoflow.sessions DROP CONSTRAINT sessions_first_check')],
    ['no autoflow_seal_key opens secrets of apps: 1 by the key \$sealed\$none0', sql(q{
        INSERT INTO autoflow.factors (user_id, kind, name, sealed_seed)
        SELECT id, 'totp', 'app', '$sealed$none0' FROM autoflow.users}),
        sql('DELETE FROM autoflow.factors')],
    ['jobs are overdue: purge', sql(q{UPDATE autoflow.jobs SET ran_at = now() - interval '1 day',
        until = now() + interval '1 day' WHERE name = 'purge'}),
        sql('UPDATE autoflow.jobs SET ran_at = now(), until = now()')],
);

subtest 'doctor' => sub {
    my ($status, $text) = autoflow('doctor');
    is $status, 1, 'there is something to do';
    is_deeply [problems()], ['there are no mails'], 'which is about mails' or diag $text;
    like $text, qr/^ok \s+ $_/mx, 'the rest is well' for qr/nginx\ runs\ version\ 0\.\S+/,
        qr/secrets\ are\ random/, qr/\d+\ threads/, qr/old\ workers\ end\ 1h/, qr/warnings\ and/,
        qr/the\ schema\ has\ version\ \d+/, qr/the\ extension\ pg_trgm/, qr/the\ clocks/,
        qr/there\ is\ room\ for\ a\ node's\ 5\ connections/, qr/the\ schema\ is\ whole/,
        qr/the\ module\ connects\ as\ www-data/, qr/there\ is\ a\ superuser/,
        qr/no\ mail\ is\ stuck/, qr/an\ autoflow_seal_key\ opens\ whatever/,
        qr/the\ jobs\ are\ done/;

    $_->[1]->() for @faults;
    my @found = problems();
    for my $fault (@faults) {
        my ($like) = @$fault;
        is scalar(grep { /^$like$/ } @found), 1, "finds: $like";
    }
    is @found, @faults + 1, 'and nothing else' or diag join "\n", @found;
    $_->[2]->() for reverse @faults;

    my ($break, $mend) = edit('http.conf', qr/(?=^autoflow_link_base)/m, "autoflow_nothing;\n");
    $break->();
    is_deeply [problems()], ["nginx refuses its configuration, or isn't installed"],
        'a configuration that is refused';
    $mend->();
    is_deeply [problems()], ['there are no mails'], 'all is mended';
};

# who connects is who the system says
my $db = DBI->connect("dbi:Pg:dbname=service;host=$socket;port=$port", '', '',
    {PrintError => 0, RaiseError => 1});

subtest 'a stolen node without a password' => sub {
    my ($status, $text) = autoflow('renew', 'signing', 'secret', 'database');
    is $status, 0, 'has other keys to be replaced' or diag $text;
    like $text, qr/database has no password.*is reloading/s, 'which nginx gets';

    my ($break, $mend) = edit('database', qr/.*/, 'host=db.test password=much');
    $break->();
    ($status, $text) = autoflow('renew', 'database');
    ok $status, 'a password in another form';
    like $text, qr/renew it by hand/, 'is left alone';
    $mend->();

    # nginx may have read the file only then
    is +(autoflow('renew', 'secret'))[0], 0, 'nginx reads it once more';
};

subtest 'a deployment' => sub {
    my $fake = $dir->child('bin/sqitch');
    $fake->spurt("#!/bin/sh\npsql -qtAX -c 'SHOW lock_timeout' \${3#db:}\n")->chmod(0755);
    local $ENV{PATH} = "$dir/bin:$ENV{PATH}";
    like +(autoflow('deploy'))[1], qr/^5s$/m, "doesn't wait for locks";
};

subtest 'roles' => sub {
    my $connected = wait_until(sub {       # there may be none during a reload
        my $roles = $db->selectcol_arrayref(q{SELECT DISTINCT usename FROM pg_stat_activity
            WHERE application_name LIKE 'autoflow%' AND application_name <> 'autoflow command'});
        return @$roles ? $roles : undef;
    });
    is_deeply $connected, ['www-data'], 'the module connects as its workers'
        or diag substr $dir->child('log/error.log')->slurp, -3000;
    is_deeply $db->selectall_arrayref(q{SELECT rolname, rolcanlogin, rolsuper OR rolcreaterole,
        pg_has_role('www-data', oid, 'MEMBER') FROM pg_roles WHERE rolname LIKE 'autoflow%'
        ORDER BY 1}), [['autoflow', 0, 0, 0], ['autoflow_app', 1, 0, 1]],
        'nobody logs in as the owner';
    ok !$db->selectrow_array(q{SELECT has_database_privilege('public', 'service', 'CONNECT')}),
        'and nobody else may connect';
};

# another node, with a database elsewhere, which needs passwords
subtest 'over TCP' => sub {
    my $hba = path($socket, 'data/pg_hba.conf');
    $hba->spurt("host all all 127.0.0.1/32 scram-sha-256\n" . $hba->slurp);
    my $superuser = DBI->connect("dbi:Pg:dbname=service;host=$socket;port=$port;user=root", '', '',
        {PrintError => 0});
    system("cd / && @as_postgres psql -qX -h $socket -p $port -c 'SELECT pg_reload_conf()' "
        . q{-c "CREATE ROLE admin LOGIN CREATEDB CREATEROLE PASSWORD 'much'" >/dev/null}) == 0
        or die;
    my $first = $folder;
    $folder   = $etc->child('other');
    $settings = settings('other.conf', "postgresql://admin:much\@127.0.0.1:$port/remote");
    # as in a container
    my ($status, $text) = autoflow('setup', '--database-only');
    is $status, 0, 'the database only' or diag $text;
    is_deeply $folder->list->map('basename')->sort->to_array,
        [qw(database seal secret signing.pem)], 'with the keys, and no configuration';
    my $made = contents($folder);

    # the configuration is the first one's
    ($status, $text) = autoflow(@setup);
    is_deeply {%{contents($folder)}, %$made}, contents($folder), 'which are kept';
    is $status, 0, 'another database' or diag $text;
    my $url = $folder->child('database')->slurp =~ s/\s+//r;
    like $url, qr{^postgresql://autoflow_app:[\w-]{32}\@127\.0\.0\.1:$port/remote$}, 'a password';
    my $select = sub ($url) { qx(psql -qtAX '$url' -c 'SELECT autoflow.schema_version()' 2>&1) };
    like $select->($url), qr/^\d+$/, 'by which the module connects';

    # wherever the password is, it isn't in the arguments
    for my $with ("admin:much\@127.0.0.1:$port/remote", "admin:%6duch\@127.0.0.1:$port/remote",
        "127.0.0.1:$port/remote?password=much&user=admin",
        "admin\@127.0.0.1:$port/remote?sslmode=prefer&password=much")
    {
        local $ENV{AUTOFLOW_DATABASE_URL} = "postgresql://$with";
        my $fake = $dir->child('bin/sqitch')->spurt("#!/bin/sh\necho \"\$@\"\n")->chmod(0755);
        local $ENV{PATH} = "$dir/bin:$ENV{PATH}";
        ($status, $text) = autoflow('deploy');
        is $status, 0, $with;
        unlike $text, qr/much/, 'not in the arguments';
    }

    # nginx uses it
    my $http_conf = $first->child('http.conf');
    $http_conf->spurt($http_conf->slurp =~ s/\Q$first\E/$folder/gr);
    $folder->child('database')->chmod(0640);
    ($status, $text) = autoflow('renew', 'signing', 'secret', 'database');
    is $status, 0, 'a node was stolen' or diag $text;
    unlike $text, qr/numeric|\Q@{[$url =~ m{:([^:@]+)@}]}\E/, 'quietly';
    my $new = $folder->child('database')->slurp =~ s/\s+//r;
    is sprintf('%o', $folder->child('database')->stat->mode & 07777), '640', 'the mode is kept';
    like $select->($new), qr/^\d+$/, 'the new password is accepted';
    like $select->($url), qr/password authentication failed/, 'the former one is not';
    $server->signal('HUP');
    Test::Autoflow::Wait::wait_until(sub {
        ($t->ua->post(at('/auth/register') => json => $account)->res->code // 0) == 201 });
    $t->post_ok(at('/auth/login') => json => $account)->status_is(200, 'also by nginx');
    $http_conf->spurt($http_conf->slurp =~ s/\Q$folder\E/$first/gr);

    # all names are checked before anything is replaced
    my $before = contents($folder);
    ok +(autoflow('renew', 'signing', 'everything'))[0], 'an unknown name';
    is_deeply contents($folder), $before, 'changes nothing';
    {
        local $ENV{AUTOFLOW_DATABASE_URL} = "postgresql://admin:little\@127.0.0.1:$port/remote";
        my $signing = $folder->child('signing.pem')->slurp;
        ($status, $text) = autoflow('renew', 'database', 'signing');
        ok $status, 'the database refuses';
        like $text, qr/keeps the former password.*is reloading/s, 'but nginx is reloaded';
        is $folder->child('database')->slurp =~ s/\s+//r, $new, 'with that password';
        isnt $folder->child('signing.pem')->slurp, $signing, 'and another key';
    }

    $folder->child('seal')->remove;
    ($status, $text) = autoflow(@setup);
    ok $status, 'keys that others have are not made anew';
    like $text, qr/is in use: copy/, 'but copied';
    ok !-e $folder->child('seal'), 'by the administrator';
    $folder   = $first;
    $settings = "$dir/autoflow.conf";
};

$db->disconnect;
is $server->signal('QUIT')->ended, 0, 'nginx ends well';
unlike path("$dir/log/error.log")->slurp, qr/\[(?:alert|crit|emerg)\]/, 'and nothing is alarming';
is $postgresql->signal('INT')->ended, 0, 'so does PostgreSQL';
done_testing;
