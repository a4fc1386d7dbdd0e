# The conventions of all routes.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(encode_json);
use Test::Autoflow;
use Test::More;

# on a busy machine /health could time out, unless the clock is stopped
my $t = Test::Autoflow->new(clock => 1)->start->hold;

my $register = '/api/v1/auth/register';
my $json     = {'Content-Type' => 'application/json'};

# sends a raw body
sub post ($body, $type = 'application/json', $path = $register) {
    return $t->post_ok($path => {'Content-Type' => $type} => $body);
}


subtest 'paths and mounts' => sub {
    $t->get_ok("$_/auth/me")->problem_is(401, 'token_required')
        for '/api/v1', '/api', '';
    $t->get_ok($_)->problem_is(401, 'token_required')
        for '/api/user/profile', '/api/v1/user/profile', '/api/v1/auth/me/';
    $t->get_ok($_)->status_is(200)
        for '/', '/health', '/health/', '/health/live', '/api/health',
            '/api/v1/health', '/api/v1/', '/db-test';
    $t->get_ok($_)->problem_is(404, 'not_found')
        for '/api/v1/nothing', '/api/v1/auth', '/api/v1/auth/me/x',
            '/api/v1/auth/m', '/api/v1/auth/mee', '/api/v1/auth/ME',
            '/auth/nothing', '/healthy', '/api/v1/auth/me%2Fx';
};

subtest 'methods' => sub {
    $t->get_ok($register)->problem_is(405, 'method_not_allowed')
        ->header_is(Allow => 'POST, OPTIONS');
    $t->delete_ok('/health')->problem_is(405, 'method_not_allowed')
        ->header_is(Allow => 'GET, HEAD, OPTIONS');
    $t->put_ok('/api/v1/auth/login' => json => {})
        ->problem_is(405, 'method_not_allowed');

    $t->options_ok('/health')->status_is(204)->content_is('')
        ->header_is(Allow => 'GET, HEAD, OPTIONS')
        ->header_like('X-Request-ID' => qr/^\w+$/);
    $t->options_ok($register)->status_is(204)
        ->header_is(Allow => 'POST, OPTIONS');
    $t->options_ok('/api/v1/nothing')->problem_is(404, 'not_found');

    my $length = length $t->get_ok('/health/live')->tx->res->body;
    $t->head_ok('/health/live')->status_is(200)->content_is('')
        ->header_is('Content-Length' => $length)
        ->header_is('Content-Type' => 'application/json');
    $t->head_ok('/api/v1/auth/me')->status_is(401)->content_is('')
        ->header_is('Content-Type' => 'application/problem+json');
    $t->head_ok($register)->status_is(405)->content_is('');
};

subtest 'headers of every response' => sub {
    for my $path ('/', '/health', '/api/v1/nothing', '/api/v1/auth/me', $register) {
        $t->get_ok($path)
            ->header_is('Cache-Control'          => 'no-store')
            ->header_is('X-Content-Type-Options' => 'nosniff')
            ->header_like('X-Request-ID' => qr/^[A-Za-z0-9._-]{1,128}$/);
    }

    $t->get_ok('/health/live' => {'If-Match' => '"one"'})->status_is(200, 'what is done is told');

    my $id = sub ($sent) {
        return $t->ua->get('/health/live' => {'X-Request-ID' => $sent})
            ->res->headers->header('X-Request-ID');
    };
    is $id->($_), $_, "a client's own id: " . substr($_, 0, 20)
        for 'a', 'Az09._-';
    isnt $id->($_), $_, "what can't be one: " . substr($_, 0, 20)
        for 'a b', 'a"b', "caf\xe9", 'a/b';
    isnt $id->(''), $id->(''), 'no two are the same';

    $t->get_ok('/api/v1/nothing' => {'X-Request-ID' => 'mine'})
        ->json_is('/request_id' => 'mine');
};

subtest 'media types' => sub {
    my $body = encode_json({email => 'bad', password => 'x'});

    post($body, $_)->problem_is(422, 'validation_failed', $_)
        for 'application/json', 'application/json; charset=utf-8',
            'application/json;charset=UTF-8', 'Application/JSON',
            'application/json; charset="utf-8"';
    post($body, $_)->problem_is(415, 'unsupported_media_type', $_)
        for 'text/plain', 'application/jsonp', 'application/json; charset=latin1',
            'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x',
            'application/problem+json', 'json', 'application/json; charset=utf-16';
    $t->post_ok($register)->problem_is(415, 'unsupported_media_type', 'none at all');
};

