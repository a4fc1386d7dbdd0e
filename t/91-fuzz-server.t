# The whole server, under requests of every route that are then damaged (see
# t/lib/Test/Autoflow/Fuzzer.pm), over HTTP/1 and HTTP/2, by several clients at
# once: it answers, without a server error, its workers live on, and nothing
# alarming is logged.  Its peers, a mail server and another issuer's, send damaged
# replies.  AUTOFLOW_SEED repeats a run, AUTOFLOW_FUZZ_MINUTES goes on
# for so long.  What once broke it is in t/fuzz/server.

use Mojo::Base -strict, -signatures;
use IO::Socket::IP;
use Mojo::File qw(curfile path tempdir);
use Mojo::JSON qw(decode_json encode_json);
use POSIX ();
use Test::Autoflow;
use Test::Autoflow::Fuzzer;
use Test::Autoflow::Generator qw(any chance);
use Test::Autoflow::Maildir;
use Test::More;

my $seed = $ENV{AUTOFLOW_SEED} // int rand 1e9;
my ($clients, $conversations) = (6, 60);
my $minutes = $ENV{AUTOFLOW_FUZZ_MINUTES};
my $rounds  = $minutes ? 'inf' : 5;
my $until   = time + 60 * ($minutes // 60);
my $corpus  = curfile->sibling('fuzz', 'server');
note "AUTOFLOW_SEED=$seed";

# Peers, each a process with one client after the other; they reply as they should
# until there is a file

my $folder = tempdir;
my $begun  = $folder->child('begun');
sub damages ($of) { chance($of) && -e $begun }

sub peer ($serve) {
    my $listener = IO::Socket::IP->new(LocalHost => '127.0.0.1', Listen => 64) // die "listen: $@";
    my $pid = fork // die "fork: $!";
    return ($listener->sockport, $pid) if $pid;
    srand $seed;
    local ($SIG{PIPE}, $SIG{TERM}) = ('IGNORE', 'DEFAULT');
    while (1) {
        my $client = $listener->accept // next;
        my $send = sub ($text) {
            $text = Test::Autoflow::Fuzzer->damaged($text) if damages(0.1);
            print {$client} $text;
            $client->flush;
        };
        $serve->($client, $send);
        close $client;
    }
}

my ($smtp, $smtp_pid) = peer(sub ($client, $send) {
    my %replies = (EHLO => "250-mail.example\r\n250-SIZE 100000\r\n250 8BITMIME\r\n",
        DATA => "354 go on\r\n");
    $send->("220 mail.example\r\n");
    while (defined(my $line = <$client>)) {
        my ($word) = $line =~ /^(\w+)/;
        $send->(chance(0.05) ? any("421 no\r\n", "550 5.1.1 <x\@y>\r\n", "250-\r\n" x 50, "\0\n")
            : $replies{$word // ''} // "250 OK\r\n");
        return if chance(0.05);
        next if ($word // '') ne 'DATA';
        while (defined($line = <$client>)) {
            last if $line eq ".\r\n";
        }
        $send->("250 OK\r\n");
    }
});

my ($issuer, $issuer_pid) = peer(sub ($client, $send) {
    while (defined(my $line = <$client>)) {
        last if $line eq "\r\n";
    }
    my $keys = encode_json({keys => [
        {kty => 'oct', k => 'AAAA', kid => 'secret'},
        {kty => 'OKP', crv => 'Ed25519', kid => 'a',
            x => '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'},
        {kty => 'EC', crv => 'P-256', alg => 'ES256', kid => 'b',
            x => 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
            y => 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0'},
    ]});
    $keys = Test::Autoflow::Fuzzer->damaged($keys) if damages(0.7);
    $send->("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
        . length($keys) . "\r\nConnection: close\r\n\r\n$keys");
});


# a server that doesn't wait long for the rest of a request, which the test's own
# requests might take, too, on a busy machine
my ($port, $port_h2) = map { Test::Autoflow::free_port() } 1, 2;
my $h2 = Test::Autoflow::h2($port_h2);
my $t  = Test::Autoflow->new(
    workers => 2,
    http => qq{
        autoflow_key_url http://127.0.0.1:$issuer/ issuer=http://issuer.example refresh=50ms;
        autoflow_cookies on;
        server {
            listen 127.0.0.1:$port;
            listen 127.0.0.1:$h2;
            client_header_timeout 150ms;
            client_body_timeout 150ms;
            keepalive_timeout 150ms;
            send_timeout 1s;
            lingering_timeout 150ms;
            include $Test::Autoflow::root/conf/snippets/autoflow_api.conf;
            location /app/ { autoflow_auth on; autoflow_require verified; proxy_pass http://echo; }
            location /optional/ { autoflow_auth optional; proxy_pass http://echo; }
            location /verify { autoflow_verify; }
            location /metrics { autoflow_metrics; }
        }
    },
);
Test::Autoflow::Maildir->new(t => $t)->configure(
    autoflow_mail         => "smtp://127.0.0.1:$smtp from=auth\@example.com",
    autoflow_cors_origins => 'http://localhost:* credentials',
)->start;
my @workers = $t->worker_pids;

# every worker knows the issuer's keys; until then, it would be unavailable
my $unknown = $t->bearer($t->token({sub => 'x'}, key => 'another key, of 32 octets at least'));
$t->wait_for(sub {
    !grep { $_->res->code != 401 } $t->at_once(([GET => '/auth/me' => $unknown]) x 40);
});
$begun->touch;

my $make = Test::Autoflow::Generator->new(routes => $t->routes, wild => 1);

# each client has accounts of its own, which may end in a round
sub fuzzer ($of) {
    my ($user, $superuser) = map { $t->register(email => "$of-$_\@example.com") } 1, 2;
    return Test::Autoflow::Fuzzer->new(t => $t, port => $port, port_h2 => $port_h2,
        pairs => {user => $user, superuser => $t->superuser($superuser)},
        make => Test::Autoflow::Generator->new(routes => $t->routes, wild => 1, made => "$of-made",
            known => $make->known));
}

# Each client is a process, which writes what it says, and then what was wrong
# about that.  It must not end as a test does, which takes the server with it.
sub client ($fuzzer, $seed, $file) {
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    srand $seed;
    eval { converse($fuzzer, path($file)->open('>>')); 1 } and POSIX::_exit(0);
    print STDERR "a client: $@";
    POSIX::_exit(1);
}

sub converse ($fuzzer, $log) {
    $log->autoflush(1);
    for (1 .. $conversations) {
        my $said = $fuzzer->conversation;
        print {$log} encode_json($said), "\n";
        my $received = $fuzzer->hold($said);
        my @wrong = $fuzzer->judge($said, $received);

        # on a busy machine the timeouts are short even for those
        for (1 .. 3) {
            @wrong = $fuzzer->judge($said, $fuzzer->hold($said)) if "@wrong" =~ /^there are only/;
        }
        print {$log} encode_json({wrong => \@wrong}), "\n" if @wrong;
        $fuzzer->learn($said, $received);
    }
    return;
}

my $logged = 0;

# what became of the server since the last time
sub damage {
    my @now = $t->worker_pids;
    my $log = $t->error_log;
    my @alarming = grep { /\[(?:alert|crit|emerg)\]|Sanitizer|runtime error:|on signal/ }
        split /\n/, substr $log, $logged;
    $logged = length $log;
    my @wrong = map { "logged: $_" } splice @alarming, 0, 5;
    push @wrong, "workers @workers became @now" if "@now" ne "@workers";
    push @wrong, 'GET /health fails' if ($t->ua->get('/health')->res->code // 0) != 200;
    @workers = @now;
    return @wrong;
}

# whether a conversation is wrong by itself, now
sub is_wrong ($fuzzer, $said) {
    return 1 if $fuzzer->judge($said, $fuzzer->hold($said));
    $t->wait_for(sub { $t->worker_pids == $t->workers });
    return !!damage();
}

# finds the conversation that did it, and keeps the least of it
sub report ($fuzzer, $name, @said) {
    my ($wrong) = grep { is_wrong($fuzzer, $_) } @said
        or return diag "$name: it does not happen again with ", substr encode_json(\@said), 0, 5000;
    my $least = $wrong->{intact} ? $wrong
        : $fuzzer->minimized($wrong, sub ($said) { is_wrong($fuzzer, $said) });
    my $text = encode_json($least);
    my %names = (map { ($fuzzer->pairs->{$_}{access_token} => $_) } keys %{$fuzzer->pairs});
    $text =~ s/\Q$_\E/\@$names{$_}\@/g for keys %names;
    my $file = path($ENV{AUTOFLOW_FOUND} // $t->dir)->make_path->child("$name.json")->spurt($text);
    return diag "$file: ", substr $text, 0, 500;
}

sub play ($round) {
    my @fuzzers = map { fuzzer("round-$round-$_") } 1 .. $clients;
    my %files = map { $_ => $t->dir . "/said-$round-$_" } 1 .. $clients;
    my @clients = map { client($fuzzers[$_ - 1], $seed + 1000 * $round + $_, $files{$_}) }
        1 .. $clients;
    my @statuses = map { waitpid $_, 0; $? } @clients;

    my (@said, @suspects, @wrong);
    for my $line (map { split /\n/, path($_)->slurp } values %files) {
        my $read = decode_json($line);
        push(@said, $read) && next if !$read->{wrong};
        push @suspects, $said[-1];
        push @wrong, @{$read->{wrong}};
    }
    unlink values %files;

    my @damage = damage();
    my $name = 'round ' . $round;
    is_deeply [@statuses, scalar @said], [(0) x $clients, $clients * $conversations],
        "$name: all clients have said all";
    return if is_deeply [@wrong, @damage], [], $name;
    diag $t->error_log =~ /^.* \[error\] .*$/mg;
    report(fuzzer("round-$round-again"), "found-$seed-$round", @suspects, @damage ? @said : ());
}

subtest 'what once broke it' => sub {
    my $fuzzer = fuzzer('corpus');
    for my $file ($corpus->list->grep(qr/\.json\z/)->sort->each) {
        my $text = $file->slurp =~ s/\@(user|superuser)\@/$fuzzer->pairs->{$1}{access_token}/ger;
        my $said = decode_json($text);
        is_deeply [$fuzzer->judge($said, $fuzzer->hold($said))], [], $file->basename;
    }
    is_deeply [damage()], [], 'it is well';
};

for (my $round = 1; $round <= $rounds && time < $until; $round++) {
    play($round);
    last if !Test::More->builder->is_passing;
}

# the peers are there to the end
kill TERM => $smtp_pid, $issuer_pid;
is_deeply [map { waitpid $_, 0; $? } $smtp_pid, $issuer_pid], [(POSIX::SIGTERM) x 2],
    'its peers have replied all the time';
$t->finish;
done_testing;
