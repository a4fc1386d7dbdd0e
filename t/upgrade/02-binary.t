# The previous version is replaced by this one while it serves, as by the packages:
# a new file of the module, and then nginx's binary upgrade. No request is lost or
# answered wrongly, also when that is taken back.

use Mojo::Base -strict, -signatures;
use IO::Socket::UNIX;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json encode_json);
use Test::Autoflow;
use Test::Autoflow::Daemon;
use Test::More;
use Time::HiRes qw(sleep);

my $good = 'correct horse battery staple';
my ($former, $current) = map { path($_, 'src')->list_tree->grep(qr{/conf\.h$})
    ->map(sub { $_->slurp =~ /AUTOFLOW_VERSION\s+"(.*?)"/ ? $1 : () })->first }
    $ENV{AUTOFLOW_PREVIOUS}, $Test::Autoflow::root;

my $t = Test::Autoflow->new(workers => 2, lanes => 0);
my ($files, $name) = ($t->dir . '/installed', 'ngx_http_autoflow_module.so');
my $socket = $t->dir . '/nginx.socket';
$t->tree($files)->module("$files/$name")->server("
    listen unix:$socket;
    location /app/ {
        autoflow_auth on;
        proxy_pass http://echo;
        proxy_set_header X-User-Email \$autoflow_email;
    }
");
$t->postgresql->template($ENV{AUTOFLOW_PREVIOUS_TEMPLATE});

# as a package does: the new files get the names of the former ones
sub install ($tree, $module) {
    path($files)->make_path;
    path($files, 'conf')->remove_tree;
    system('cp', '-r', "$tree/conf", $files) == 0 or die;
    path($module)->copy_to("$files/$name.new")->move_to("$files/$name");
}

# only this version has a limit of changes
sub configure (@limits) {
    $t->settings({autoflow_attempts => join ' ', map { "$_=off" } @limits});
    $t->write_conf;
}

sub install_former {
    install(@ENV{'AUTOFLOW_PREVIOUS', 'AUTOFLOW_PREVIOUS_MODULE'});
    configure(qw(account account_total address));
}

sub install_current { install($Test::Autoflow::root, $ENV{AUTOFLOW_MODULE}) }


# Requests; an answer also has its JSON

sub request { Test::Autoflow::Client::request(@_) }
sub bearer ($pair) { $t->bearer($pair) }
sub me ($pair)  { request(GET => '/auth/me', bearer($pair)) }
sub app ($pair) { request(GET => '/app/x',   bearer($pair)) }
sub post ($path, $json, $headers = {}) { request(POST => $path, $headers, encode_json($json)) }
sub login ($email) { post('/auth/login', {email => $email, password => $good}) }
sub refresh ($pair) { post('/auth/refresh', {refresh_token => $pair->{refresh_token}}) }

sub answer ($client, $request) {
    my $answer = $client->send($request)->answer // {status => 0, body => '', headers => {}};
    my $json = eval { decode_json($answer->{body}) };
    return {%$answer, json => $json};
}

sub ask ($request) { answer($t->client, $request) }

sub on_socket ($request) {
    return answer($t->client(socket => IO::Socket::UNIX->new(Peer => $socket) // die "$socket: $!"),
        $request);
}

# Between two requests the server may close a connection that is kept. What was
# then sent has reached nobody, and is sent again (RFC 9112, 9.3.1).
my $kept;
sub on_kept ($request) {
    while (1) {
        my $reused = defined $kept;
        $kept //= $t->client;
        my $answer = answer($kept, $request);
        my $nothing = $answer->{status} == 0 && $kept->buffer eq '';
        $kept = undef if $nothing || ($answer->{headers}{connection} // '') eq 'close';
        return $answer if !$nothing || !$reused;
    }
}

sub pair_of ($email) {
    my $answer = ask(login($email));
    $answer->{status} == 200 or die "login: $answer->{status} $answer->{body}";
    return $answer->{json};
}


# The load: each of its processes has an account, whose sessions are of the
# previous version. Each of these is refreshed once: a refresh token of this version
# is nothing that the previous one knows (docs/operations.md).

use constant {PROCESSES => 3, LOADS => 4, SESSIONS => 6};

my (@account, @sessions);

sub load ($pause = 0) {
    my @those = map { [splice @$_, 0, SESSIONS] } @sessions;
    return Test::Autoflow::Load->start(PROCESSES, sub ($process, $round) {
        sleep $pause;
        my ($pair, $email, $other) = ($account[$process - 1],
            map { "$_$process\@example.com" } 'user', 'login');
        my $session = $round % 7 == 6 && shift @{$those[$process - 1]};
        my ($kind, $answer, $who) = @{(
            sub { ['me, kept', on_kept(me($pair)), $email] },
            sub { ['app, kept', on_kept(app($pair)), $email] },
            sub { ['me', ask(me($pair)), $email] },
            sub { ['app', ask(app($pair)), $email] },
            sub { ['login', ask(login($other)), $other] },
            sub { ['socket', on_socket(app($pair)), $email] },
            sub { $session ? ['refresh', ask(refresh($session)), $email]
                : ['me', ask(me($pair)), $email] },
        )[$round % 7]->()};
        my $json = $answer->{json} // {};
        return "$kind $answer->{status}"
            . (($json->{email} // $json->{user}{email} // '') eq $who ? '' : " $answer->{body}");
    });
}

my @right = map { "$_ 200" } 'me, kept', 'app, kept', 'me', 'app', 'login', 'socket', 'refresh';

sub all_right ($load, $name) {
    my $count = $load->more(7 * PROCESSES)->stop;
    note explain $count;
    is_deeply [sort keys %$count], [sort @right], $name or diag explain $count;
}

# A connection to a worker of this version, which is kept
sub pinned ($version) {
    my $client;
    $t->wait_for(sub { $client = $t->client; version_at($client) eq $version });
    return $client;
}

sub version_at ($client) {
    return answer($client, request(GET => '/health'))->{json}{version} // '';
}

# how many of some connections were to which version
sub versions () {
    my %count;
    $count{version_at($t->client)}++ for 1 .. 20;
    return \%count;
}

sub good ($client, $pair, $name) {
    is answer($client, $_)->{status}, 200, $name for me($pair), app($pair);
}

sub is_revoked ($client, $pair, $name) {
    ok eval { $t->wait_for(sub { answer($client, me($pair))->{status} == 401 }) }, $name;
    is answer($client, me($pair))->{json}{code}, 'token_revoked', 'because of that';
    is answer($client, app($pair))->{status}, 401, 'also before an upstream';
}

sub logout ($client, $pair) {
    is answer($client, request(POST => '/auth/logout', bearer($pair)))->{status}, 204, 'logout';
}


# The administrator's command

my $command = join ' ', grep { !/^(?:-g|daemon off;)$/ } $t->command;
path($t->dir, 'autoflow.conf')->spurt(<<~"END");
    database @{[$t->postgresql->url('autoflow')]}
    nginx    $command
    END

sub status_like ($like, $name) {
    open my $out, '-|', 'sh', '-c', '"$@" 2>&1', 'sh', "$Test::Autoflow::root/tools/autoflow",
        '--config', $t->dir . '/autoflow.conf', 'status' or die $!;
    my $text = join '', <$out>;
    like $text, $like, "autoflow status: $name";
}


install_former();
$t->postgresql->start;
my $daemon = Test::Autoflow::Daemon->new(t => $t)->start;
$t->ready;
my $old = $daemon->master;

for my $process (1 .. PROCESSES) {
    push @account, $t->register(email => "user$process\@example.com");
    $t->register(email => "login$process\@example.com");
    push @sessions, [map { pair_of("user$process\@example.com") } 1 .. LOADS * SESSIONS];
}
my %pair;
$t->register(email => 'ada@example.com');
$pair{$_} = pair_of('ada@example.com')
    for 'kept', 'ended', 'ended by the former', 'ended by the new', 'ended by the new, alone',
    'refreshed';
is ask(request(POST => '/auth/logout', bearer($pair{ended})))->{status}, 204;


subtest 'the schema, then the file' => sub {
    my $load = load(0.01);      # the deployment needs the processors, too
    $load->more(10);
    $t->postgresql->sqitch_ok('deploy', '--verify');
    $load->each_done;

    install_current();
    my @workers = $daemon->workers($old);
    kill 'HUP', $old;
    $t->wait_for(sub {
        my %now = map { $_ => 1 } $daemon->workers($old);
        keys %now == 2 && !grep { $now{$_} } @workers;
    });
    $load->each_done;
    is_deeply versions(), {$former => 20}, 'a reload keeps the module that is loaded';
    status_like(qr/$current installed, $former running.*service nginx upgrade/s, 'says so');
    all_right($load, 'nobody notices');
};

my $new;
subtest 'both at once' => sub {
    my $load   = load();
    my $client = pinned($former);
    configure(qw(account account_total address changes));
    $new = $daemon->upgrade;
    my $other = pinned($current);
    status_like(qr/$current installed, $current running\n\s+$former still runs, as process $old/,
        'has both');
    is version_at($client), $former, 'the former one serves, too';

    for ($client, $other) {
        good($_, $pair{kept}, 'a session from before');
        is_revoked($_, $pair{ended}, 'one that had ended');
    }
    logout($client, $pair{'ended by the former'});
    is_revoked($_, $pair{'ended by the former'}, 'ended by the former') for $client, $other;
    logout($other, $pair{'ended by the new'});
    is_revoked($_, $pair{'ended by the new'}, 'ended by the new') for $other, $client;
    good($client, answer($other,  login('ada@example.com'))->{json}, 'a new one is known');
    good($other,  answer($client, login('ada@example.com'))->{json}, 'by both');

    $daemon->retire($old);
    is_deeply versions(), {$current => 20}, 'then only this version serves';
    my $answer = ask(refresh($pair{refreshed}));
    is $answer->{status}, 200, 'a session goes on';
    $pair{refreshed} = $answer->{json};
    logout(pinned($current), $pair{'ended by the new, alone'});
    all_right($load, 'every request is answered right');
};

subtest 'and back' => sub {
    my $load = load();
    install_former();
    $daemon->revive($old)->end($new);
    is $daemon->master, $old, 'the file has its process again';
    is $daemon->master('nginx.pid.oldbin'), 0, 'and there is no other';
    is_deeply versions(), {$former => 20}, 'only the former version serves';

    my $client = $t->client;
    is_revoked($client, $pair{$_}, $_) for grep { /^ended/ } sort keys %pair;
    good($client, $pair{$_}, $_) for 'kept', 'refreshed';
    is ask(refresh($pair{refreshed}))->{status}, 401, 'a refresh token of this version is unknown';
    all_right($load, 'every request is answered right');
};

# as Debian's init script does, which doesn't wait for the new workers
subtest 'for good' => sub {
    my $load = load();
    install_current();
    configure(qw(account account_total address changes));
    $new = $daemon->begin;
    is $daemon->master('nginx.pid.oldbin'), $old, 'the former one has another file';
    $daemon->end($old);
    is $daemon->master('nginx.pid.oldbin'), 0, 'until it ends';
    is_deeply versions(), {$current => 20}, 'only this version serves';
    status_like(qr/$current installed, $current running\nschema/, 'is at peace');

    my $client = $t->client;
    is_revoked($client, $pair{$_}, $_) for grep { /^ended/ } sort keys %pair;
    good($client, $pair{$_}, $_) for 'kept', 'refreshed';
    for my $pair (@pair{'kept', 'refreshed'}) {
        my $answer = ask(refresh($pair));
        is $answer->{status}, 200, 'a session goes on';
        is ask(refresh($answer->{json}))->{status}, 200, 'and on';
    }
    all_right($load, 'every request is answered right');
};

ok -S $socket, 'sockets that it listens on are kept';
$daemon->end($new);
ok !-e $socket, 'as long as it runs';
$t->finish;
done_testing;