subtest 'invalid JSON' => sub {
    my %broken = (
        'nothing'             => '',
        'blanks'              => " \n",
        'half an object'      => '{"email":"a@example.com"',
        'an array'            => '[]',
        'a string'            => '"email"',
        'a number'            => '1',
        'null'                => 'null',
        'a trailing comma'    => '{"email":"a@example.com",}',
        'something behind it' => '{} {}',
        'single quotes'       => "{'email':'a'}",
        'a comment'           => '{} // x',
        'a duplicate key'     => '{"email":"a","email":"b"}',
        'a duplicate, escaped' => '{"email":"a","\u0065mail":"b"}',
        'a zero'              => '{"email":"a\u0000b"}',
        'a zero in a key'     => '{"e\u0000":1}',
        'a raw zero'          => "{\"email\":\"a\0b\"}",
        'a raw newline'       => "{\"email\":\"a\nb\"}",
        'a lone surrogate'    => '{"email":"\ud800"}',
        'invalid UTF-8'       => "{\"email\":\"\xff\xfe\"}",
        'overlong UTF-8'      => "{\"email\":\"\xc0\xaf\"}",
        'a surrogate in UTF-8' => "{\"email\":\"\xed\xa0\x80\"}",
        'a byte order mark'   => "\xef\xbb\xbf{}",
        'NaN'                 => '{"email":NaN}',
        'a huge number'       => '{"email":1e999}',
        'nesting of 20000'    => '{"x":' . '[' x 20_000,
        'UTF-16'              => "\xfe\xff\0{\0}",
    );
    post($broken{$_})->problem_is(400, 'invalid_json', $_) for sort keys %broken;
};

subtest 'sizes' => sub {
    my $padded = sub ($size) { my $body = '{"x":""}';
        $body =~ s/""/'"' . 'x' x ($size - 8) . '"'/er };

    post($padded->(2_000_000))->problem_is(413, 'payload_too_large', '2 MB');
    post('x' x 65_537)->problem_is(413, 'payload_too_large', 'before it is parsed');

    my $chunked = sub ($size) {
        my $body = $padded->($size);
        my $tx = $t->ua->build_tx(POST => $register => $json);
        my $write; $write = sub ($content, @) {
            $content->write_chunk(substr($body, 0, 10_000, ''), length $body ? $write
                : sub { $content->write_chunk('') });
        };
        $tx->req->content->$write;
        return $t->tx($t->ua->start($tx));
    };
    $chunked->(65_536)->problem_is(422, 'validation_failed', '64 KiB in chunks');
    $chunked->(65_537)->problem_is(413, 'payload_too_large', 'one octet more in chunks');

    like $t->raw("POST $register HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"),
        qr{^HTTP/1.1 413 .*"code":"payload_too_large"}s,
        'announced as too large: no body is waited for';
    like $t->raw("POST $register HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\nExpect: 100-continue\r\n"
        . "Content-Length: 2\r\n\r\n{}"),
        qr{422 .*"code":"validation_failed"}s, 'Expect: 100-continue';
};

subtest 'the order of checks' => sub {
    my $big = 'x' x 70_000;

    post($big, 'text/plain', '/api/v1/nothing')->problem_is(404, 'not_found');
    $t->put_ok($register => {'Content-Type' => 'text/plain'} => $big)
        ->problem_is(405, 'method_not_allowed');
    post($big, 'text/plain')->problem_is(415, 'unsupported_media_type');
    post($big)->problem_is(413, 'payload_too_large');
    post('x')->problem_is(400, 'invalid_json');
    post('{}')->problem_is(422, 'validation_failed');
};

subtest 'a connection is kept alive after any response' => sub {
    my @bodies = ('{}', 'x', '', '[' x 100);
    my $requests = join '', map {
        "POST $register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            . 'Content-Length: ' . length($_) . "\r\n\r\n$_"
    } @bodies, '{}';
    my $answers = $t->raw($requests
        . "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    is_deeply [$answers =~ m{HTTP/1.1 (\d+)}g], [422, 400, 400, 400, 422, 200],
        'six pipelined requests, six answers in order';
};

subtest 'all invalid fields are listed' => sub {
    post('{}')->problem_is(422, 'validation_failed')
        ->errors_are({email => 'required', password => 'required'});
    post('{"email":null,"password":1,"username":[],"full_name":{}}')
        ->errors_are({email => 'required', password => 'type', username => 'type',
        full_name => 'type'});
    $t->json_like('/errors/0/message' => qr/\w/);
    post('{"email":"x","password":"short","unknown":1}')
        ->errors_are({email => 'format', password => 'length'});
};

# A client that aborts an upload, and one that disconnects while the request is
# handled
subtest 'clients that disconnect' => sub {
    my $head = "POST $register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    my $body = encode_json(
        {email => 'gone@example.com', password => 'correct horse battery staple'});

    for my $octets ("${head}Content-Length: 100\r\n\r\n{\"email\":",
        "${head}Content-Length: " . length($body) . "\r\n\r\n$body")
    {
        my $socket = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $t->port);
        print {$socket} $octets;
        $socket->flush;
        close $socket;
    }
    $t->get_ok('/health')->status_is(200);
};

$t->finish;
done_testing;
