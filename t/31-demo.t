# ./build.sh run, as the README says: it starts the demonstration, what it
# prints works when pasted, and it leaves nothing behind.

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
local $ENV{AUTOFLOW_PORT}  = Test::Autoflow::free_port();

# starts it; returns it when it has printed what to try, which goes to @try
my @try;
sub run {
    my $log = path($state, 'output')->spurt('');
    my $run = Test::Autoflow::Process->new(log => $log, command => ["$root/build.sh", 'run'])->start;
    Test::Autoflow->new->wait_for(sub {
        @try = grep { /curl/ } split /\n/, $log->slurp;
        @try == 3 or !$run->running and die $log->slurp;
    }, 600);
    ($url) = $log->slurp =~ m{^(http://\S+) is up}m;
    return $run;
}

# another build.sh: exit status and what it says
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

subtest 'the three lines' => sub {
    my $script = path($state, 'try')->spurt(join "\necho\n", @try);
    my @said = grep { length } split /\n/, `bash $script`;
    $token = $said[0];
    like $token, qr/^[\w-]+\.[\w-]+\.[\w-]+$/, 'the first one gets a token';
    my ($me, $app) = map { decode_json($_) } @said[1, 2];
    $email = $me->{email};
    like $email, qr/\@example\.com$/, 'the second says whose it is';
    is_deeply $app, {method => 'GET', uri => '/app/hello', user_id => $me->{id}, email => $me->{email}, roles => ''},
        'the third reaches the upstream, which knows, too';
};

subtest 'a mail' => sub {
    my @mails;
    Test::Autoflow->new->wait_for(sub { @mails = glob "$state/mail/new/*" });
    my $mail = path($mails[0])->slurp;
    like $mail, qr/^To: \Q$email\E$/m, 'for the one who has registered';
    my ($link) = $mail =~ m{^(\Q$url\E/\S+)$}m;
    my ($verify) = $link =~ /token=(.*)/;
    is +Mojo::UserAgent->new->post("$url/api/v1/user/verify-email" => json => {token => $verify})->res->code, 204, 'its token counts';
};

subtest 'the demonstration' => sub {
    my $t = Test::Mojo->new;
    $t->ua->cookie_jar->ignore(sub { 1 });
    my %spoofed = ('X-User-Id' => 'root', 'X-User-Email' => 'root@example.com', 'X-User-Roles' => 'admin');
    my $bearer = {Authorization => "Bearer $token"};

    $t->get_ok("$url$_")->status_is(200) for '/', '/health', '/health/live', '/db-test', '/api/v1/health';
    $t->get_ok("$url/app/x")->status_is(401);
    $t->get_ok("$url/demo/")->status_is(200)->content_type_is('text/html')->text_like('h1' => qr/nginx/);
    $t->get_ok("$url/demo/demo.js")->status_is(200)->content_type_is('text/javascript');
    $t->get_ok("$url/verify-email?token=x")->status_is(200)->content_type_is('text/html')->text_like('h1' => qr/Confirm/);
    $t->get_ok("$url/landing/landing.js")->status_is(200)->content_type_is('text/javascript');
    $t->post_ok("$url/auth/login" => json => {email => $email, password => 'correct horse battery staple'})
        ->status_is(200);
    $refresh = $t->tx->res->json('/refresh_token');
    $t->get_ok("$url/app/x" => {%$bearer, %spoofed})->status_is(200)
        ->json_like('/email' => qr/^ada/)->json_is('/roles' => '');
    $t->get_ok("$url/open/x" => \%spoofed)->status_is(200)->json_is('/user_id' => '')
        ->json_is('/email' => '')->json_is('/roles' => '');
    for my $origin ('http://localhost:3000', 'http://localhost:5173') {
        $t->options_ok("$url/app/x" => {Origin => $origin, 'Access-Control-Request-Method' => 'PUT'})
            ->status_is(204)->header_is('Access-Control-Allow-Origin' => $origin);
        $t->get_ok("$url/auth/me" => {Origin => $origin})->status_is(401)
            ->header_is('Access-Control-Allow-Origin' => $origin)->header_is('X-Content-Type-Options' => 'nosniff')
            ->header_is('X-Frame-Options' => 'DENY');
    }
    $t->get_ok("$url/health" => {Origin => 'http://localhost:3001'})->status_is(200);
    is $t->tx->res->headers->header('Access-Control-Allow-Origin'), undef, 'no other origin';
    $t->post_ok("$url/open/x?a=1" => 'x')->json_is('/method' => 'POST')->json_is('/uri' => '/open/x?a=1');
    $t->get_ok("$url/open/x" => {%spoofed, 'X-User-Id' => '"'})->json_is('/user_id' => '');
};

subtest 'while it runs' => sub {
    my ($exit, $text) = build('run');
    is $exit, 1, 'a second run refuses';
    like $text, qr/running already/, 'and says why';

    {
        local $ENV{AUTOFLOW_STATE} = File::Temp->newdir;
        is_deeply [(build('run'))[0]], [1], 'another state on the same port, too';
    }

    is_deeply [build('psql', '-Atc', 'SELECT current_user, count(*) FROM autoflow.users')],
        [0, "autoflow|1\n"], 'psql opens its database';

    ($email) = (build('psql', '-Atc', 'SELECT email FROM autoflow.users'))[1] =~ /(\S+)/;
    is +(build('grant-superuser', uc $email))[0], 0, 'grant-superuser';
    is +(build('psql', '-Atc', 'SELECT is_superuser, token_epoch FROM autoflow.users'))[1], "t|1\n", 'made one';
    Test::Mojo->new->get_ok("$url/auth/me" => {Authorization => "Bearer $token"})
        ->status_is(401, 'an older token, which says less')->json_is('/code' => 'token_revoked');
    ($exit, $text) = build('grant-superuser', "x' OR true --");
    is $exit, 1, 'not of an unknown address';
    like $text, qr/no account/, 'and says why';

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

subtest 'when a part of it dies' => sub {
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

done_testing;
