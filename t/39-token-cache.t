# autoflow_token_cache: what was verified once is not verified again, and that
# changes nothing about who is let in.

use Mojo::Base -strict, -signatures;
use IO::Socket::IP;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::More;

my $upstream = IO::Socket::IP->new(Listen => 1, LocalHost => '127.0.0.1', LocalPort => 0) or die $@;
my $other = Test::Autoflow::free_port();
my $t = Test::Autoflow->new(
    api      => 0,
    clock    => 1,
    settings => {
        (map { ("autoflow_$_" => undef) } qw(database secret password)),
        autoflow_token_cache => '4k',
        autoflow_issuer      => 'autoflow',
    },
    server => <<~'END' =~ s/UPSTREAM/$upstream->sockport/er,
        location /app/   { autoflow_auth on; add_header X-Status $autoflow_status always;
                           add_header X-Who $autoflow_claim_sub always;
                           proxy_pass http://echo; }
        location /admin/ { autoflow_auth on; autoflow_require role=admin;
                           proxy_pass http://echo; }
        location /socket/ { autoflow_auth on; proxy_pass http://127.0.0.1:UPSTREAM;
                            proxy_http_version 1.1;
                            proxy_set_header Connection upgrade;
                            proxy_set_header Upgrade $http_upgrade;
                            access_log who.log who; }
        location /told/ { autoflow_auth on; add_header X-User "[$autoflow_user_id]";
                          add_header X-Session "[$autoflow_session_id]";
                          add_header X-Mail "[$autoflow_email]";
                          add_header X-Roles "[$autoflow_roles]";
                          add_header X-Verified "[$autoflow_claim_email_verified]";
                          proxy_pass http://echo; }
        location /verified/ { autoflow_auth on; autoflow_require verified; proxy_pass http://echo; }
        location /metrics { autoflow_metrics; }
        END
    http => 'log_format who $autoflow_claim_sub; client_header_buffer_size 1k; '
    . "server { listen 127.0.0.1:$other; autoflow_audience web; location / { "
    . 'autoflow_auth on; add_header X-Status $autoflow_status always; proxy_pass http://echo; } }',
)->start;

# family => value, of a sample without labels or with this one
sub metric ($name, $label = '') {
    my ($value) = $t->ua->get('/metrics')->res->body
        =~ /^autoflow_token_cache_\Q$name\E(?:\{\w+="\Q$label\E"\})? ([\d.]+)$/m;
    return $value;
}

# how many look-ups of each kind that takes
sub lookups ($code) {
    my @before = map { metric(lookups_total => $_) } qw(hit miss);
    $code->();
    my @after = map { metric(lookups_total => $_) } qw(hit miss);
    return join ' ', map { $after[$_] - $before[$_] } 0, 1;
}

sub get ($token, $path = '/app/x') { $t->get_ok($path => $t->bearer($token)) }
sub good ($sub, %claims) { $t->token({sub => $sub, exp => 300 + int $t->now, %claims}) }
sub quietly ($token) { $t->ua->get('/app/x' => $t->bearer($token))->res->code }

subtest 'a token is verified once' => sub {
    my ($ada, $bob) = map { good($_) } qw(ada bob);
    is lookups(sub { get($ada)->status_is(200)->header_is('X-Who' => 'ada') for 1 .. 3 }), '2 1';
    is lookups(sub { get($bob)->status_is(200)->header_is('X-Who' => 'bob') for 1 .. 2 }), '1 1';
    is metric('entries'), 2, 'two are remembered';
    is metric('size_bytes'), 4096, 'the size that is configured';
};

subtest 'nothing else has its digest' => sub {
    my $ada = good('ada');
    get($ada)->status_is(200);
    for my $at (0, 10, length($ada) / 2, length($ada) - 1) {
        substr(my $changed = $ada, $at, 1) =~ tr/A-Za-z0-9_.-/B-ZAb-za1-90.A_/;
        is lookups(sub { get($changed)->status_is(401) }), '0 1', "another character $at";
    }
    is lookups(sub { get($_)->status_is(401) for "${ada}A", substr $ada, 0, -1 }), '0 2';
    is lookups(sub { get($ada)->status_is(200) }), '1 0', 'it is still remembered';
};

subtest 'conditions are about the claims, each time' => sub {
    my ($ada, $eve) = (good('ada', roles => ['admin', 'x']), good('eve', roles => ['user']));
    for (1, 2) {
        get($ada, '/admin/')->status_is(200);
        get($eve, '/admin/')->status_is(403);
    }
};

# some of them are remembered, if they are short
subtest 'variables are about the claims, each time' => sub {
    my ($id, $other) = map { "0192e4a0-0000-7000-8000-00000000000$_" } 'a', 'b';
    my $long = 'x' x 60;
    my %ours = (sid => $other, epoch => 0);
    my @of = (
        [[$id, %ours, email => 'ada@example.com', roles => ['a', 'b'], email_verified => \1],
            $id, $other, 'ada@example.com', 'a,b', 'true'],
        [[uc $id, %ours, sid => uc $other, roles => [], email_verified => \0],
            uc $id, uc $other, '', '', 'false'],
        [['ada', sid => 1, email => "$long\@example.com", roles => 'a', email_verified => 1],
            'ada', 1, "$long\@example.com", 'a', 1],
        [[$id, email => "a\nb", roles => ['a,b']], $id, '', '', '', ''],
        [[$id, email => ['a', 'b'], roles => {a => 1}, email_verified => 'true'],
            $id, '', 'a,b', '{"a":1}', 'true'],
        [[$id, email => "\x{e9}", roles => [$long, 'b'], email_verified => undef],
            $id, '', "\xc3\xa9", "$long,b", ''],
    );
    for (@of) {
        my ($claims, @values) = @$_;
        my $is_verified = ref $claims->[-1] eq 'SCALAR' && ${$claims->[-1]};
        my $token = good(@$claims);
        for (1, 2) {
            get($token, '/told/');
            is_deeply [map { $t->tx->res->headers->header("X-$_") }
                qw(User Session Mail Roles Verified)], [map { "[$_]" } @values], "of $values[0]";
            get($token, '/verified/')->status_is($is_verified ? 200 : 403);
        }
    }
};

subtest 'each server has its own rules' => sub {
    my ($any, $web) = (good('ada'), good('ada', aud => 'web'));
    for (1, 2) {
        get($any)->status_is(200);
        get($any, "http://127.0.0.1:$other/")->status_is(401)->header_is('X-Status' => 'audience');
        get($web, "http://127.0.0.1:$other/")->status_is(200);
    }
};

# nginx reads what follows "Upgrade" into the memory of the header
subtest 'claims are those of the token that was verified' => sub {
    my ($ada, $eve) = map { good($_) } qw(ada eve);
    get($ada)->status_is(200);

    my $header = "GET /socket/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: any\r\n"
        . "Connection: Upgrade\r\nAuthorization: Bearer $ada\r\n\r\n";
    my $forged = $header =~ s/\Q$ada/$eve/r;
    my $client = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $t->port) or die $@;
    $client->syswrite($header . 'x' x (1024 - length $header) . $forged);

    my ($server, $received) = ($upstream->accept, '');
    my $receive = sub ($end) {
        1 while $received !~ /\Q$end\E\z/ && $server->sysread($received, 4096, length $received);
    };
    $receive->("\r\n\r\n");
    $server->syswrite("HTTP/1.1 101 Any\r\nConnection: upgrade\r\nUpgrade: any\r\n\r\n");
    $receive->($forged);
    $_->close for $server, $client;

    my $log = path($t->dir, 'who.log');
    $t->wait_for(sub { -s $log });
    is $log->slurp, "ada\n", 'who is logged';
};

subtest 'what is refused takes no room' => sub {
    my $ada = good('ada');
    get($ada)->status_is(200);
    my $entries = metric('entries');
    my %status;
    for my $n (1 .. 200) {
        $status{quietly($_)}++ for
            $t->token({sub => "eve$n"}, key => 'another key, of at least 32 octets'),
            $t->token({sub => "eve$n", exp => int $t->now}),
            $t->token({sub => "eve$n", iss => 'eve'}),
            "eve$n";
    }
    is_deeply \%status, {401 => 800}, 'all were refused';
    is metric('entries'), $entries, 'none is remembered';
    is lookups(sub { get($ada)->status_is(200) }), '1 0', 'the good one still is';
};

subtest 'they expire' => sub {
    $t->hold;
    my $short = good('ada', exp => 2 + int $t->now);
    is lookups(sub { get($short)->status_is(200) for 1, 2 }), '1 1';
    $t->pass(2);
    is lookups(sub { get($short)->status_is(401)->header_is('X-Status' => 'expired') }), '1 0';
    $t->go;
};

# 5 sets of 4 entries, each of 176 octets
subtest 'its memory is bounded' => sub {
    my @tokens = map { good("x$_") } 1 .. 300;
    is_deeply [grep { quietly($_) != 200 } @tokens], [], 'all are good';
    is metric('entries'), 4 * int(4096 / 4 / 176), 'as many as there is room for';
    is quietly($tokens[0]), 200, 'one that was forgotten';
};

subtest 'not beyond a reload' => sub {
    my $ada = good('ada');
    get($ada)->status_is(200) for 1, 2;
    $t->settings->{autoflow_key} = '"another key, of at least 32 octets"';
    $t->reload;
    get($ada)->status_is(401)->header_is('X-Status' => 'signature');
    delete $t->settings->{autoflow_key};
    $t->reload;
    is metric('entries'), 0, 'the workers are new';
    is lookups(sub { get($ada)->status_is(200) }), '0 1';
};

subtest 'off' => sub {
    $t->settings->{autoflow_token_cache} = 'off';
    $t->reload;
    my $ada = good('ada');
    is lookups(sub { get($ada)->status_is(200)->header_is('X-Who' => 'ada') for 1 .. 3 }), '0 3';
    is metric('entries'), 0, 'nothing is remembered';
};

$t->finish;
done_testing;
