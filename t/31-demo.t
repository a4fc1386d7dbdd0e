# ./build.sh run, as described in the README: it starts the demonstration, the
# commands that it prints work, and it leaves nothing behind.
# Not under the sanitizers: other tests request the same.

use Mojo::Base -strict, -signatures;
use File::Temp;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json true);
use Mojo::UserAgent;
use Test::Autoflow;
use Test::More;

my $root  = $Test::Autoflow::root;
my $state = File::Temp->newdir;
chmod 0755, $state;
my $url;

delete local $ENV{AUTOFLOW_DATABASE_URL};
local $ENV{AUTOFLOW_STATE} = "$state";
local $ENV{AUTOFLOW_PORT}  = Test::Autoflow::free_ports();

# starts it; returns when it has printed the commands to try, into @try
my @try;
sub run {
    my $log = path($state, 'output')->spurt('');
    my $run = Test::Autoflow::Process->new(log => $log, command => ["$root/build.sh", 'run'])->start
        ->serves(sub { 3 == (@try = grep { /curl/ } split /\n/, $log->slurp) }, 600);
    ($url) = $log->slurp =~ m{^(http://\S+) is up}m;
    return $run;
}

# another build.sh: exit status and output
sub build (@arguments) {
    open my $out, '-|', 'sh', '-c', '"$@" 2>&1', 'sh', "$root/build.sh", @arguments or die $!;
    my $text = join '', <$out>;
    close $out;
    return ($? >> 8, $text);
}

sub family ($run) {
    return map { ($_, Test::Autoflow::Process::children_of($_)) } $run->children;
}

sub living (@pids) { grep { (Test::Autoflow::Process::stat_of($_))[0] } @pids }

sub is_gone (@pids) { is_deeply [living(@pids)], [], 'no process is left' }


my $run = run();
my ($token, $email, $refresh);

subtest "the README's three lines" => sub {
    my $script = path($state, 'try')->spurt(join "\n", @try, '');
    my @before = split /\n/, `bash $script`;
    my $second = time;      # of which the address is made
    Test::Autoflow->new->wait_for(sub { time > $second });
    my @said = split /\n/, `bash $script`;
    is_deeply [map { scalar @$_ } \(@before, @said)], [3, 3],
        'each prints a line, and they can be pasted again';
    unlike $before[0], qr/^\Q$said[0]\E$/, 'for another account';
    $token = $said[0];
    like $token, qr/^[\w-]+\.[\w-]+\.[\w-]+$/, 'the first one gets a token';
    my ($me, $app) = map { decode_json($_) } @said[1, 2];
    $email = $me->{email};
    like $email, qr/\@example\.com$/, 'the second says whose it is';
    is_deeply $app, {method => 'GET', uri => '/app/hello', user_id => $me->{id},
        email => $me->{email}, roles => ''},
        'the third reaches the upstream, which knows, too';
};

subtest 'a mail' => sub {
    my @mails;
    Test::Autoflow->new->wait_for(
        sub { @mails = grep { /^To: \Q$email\E$/m }
            map { path($_)->slurp } glob "$state/mail/new/*" });
    my $mail = $mails[0];
    like $mail, qr/^To: \Q$email\E$/m, 'for the one who has registered';
    my ($link) = $mail =~ m{^(\Q$url\E/\S+)$}m;
    my ($verify) = $link =~ /token=(.*)/;
    is +Mojo::UserAgent->new->post("$url/api/v1/user/verify-email" => json => {token => $verify})
        ->res->code, 204, 'its token counts';
};

subtest 'the demonstration' => sub {
    my $t = Test::Mojo->new;
    $t->ua->cookie_jar->ignore(sub { 1 });
    my %spoofed = ('X-User-Id' => 'root', 'X-User-Email' => 'root@example.com',
        'X-User-Roles' => 'admin');
    my $bearer = {Authorization => "Bearer $token"};

    $t->get_ok("$url$_")->status_is(200) for '/', '/health', '/health/live', '/db-test',
        '/api/v1/health';
    $t->get_ok("$url/app/x")->status_is(401);
    my %browser = (Accept => 'text/html');
    my $token_cookie = {%browser, Cookie => "af_access=$token"};
    $t->get_ok("$url/demo/" => {%browser})->status_is(302)
        ->header_is(Location => '/account/?return=%2Fdemo%2F', 'a browser is sent to sign in');
    $t->get_ok("$url/demo/" => $token_cookie)->status_is(200)->content_type_is('text/html')
        ->text_is('#who' => $email, 'and told who is signed in');
    $t->get_ok("$url/account/sign-in" => {%browser})->status_is(200)
        ->text_like(title => qr/Demonstration/);
    $t->get_ok("$url/account/verify-email?token=x")->status_is(400)
        ->text_like(h1 => qr/no longer works/, 'there are pages for links in mails');
    $t->post_ok(
        "$url/auth/login" => json => {email => $email, password => 'correct horse battery staple'})
        ->status_is(200);
    $refresh = $t->tx->res->json('/refresh_token');
    $t->get_ok("$url/app/x" => {%$bearer, %spoofed})->status_is(200)
        ->json_like('/email' => qr/^ada/)->json_is('/roles' => '');
    $t->get_ok("$url/open/x" => \%spoofed)->status_is(200)->json_is('/user_id' => '')
        ->json_is('/email' => '')->json_is('/roles' => '');
    for my $origin ('http://localhost:3000', 'http://localhost:5174') {
        $t->options_ok(
            "$url/app/x" => {Origin => $origin, 'Access-Control-Request-Method' => 'PUT'})
            ->status_is(204)->header_is('Access-Control-Allow-Origin' => $origin);
        $t->get_ok("$url/auth/me" => {Origin => $origin})->status_is(401)
            ->header_is('Access-Control-Allow-Origin' => $origin)
            ->header_is('X-Content-Type-Options' => 'nosniff')
            ->header_is('X-Frame-Options' => 'DENY');
    }
    $t->get_ok("$url/health/live" => {Origin => 'http://127.0.0.1:3000'})->status_is(200);
    is $t->tx->res->headers->header('Access-Control-Allow-Origin'), undef, 'no other origin';
    $t->post_ok("$url/open/x?a=1" => 'x')->json_is('/method' => 'POST')
        ->json_is('/uri' => '/open/x?a=1');
    $t->get_ok("$url/open/x" => {%spoofed, 'X-User-Id' => '"'})->json_is('/user_id' => '');
};

subtest 'by the name that a browser uses' => sub {
    like $url, qr{^http://localhost:\d+$}, 'with localhost';
    like path($state, 'output')->slurp, qr{has to be at http://localhost},
        'and why a page must, too';
    my $port = Mojo::URL->new($url)->port;
    is +Mojo::UserAgent->new->get("http://$_:$port/health/live")->res->code, 200, $_
        for '127.0.0.1', 'localhost', -e '/proc/net/if_inet6' && path('/proc/net/if_inet6')
        ->slurp =~ /^0{31}1 / ? '[::1]' : ();
    my $t = Test::Mojo->new;
    $t->post_ok("$url/auth/register" => 'x')->status_is(415)
        ->json_like('/detail' => qr/curl: --json/, 'what to do about it');
    $t->post_ok("$url/auth/login" => {Cookie => 'af_access=x',
        Origin => 'http://127.0.0.1:1'} => json => {email => $email, password => 'x'})
        ->status_is(403)->json_like('/detail' => qr/autoflow_cors_origins/);
};

subtest 'while it runs' => sub {
    my ($exit, $text) = build('run');
    is $exit, 1, 'a second run refuses';
    like $text, qr/already running/, 'and says why';

    {
        local $ENV{AUTOFLOW_STATE} = File::Temp->newdir;
        is_deeply [(build('run'))[0]], [1], 'another state on the same port, too';
    }

    is_deeply [build('psql', '-Atc', 'SELECT current_user, count(*) FROM autoflow.users')],
        [0, "autoflow|2\n"], 'psql opens its database';

    is +(build('grant-superuser', uc $email))[0], 0, 'grant-superuser';
    is +(build('psql', '-Atc', 'SELECT is_superuser, token_epoch FROM autoflow.users
        ORDER BY created_at'))[1], "f|0\nt|1\n", 'made one';
    Test::Mojo->new->get_ok("$url/auth/me" => {Authorization => "Bearer $token"})
        ->status_is(401, 'an older token, which says less')->json_is('/code' => 'token_revoked');
    ($exit, $text) = build('grant-superuser', "x' OR true --");
    is $exit, 1, 'not of an unknown address';
    like $text, qr/no account/, 'and says why';

    my $file = path($state, 'accounts.jsonl')->spurt(qq({"email":"moved\@example.com"}\n));
    ($exit, $text) = build('import', "$file");
    is $exit, 0, 'import' or diag $text;
    like $text, qr/: 1 created/, 'imports accounts';
    ($exit, $text) = build('export', '--seal-key', "$state/keys/seal");
    like $text, qr/"email":"moved\@example\.com"/, 'export has them';
    like $text, qr/"password_hash":"\$argon2id\$/, 'and the hashes of others';

    my %env = path($state, 'env')->slurp =~ /^(\w+)=(.*)$/mg;
    is_deeply [sort keys %env], [qw(AUTOFLOW_DATABASE_URL AUTOFLOW_URL)], 'the file env';
    is $env{AUTOFLOW_URL}, $url, 'with its address';

    for my $key ('secret', 'signing') {
        my $file = path($state, 'keys', $key);
        is sprintf('%o', $file->stat->mode & 07777), '600', "$key is private";
        like $file->slurp, qr/^base64url:[A-Za-z0-9_-]{43}\n$/, 'and 256 bits';
    }
};

subtest 'SIGTERM' => sub {
    my @pids = family($run);
    cmp_ok scalar @pids, '>', 5, 'there are processes';
    is $run->signal('TERM')->ended, 0, 'ends it well';
    is_gone(@pids);
    isnt +(build('psql', '-c', 'SELECT 1'))[0], 0, 'now psql says that nothing runs';
};

subtest 'a second start' => sub {
    $run = run();
    my @pids = family($run);
    my $t = Test::Mojo->new->post_ok("$url/auth/refresh" => json => {refresh_token => $refresh})
        ->status_is(200, 'accounts, sessions and secrets are still there')
        ->json_is('/user/is_superuser' => true);
    $t->get_ok("$url/auth/me" => {Authorization => "Bearer $token"})
        ->status_is(401, 'and so is what was revoked');
    is $run->signal('INT')->ended, 0, 'SIGINT ends it';
    is_gone(@pids);
};

subtest 'install' => sub {
    my $place = File::Temp->newdir;
    my $nginx = path("$place/bin")->make_path->child('nginx')->spurt(
        "#!/bin/sh\necho configure arguments: --prefix=$place/share "
            . "--conf-path=$place/etc/nginx.conf --modules-path=$place/modules >&2\n");
    chmod 0755, $nginx;
    path("$place/$_")->make_path for 'modules', 'etc';
    local $ENV{PATH} = "$place/bin:$ENV{PATH}";
    delete local $ENV{AUTOFLOW_ASAN};    # what is installed never has it
    my ($exit, $text) = build('install');
    is $exit, 0, 'it installs' or diag $text;
    ok -s "$place/$_", $_ for 'modules/ngx_http_autoflow_module.so',
        'etc/snippets/autoflow_api.conf',
        'etc/mail/verify_email.txt', 'share/landing/landing.js', 'share/pages/texts/en.json',
        'share/autoflow/sql/sqitch.plan',
        'share/autoflow/sql/deploy/base.sql', 'share/autoflow/monitoring/alerts.yml';

    my $edited = path("$place/etc/snippets/autoflow_api.conf");
    $edited->spurt("# mine\n");
    ($exit, $text) = build('install');
    is $edited->slurp, "# mine\n", 'an edited file is kept';
    like $text, qr/\Q$edited\E .* is kept/, 'and is named';
    is path("$edited.new")->slurp, path("$root/conf/snippets/autoflow_api.conf")->slurp,
        'with the new one beside it';
    is_deeply [glob "$place/etc/snippets/*.new"], ["$edited.new"], 'and no other';
};

subtest 'when one of its processes dies' => sub {
    $run = run();
    my @pids = family($run);
    my ($nginx) = grep { path("/proc/$_/comm")->slurp =~ /nginx/ } $run->children;
    kill 'KILL', $nginx;
    is $run->ended >> 8, 1, 'nginx: all ends';
    like path($state, 'output')->slurp, qr/nginx ended/, 'and says why';
    is_gone(@pids);

    $run = run();
    @pids = family($run);
    $run->signal('KILL')->ended;
    Test::Autoflow->new->wait_for(sub { !living(@pids) });
    is_gone(@pids);
};

subtest 'clean --all' => sub {
    my $copy = File::Temp->newdir;      # its build/ may go
    path("$copy/build")->make_path;
    path("$root/build.sh")->copy_to("$copy/build.sh");
    chmod 0755, "$copy/build.sh";
    my $clean = sub { `$copy/build.sh clean --all 2>&1` };

    $run = run();
    my $cluster = path("$state/cluster")->realpath;
    ok -e "$cluster/PG_VERSION", 'there is a cluster';
    like $clean->(), qr/running.*stop that first/, 'not while it runs';
    ok -e "$cluster/PG_VERSION" && -e "$copy/build", 'and nothing is gone';

    $run->signal('TERM')->ended;
    like $clean->(), qr/Removed \Q$state\E/, 'but then';
    is_deeply [grep { -e } $cluster, "$state", "$copy/build"], [], 'all is gone';
};

done_testing;
