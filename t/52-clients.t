# Clients that disconnect in the middle of everything, that send in pieces or
# too much at once, or that don't read.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json encode_json);
use Test::Autoflow;
use Test::More;
use Time::HiRes qw(sleep);

my $good  = 'correct horse battery staple';
my $root  = $Test::Autoflow::root;
my $spill = Test::Autoflow::free_port();
my $small = Test::Autoflow::free_port();

# one worker and one thread, so that all others notice what one does; hashes at
# their full cost
my $t = Test::Autoflow->new;
$t->main('thread_pool autoflow_hash threads=1 max_queue=256;
          thread_pool autoflow_io   threads=2 max_queue=64;')
    ->settings({autoflow_password => undef})
    ->server('location /app/ { autoflow_auth on; proxy_pass http://echo; }')
    ->http(qq{
        # has bodies read before the module does, into files, and then the
        # module again
        server {
            listen 127.0.0.1:$spill;
            client_body_buffer_size 1k;
            mirror /mirror;
            include $root/conf/snippets/autoflow_api.conf;
            location = /mirror {
                internal;
                client_max_body_size 0;
                proxy_pass http://127.0.0.1:${\ $t->port}\$request_uri;
            }
        }

        # has small buffers
        server {
            listen 127.0.0.1:$small sndbuf=4k;
            client_header_buffer_size 128;
            client_body_buffer_size 8;
            client_body_in_file_only clean;
            include $root/conf/snippets/autoflow_api.conf;
        }
    })->start;

my $ada   = $t->register(email => 'ada@example.com');
my $token = $t->bearer($ada);
my $login = encode_json({email => 'ada@example.com', password => $good});
my $live  = request(GET => '/health/live');

sub request { Test::Autoflow::Client::request(@_) }
sub chunked { Test::Autoflow::Client::chunked(@_) }
sub me { request(GET => '/auth/me', $token) }
sub login ($headers = {}) { request(POST => '/auth/login', $headers, $login) }
sub register ($email) {
    request(POST => '/auth/register', {}, encode_json({email => $email, password => $good})) }

# a login of this length
sub padded ($length) { $login =~ s/\}$/',"x":"' . 'x' x ($length - length($login) - 7) . '"}'/er }

sub count ($sql, @values) { $t->db->selectrow_array("SELECT count(*) FROM autoflow.$sql",
    undef, @values) }

