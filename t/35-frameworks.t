# docs/frameworks.md: each application knows whose request it has, and serves
# nobody without an account.
# Not under the sanitizers: it is about applications.

use Mojo::Base -strict, -signatures;
use IO::Socket::IP;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json);
use Test::Autoflow;
use Test::Autoflow::Guide;
use Test::Autoflow::Process;
use Test::More;

my $guide = Test::Autoflow::Guide->new('frameworks.md');
my $app   = Test::Autoflow::free_port();
my %port  = (qr/\b8081\b/ => $app);
my $npm   = Test::Autoflow::npm();
my $t     = Test::Autoflow->new(
    http   => $guide->text(language => 'nginx', like => qr/^map/),
    server => $guide->text(language => 'nginx', like => qr/^location/, change => \%port),
)->start;
my $dir = path($t->dir, 'apps')->make_path;

my $ada = $t->register(email => 'ada@example.com');
my $eve = $t->register(email => 'eve@example.com');
$t->db->do(q{INSERT INTO autoflow.roles (name) VALUES ('admin'), ('other')});
my $root = $t->superuser($t->register);
$t->put_ok("/auth/users/$ada->{user}{id}/roles" => $t->bearer($root) =>
    json => {roles => ['admin', 'other']})->status_is(200);
$ada = $t->post_ok('/auth/login' => json =>
    {email => 'ada@example.com', password => $ada->{password}})->tx->res->json;

# starts an application, and sends requests through nginx, and past it
sub application ($heading, $language, $file, $socket, @command) {
    $dir->child($file)->spurt($guide->text(language => $language, under => $heading,
        $language eq 'js' ? (change => \%port) : ()));
    return if !@command;
    my $process = Test::Autoflow::Process->new(log => "$dir/log", command =>
        ['setpriv', '--pdeathsig', 'TERM', 'sh', '-c', 'cd "$0" && exec "$@"', "$dir", @command])
        ->start->serves(sub { IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $app) });

    my %spoofed = ('X-User-Id' => 'root', 'X-User-Email' => 'root@example.com',
        'X-User-Roles' => 'admin');
    $t->get_ok('/app/hello' => \%spoofed)->status_is(401);
    $t->get_ok('/app/hello' => {%spoofed, %{$t->bearer($eve)}})->status_is(200)
        ->json_is({hello => 'eve@example.com'});
    $t->get_ok("/app/admin$_" => {%spoofed, %{$t->bearer($eve)}})->status_is(403) for '', '?x=1';
    $t->get_ok('/app/%61dmin' => $t->bearer($eve));
    like $t->tx->res->code, qr/^40[34]$/, 'the same path, written otherwise';
    $t->get_ok('/app/admin' => $t->bearer($ada))->status_is(200);

    $t->get_ok("http://127.0.0.1:$app/app/hello")->status_is(401, 'past nginx');
    is_deeply decode_json($guide->sh_ok(under => 'Without nginx', change => \%port)),
        {hello => 'ada@example.com'}, 'as who one says';
    if ($socket) {
        $t->websocket_ok($t->url('/app/socket') =~ s/^http/ws/r => $t->bearer($ada))
            ->message_ok->message_is('hello ada@example.com')->finish_ok;
        my $tx = $t->ua->build_websocket_tx("ws://127.0.0.1:$app/app/socket");
        cmp_ok $t->ua->start($tx)->res->code // 0, '>=', 400, 'a socket past nginx';
    }
    $process->signal('TERM')->ended;
}

my @python = ('env', 'PYTHONDONTWRITEBYTECODE=1', '/usr/bin/python3', '-m');

subtest 'Express' => sub {
    symlink $npm, "$dir/node_modules" or die $! if $npm;
    application('Express', js => 'main.mjs', 1, $npm ? ('node', 'main.mjs') : ());
    plan skip_all => 'npm was not reached' if !$npm;
};

subtest 'FastAPI' => sub {
    application('FastAPI', python => 'main.py', 1, @python,
        qw(uvicorn main:app --host 127.0.0.1 --port), $app);
};

subtest 'Flask' => sub {
    application('Flask', python => 'main.py', 0, @python, qw(flask --app main run --port), $app);
};

subtest 'Rack' => sub {
    application('Rails, Sinatra, Rack', ruby => 'config.ru', 0, 'puma', '-b',
        "tcp://127.0.0.1:$app");
};

subtest 'PHP' => sub {
    application('PHP', php => 'index.php', 0, 'php', '-S', "127.0.0.1:$app", 'index.php');
};

$guide->finish;
$t->finish;
done_testing;