# how many requests nginx has aborted because their clients were gone
sub given_up { scalar grep { /" 499 / } split /\n/, path($t->dir, 'access.log')->slurp }

# a worker's descriptors; everything of clients must be closed at the end
sub files { scalar Test::Autoflow::Process::files_of($t->worker_pids) }

# the one worker handles requests in order: all that were sent have been read
sub read_by_now { $t->client->send($live)->status }

# ways to disconnect
my %ways = (
    close      => sub ($client) { $client->close },
    reset      => sub ($client) { $client->reset },
    half_close => sub ($client) { $client->half_close->rest },
);

my $files = files();


subtest 'clients that disconnect in the middle of a header' => sub {
    for my $way (sort keys %ways) {
        for my $length (1, 10, length(me()) - 1) {
            my $client = $t->client->send(substr me(), 0, $length);
            read_by_now();
            $ways{$way}->($client);
        }
    }
    is $t->client->send($live)->status, 200, 'nobody else notices';
};

subtest 'in the middle of a body' => sub {
    my $length = register('body@example.com');
    my $chunks = request(POST => '/auth/register', {'Transfer-Encoding' => 'chunked'},
        chunked(unpack '(a20)*', $length =~ s/.*\r\n\r\n//sr));
    for my $request ($length, $chunks) {
        my $begin = index($request, "\r\n\r\n") + 4;
        for my $way (sort keys %ways) {
            for my $end ($begin, $begin + 1, $begin + 30, length($request) - 1) {
                my $client = $t->client->send(substr $request, 0, $end);
                read_by_now();
                $ways{$way}->($client);
            }
        }
    }
    is $t->client->send($live)->status, 200, 'nobody else notices';
    is count('users WHERE email = ?', 'body@example.com'), 0, 'half a request is none';
};

subtest 'in the middle of a query' => sub {
    for my $way (sort keys %ways) {
        my $lock    = $t->locked;
        my $before  = given_up();
        my @clients = $t->client->send(register("$way\@example.com"));
        $t->wait_for(sub { $t->blocked });
        push @clients, map { $t->client->send(me()) } 1 .. 5;
        my $stays = $t->client->send(me());
        $t->wait_for(sub { $t->blocked == 2 });
        read_by_now();
        $ways{$way}->($_) for @clients;
        $t->wait_for(sub { given_up() >= $before + @clients });
        pass "$way: nginx notices it at once";
        $lock->rollback;
        is $stays->status, 200, 'who stayed is answered';
        $t->wait_for(sub { count('users WHERE email = ?', "$way\@example.com") });
        pass 'a write that was sent is done all the same';
    }
};

subtest 'in the middle of a hash' => sub {
    for my $way (sort keys %ways) {
        my @clients = map { $t->client->send(register("hash-$way-$_\@example.com")) } 1 .. 10;
        is +(shift @clients)->status, 201, "$way: while one after another is hashed";
        read_by_now();
        $ways{$way}->($_) for @clients;
        my $before = count('users WHERE email LIKE ?', "hash-$way-%");
        is $t->client->send(login())->status, 200, 'who stayed is answered';
        cmp_ok count('users WHERE email LIKE ?', "hash-$way-%"), '<=', $before + 2,
            'nothing is done for the others, but what was under way';
    }
};

subtest 'HTTP/2: streams that are reset' => sub {
    my %json = ('content-type' => 'application/json');
    my $client = $t->client_h2;

    my $lock   = $t->locked;
    my $before = given_up();
    my ($gone, $stays) = map { $client->headers(GET => '/auth/me', $token, 1) } 1, 2;
    $t->wait_for(sub { $t->blocked });
    $client->cancel($gone);
    $t->wait_for(sub { given_up() > $before });
    $lock->rollback;
    is $client->status($stays), 200, 'mid-query: the other stream goes on';

    my $half = $client->headers(POST => '/auth/login', \%json);
    $client->data($half, substr $login, 0, 10)->cancel($half);
    is $client->status($client->headers(GET => '/auth/me', $token, 1)), 200, 'mid-body';

    my @hashed = map {
        my $stream = $client->headers(POST => '/auth/login', \%json);
        $client->data($stream, $login, 1);
        $stream;
    } 1 .. 10;
    is $client->status(shift @hashed), 200, 'mid-hash';
    $client->cancel($_) for @hashed[0 .. 7];
    is $client->status($hashed[8]), 200, 'the last one goes on';
    is $client->status($client->headers(GET => '/health/live', {}, 1)), 200, 'and the connection';
};

subtest 'HTTP/2: closed connections' => sub {
    my %json = ('content-type' => 'application/json');
    for my $way (sort keys %ways) {
        my $lock   = $t->locked;
        my $client = $t->client_h2;
        $client->headers(GET => '/auth/me', $token, 1) for 1 .. 5;
        $client->data($client->headers(POST => '/auth/login', \%json), $login, 1) for 1 .. 5;
        $client->data($client->headers(POST => '/auth/login', \%json), substr $login, 0, 10);
        $t->wait_for(sub { $t->blocked == 2 });
        $ways{$way}->($client);
        $lock->rollback;
        is $t->client->send(login())->status, 200, "$way: nobody else notices";
    }
};

subtest 'HTTP/2: bodies' => sub {
    my %json = ('content-type' => 'application/json');
    my $client = $t->client_h2;

    my $tiny = $client->headers(POST => '/auth/login', \%json);
    $client->data($tiny, $_) for split //, $login;
    $client->data($tiny, '', 1);
    is $client->status($tiny), 200, 'an octet a frame, without a length';

    my $announced = $client->headers(POST => '/auth/login', {%json, 'content-length' => 1_000_000});
    is $client->status($announced), 413, 'announced as too long';

    for ([65_536, 400], [65_537, 413]) {
        my ($length, $status) = @$_;
        my $long = $client->headers(POST => '/auth/login', \%json);
        $client->data($long, ' ' x 10_000) for 1 .. 5;
        $client->read_frame until $client->granted->{$long};
        $client->data($long, ' ' x ($length - 50_000))->data($long, '', 1);
        is $client->status($long), $status, "$length octets, without saying so before";
    }

    my $short = $client->headers(POST => '/auth/login', {%json, 'content-length' => 1000});
    $client->data($short, $login, 1);
    my $answer = $client->answer($short);
    ok $answer->{reset} || $answer->{status} == 400, 'shorter than announced';
    is $client->status($client->headers(GET => '/health/live', {}, 1)), 200,
        'the connection goes on';
};

subtest 'curl over HTTP/2, killed' => sub {
    my $lock   = $t->locked;
    my @curl   = map {
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            open STDOUT, '>', '/dev/null';
            exec qw(curl -s --http2-prior-knowledge -H), "Authorization: $token->{Authorization}",
                'http://127.0.0.1:' . $t->port_h2 . '/auth/me' or POSIX::_exit(127);
        }
        $pid;
    } 1 .. 5;
    $t->wait_for(sub { $t->blocked == 2 });
    kill 'KILL', @curl;
    waitpid $_, 0 for @curl;
    $lock->rollback;
    is $t->client->send(me())->status, 200, 'nobody else notices';
};


# identifiable requests, for the order of the responses
my $number = 0;
sub named ($method, $path, $headers = {}, $body = undef) {
    return request($method, $path, {%$headers, 'X-Request-ID' => 'n' . ++$number}, $body);
}

sub is_in_order ($client, $name, @expected) {
    my $first = $number - @expected;
    my @got = map { my $answer = $client->answer(s/ .*//r);
        "$answer->{status} $answer->{headers}{'x-request-id'}" } @expected;
    is_deeply \@got, [map { s/.* //r . ' n' . ++$first } @expected], $name;
}

subtest 'pipelined requests' => sub {
    my @mixed = (
        [named(GET => '/auth/me', $token), 'GET 200'],
        [named(POST => '/auth/login', {}, $login), 'POST 200'],
        [named(GET => '/health/live'), 'GET 200'], [named(HEAD => '/auth/me', $token), 'HEAD 200'],
        [named(POST => '/auth/login', {}, '{'), 'POST 400'],
        [named(GET => '/auth/nothing'), 'GET 404'],
        [named(POST => '/auth/login', {'Transfer-Encoding' => 'chunked'},
        chunked(unpack '(a5)*', $login)), 'POST 200'],
        [named(POST => '/auth/me', {}, $login), 'POST 405'],
        [named(POST => '/auth/login', {}, 'x' x 1000), 'POST 400'],
        [named(GET => '/auth/me', {}, $login), 'GET 401'],
        [named(GET => '/auth/me', $token, $login), 'GET 200'],
        [named(OPTIONS => '/auth/me'), 'OPTIONS 204'], [named(GET => '/db-test'), 'GET 200'],
    );
    my $all = join '', map { $_->[0] } @mixed;
    is_in_order($t->client->send($all), 'in one packet', map { $_->[1] } @mixed);
    is_in_order($t->client->slowly($all, 700, 0.002), 'in several', map { $_->[1] } @mixed);
    is_in_order($t->client(port => $small)->send($all), 'into small buffers',
        map { $_->[1] } @mixed);

    my $lock   = $t->locked;
    my $client = $t->client->send($all);
    $t->wait_for(sub { $t->blocked });
    $lock->rollback;
    is_in_order($client, 'while the first one waits', map { $_->[1] } @mixed);

    my $many = join '', map { named(GET => '/health/live') } 1 .. 300;
    is_in_order($t->client->send($many), 'three hundred', ('GET 200') x 300);
};

subtest 'half-closed connections' => sub {
    for my $request ($live, request(GET => '/auth/nothing'),
        request(POST => '/auth/login', {}, '{')) {
        my $client = $t->client->send($request)->half_close;
        ok $client->status, 'what needs no waiting is answered';
        is $client->rest, '', 'and the connection ends';
    }
    for my $request (me(), login(), me() . login()) {
        my $answer = $t->client->send($request)->half_close->rest;
        like $answer, qr/^(?:HTTP.* 200 |\z)/, 'what does counts as given up, as with proxy_pass';
    }
};

subtest 'Expect: 100-continue' => sub {
    my ($head, $body) = login({Expect => '100-continue'}) =~ /^(.*?\r\n\r\n)(.*)/s;
    my $client = $t->client->send($head);
    $client->more;
    is $client->buffer, "HTTP/1.1 100 Continue\r\n\r\n", 'the client is told to go on';
    is $client->send($body)->status, 200, 'and does';

    my $answer = $t->client->send($head =~ s/(Content-Length: )\d+/${1}65537/r)->answer;
    is_deeply [@$answer{qw(status continued)}], [413, 0], 'or not to, if the body is too large';
};

subtest 'bodies in pieces' => sub {
    my $chunks = join '', map { sprintf "%x;extension=\"x\"\r\n%s\r\n", length, $_ } unpack '(a9)*',
        $login;
    my $tiny   = sub ($octets, $name) {
        is $t->client(port => $_)->slowly($octets, 1, 0.0005)->status, 200, $name
            for $t->port, $small;
    };
    $tiny->(login(), 'an octet at a time');
    $tiny->(request(POST => '/auth/login', {'Transfer-Encoding' => 'chunked'},
        "${chunks}0\r\n\r\n"), 'in chunks');
    $tiny->(request(POST => '/auth/login', {'Transfer-Encoding' => 'chunked'},
        "${chunks}000\r\nTrailer: x\r\n\r\n"),
        'in chunks, with a trailer');
    is $t->client->slowly(request(POST => '/auth/login', {'Transfer-Encoding' => 'chunked'},
        chunked(unpack '(a4000)*', padded(65_536))), 5000, 0.001)->status, 200, '64 KiB in chunks';
};


# Octets after an unread body must not be parsed as a request.
my $smuggled = request(GET => '/smuggled', {'X-Request-ID' => 'smuggled'});

sub is_refused ($octets, $status, $name, $port = $t->port) {
    my $client = $t->client(port => $port)->send($octets);
    is $client->status, $status, $name;
    is eval { $client->rest }, '', "$name: then the connection ends";
}

subtest 'bodies that are too long, or invalid' => sub {
    my %chunked = ('Transfer-Encoding' => 'chunked');
    my $post = sub ($headers, $body) { request(POST => '/auth/login', $headers, $body) };

    for my $port ($t->port, $small) {
        is_refused($post->({'Content-Length' => 65_537}, $smuggled), 413,
            'announced as too long', $port);
        is_refused($post->({'Content-Length' => 65_537}, 'x' x 65_537 . $smuggled), 413,
            'too long', $port);
        is_refused($post->({'Content-Length' => 2**40}, $smuggled), 413, 'a terabyte', $port);
        is_refused($post->(\%chunked, chunked((' ' x 1000) x 66) . $smuggled), 413,
            'chunks that are too long', $port);
        is_refused($post->(\%chunked, chunked(' ' x 65_537) . $smuggled), 413,
            'a chunk that is too long', $port);
        is_refused($post->(\%chunked, "10000001\r\n" . " " x 65_537 . $smuggled), 413,
            "a part of a chunk that is too long", $port);

        is_refused($post->(\%chunked, "zz\r\n$smuggled"), 400, 'a chunk without a length', $port);
        is_refused($post->(\%chunked, "5\r\n{\"x\":1\r\n$smuggled"), 400,
            'a chunk longer than it says', $port);
        is_refused($post->(\%chunked, "-1\r\n$smuggled"), 400, 'a negative length', $port);
        is_refused($post->(\%chunked, ('f' x 20) . "\r\n$smuggled"), 400, 'a huge length', $port);
        is_refused($post->({%chunked, 'Content-Length' => 2}, "{}$smuggled"), 400,
            'a length, and chunks', $port);
        is_refused($post->({'Content-Length' => $_}, "{}$smuggled"), 400, "a length of $_", $port)
            for '-1', '+2', '2, 2', '0x2', '9' x 30;
        is_refused($post->({'Content-Length' => "2\r\nContent-Length: 3"}, "{}$smuggled"), 400,
            'two lengths', $port);
        is_refused(request(GET => '/auth/me', {%$token, %chunked}, "zz\r\n$smuggled"), 400,
            'broken chunks where no body is read', $port);
    }
};

subtest 'bodies that are not read' => sub {
    my %length = ('Content-Length' => 10 * length $smuggled);
    for my $request (
        request(GET => '/auth/me', {%$token, %length}), request(GET => '/health/live', \%length),
        request(POST => '/auth/nothing', \%length), request(PUT => '/auth/login', \%length),
        request(POST => '/auth/login', {%length, 'Content-Type' => 'text/plain'}),
        request(GET => '/auth/me', \%length), request(OPTIONS => '/auth/login', \%length))
    {
        my ($line) = $request =~ /(.*?) HTTP/;
        my $status = $t->client->send($request . $smuggled x 10)->status;
        my $client = $t->client->send($request);
        is $client->status, $status, "$line is answered before its body is there";
        is $client->slowly($smuggled x 10, 100, 0)->send($live)->status, 200,
            'which is no request, but what follows is';
    }

    # the body, and the next request, arrive while its query waits
    my $lock   = $t->locked;
    my $client = $t->client->send(request(GET => '/auth/me', {%$token, %length}));
    $t->wait_for(sub { $t->blocked });
    $client->send($smuggled x 10 . $live);
    read_by_now();
    $lock->rollback;
    is $client->status, 200, 'the first request';
    is $client->status, 200, 'the second one';
    is $client->half_close->rest, '', 'and nothing more';
};

unlike path($t->dir, 'access.log')->slurp, qr{/smuggled}, 'no body was taken for a request';


subtest 'bodies that were read before, into files' => sub {
    my $padded = padded(60_000);
    my $events = sub ($id) {
        count(q{audit_events WHERE action = 'logged_in' AND request_id = ?}, $id) };
    for my $headers ({}, {'Transfer-Encoding' => 'chunked'}) {
        my $body  = %$headers ? chunked(unpack '(a7000)*', $padded) : $padded;
        my $login = sub ($id) {
            request(POST => '/auth/login', {%$headers, 'X-Request-ID' => $id}, $body) };
        my $id    = 'spilled-' . keys %$headers;
        is $t->client(port => $spill)->send($login->($id))->status, 200, 'read all the same';
        $t->wait_for(sub { $events->($id) == 2 });
        pass 'and left as it is for those others';
        is $t->client(port => $small)->send($login->('x'))->status, 200,
            'with the module alone there is no file';
    }
    is $t->client(port => $spill)->send(request(POST => '/auth/login', {}, 'x' x 100_000))->status,
        413, 'too long';
};

subtest 'HEAD' => sub {
    for my $path ('/', '/health', '/health/live', '/db-test', '/auth/me', '/user/profile') {
        my $mount  = $path eq '/user/profile' ? '/api' : '';
        my $client = $t->client->send(request(GET => "$mount$path", $token)
            . request(HEAD => "$mount$path", $token) . $live);
        my ($get, $head, $next) = map { $client->answer($_) } qw(GET HEAD GET);
        is_deeply [$head->{status}, sort keys %{$head->{headers}}],
            [200, sort keys %{$get->{headers}}],
            "$path: the same status and headers";
        is $next->{body}, '{"status":"ok"}', 'and no body';
    }
};

subtest 'slow readers' => sub {
    $t->db->do(q{UPDATE autoflow.users SET bio = repeat(E'\U0001F419', 10000)
        WHERE email = 'ada@example.com'});
    my $body = $t->client->send(me())->answer->{body};
    cmp_ok length $body, '>', 40_000, 'a long answer';

    my @slow = map { $t->client(port => $small, receive => 2048)->send(me() . me()) } 1 .. 20;
    my @gone = map { $t->client(port => $small, receive => 2048)->send(me() . me()) } 1 .. 20;
    $t->wait_for(sub { ! grep { !$_->waits } @slow, @gone });
    is $t->client->send(me())->answer->{body}, $body, 'nobody waits for those who do not listen';
    $_ % 2 ? $gone[$_]->close : $gone[$_]->reset for keys @gone;
    for my $client (@slow) {
        is_deeply [map { $client->answer->{body} eq $body } 1, 2], [1, 1],
            'when they do they hear everything';
    }

    my $client = $t->client_h2(window => 0);
    my @streams = map { $client->headers(GET => '/auth/me', $token, 1) } 1 .. 4;
    $client->read_frame until 4 == grep { ($client->answers->{$_} // {})->{status} } @streams;
    $client->widen($streams[0], 100_000)->widen(0, 100_000);
    is $client->answer($streams[0])->{body}, $body,
        'HTTP/2: a stream is answered as far as its window is open';
    is_deeply [map { $client->answers->{$_}{body} } @streams[1 .. 3]], ['', '', ''],
        'the others wait';
    $client->cancel($streams[1]);
    $client->widen($streams[2], $_) for (1000) x 50;
    is $client->answer($streams[2])->{body}, $body, 'in small steps, too';
    $client->close;
};

subtest 'nothing is left behind' => sub {
    $t->wait_for(sub { files() <= $files });
    pass 'the worker has no more files open than before';
    is $t->connections, 2, 'and as many connections to the database';
    is scalar(@{path($t->dir, 'temp_body')->list_tree}), 0, 'no temporary file';
    $t->ready;
};

$t->finish;
done_testing;
