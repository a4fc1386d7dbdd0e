# The access log in JSON, traces, and what no log contains.

use Mojo::Base -strict, -signatures;
use List::Util qw(first);
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json);
use Test::Autoflow;
use Test::Autoflow::Wait qw(wait_until);
use Test::More;

my $root     = $Test::Autoflow::root;
my $upstream = Test::Autoflow::free_port();
my $json;
my $good   = 'correct horse battery staple';
my $better = 'seventeen purple elephants';

my $t = Test::Autoflow->new(
    settings => {
        autoflow_mail => 'maildir:mails', autoflow_link_base => 'https://example.com',
        autoflow_mail_templates => "$root/conf/mail", autoflow_cookies => 'on',
        autoflow_audit_log => 'audit.json',
    },
    http => qq{
        include snippets/autoflow_http.conf;
        server {
            listen 127.0.0.1:$upstream;
            add_header X-Traceparent \$http_traceparent;
            add_header X-Tracestate  \$http_tracestate;
            return 204;
        }
    },
);
my $dir = $t->dir;
$t->server(qq{
    access_log $dir/access.json autoflow_json;
    large_client_header_buffers 4 8k;
    include snippets/autoflow_landing.conf;
    location /app/ {
        autoflow_auth on;
        proxy_pass       http://127.0.0.1:$upstream;
        proxy_set_header traceparent \$autoflow_traceparent;
        proxy_set_header tracestate  \$autoflow_tracestate;
    }
    location /sub/ {
        auth_request /inner;
        add_header X-Outer \$autoflow_traceparent;
        proxy_pass http://127.0.0.1:$upstream;
        proxy_set_header traceparent \$autoflow_traceparent;
    }
    location /inner {
        internal;
        proxy_pass http://127.0.0.1:$upstream;
        proxy_set_header traceparent \$autoflow_traceparent;
    }
});

# each line is JSON, in UTF-8: all of them, as objects
sub lines { map { decode_json($_) } split /\n/, path($dir, 'access.json')->slurp }

# the line of the request with this id, once it is written
sub line ($id) {
    my $line;
    $t->wait_for(sub { $line = first { $_->{request_id} eq $id } lines() });
    return $line;
}

# the same for the last response
sub logged { line($t->tx->res->headers->header('X-Request-ID')) }

my $ids = 0;
sub id { 'request-' . ++$ids }

$t->copied(qw(snippets mail landing))->start;
my $trace = '4bf92f3577b34da6a3ce929d0e0e4736';
my $span  = '00f067aa0ba902b7';


subtest 'a line' => sub {
    my $ada = $t->register;
    my $id  = $ada->{user}{id};
    $t->db->do('UPDATE autoflow.users SET is_superuser = true WHERE id = ?', {}, $id);
    $t->post_ok('/auth/login?secret=1' => {'User-Agent' => 'Phone "1"'} => json =>
        {email => $ada->{user}{email}, password => $good})->status_is(200);
    my $login = logged();
    my $bearer = $t->bearer($t->tx->res->json);

    my %number = map { $_ => delete $login->{$_} }
        qw(msec received sent request_time db_time hash_wait hash_time);
    like delete $login->{time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$/, 'when';
    like delete $login->{traceparent}, qr/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/, 'a trace';
    is_deeply $login, {request_id => $t->tx->res->headers->header('X-Request-ID'),
        client => '127.0.0.1', method => 'POST', protocol => 'HTTP/1.1', path => '/auth/login',
        route => '/auth/login', status => 200, problem => '', token => 'missing', user_id => '',
        session_id => '', user_agent => 'Phone "1"'}, 'has these members';
    cmp_ok $number{$_}, '>', 0, "$_ is a number" for qw(msec received sent db_time hash_time);
    cmp_ok $number{$_}, '>=', 0, "so is $_" for qw(request_time hash_wait);

    $t->get_ok("/api/v1/users/$id?x=y" => $bearer)->status_is(200);
    my $line = logged();
    is_deeply [@$line{qw(path route token user_id hash_time)}],
        ["/api/v1/users/$id", '/auth/users/{id}', 'ok', $id, 0], 'the route, and whose token';
    like $line->{session_id}, qr/^[0-9a-f-]{36}$/, 'and session';

    $t->get_ok('/auth/users/01234567-89ab-7def-8123-456789abcdef' => $bearer)
        ->problem_is(404, 'not_found');
    is_deeply [@{logged()}{qw(problem status route)}], ['not_found', 404, '/auth/users/{id}'],
        'a problem';
    $t->post_ok('/auth/me' => $bearer)->problem_is(405, 'method_not_allowed');
    is_deeply [@{logged()}{qw(problem status route)}], ['method_not_allowed', 405, ''],
        'without a route';
    $t->get_ok('/auth/me' => $t->bearer('x'))->problem_is(401, 'invalid_token');
    is_deeply [@{logged()}{qw(problem token user_id)}], ['invalid_token', 'malformed', ''],
        'a bad token';

    $t->get_ok('/app/x' => {%{$t->bearer('x')}, 'X-Request-ID' => id()})->status_is(401);
    is_deeply [@{line("request-$ids")}{qw(problem token status route)}],
        ['invalid_token', 'malformed', 401, ''], 'before an upstream';
    $t->get_ok('/app/x' => {%$bearer, 'X-Request-ID' => id()})->status_is(204);
    is_deeply [@{line("request-$ids")}{qw(problem token status user_id)}], ['', 'ok', 204, $id];
};

subtest 'whatever is requested' => sub {
    my $before = lines();
    my @raw = map { "$_\r\nHost: x\r\nConnection: close\r\n" } 'GET / HTTP/1.1',
        "GET /\x01", "GET /\xff\xfe\"\\?token=secret HTTP/1.1", "GET /\xc3\xa9%00%ff%0a HTTP/1.0",
        'GET /a%3ftoken=secret HTTP/1.1', 'GET /a%3Ftoken=secret HTTP/1.1',
        'GET http://x/a#token=secret HTTP/1.1', 'OPTIONS * HTTP/1.1', "\xff /a HTTP/1.1", "get",
        'GET / HTTP/7.7', 'GET /?token=secret HTTP/x', 'CONNECT x:1 HTTP/1.1', "POST\t/ HTTP/1.1",
        'GET /' . 'x' x 2000 . ' HTTP/1.1', 'GET /' . 'x' x 9000 . ' HTTP/1.1',
        '_-_ /auth/login HTTP/1.1', "GET /\\u0000\\ HTTP/1.1";
    my @headers = map { "$_\r\n" } "User-Agent: \xff\xc3(\xed\xa0\x80", "User-Agent: \"\\\x07\t",
        'User-Agent: ' . "\xc3\xa9" x 2000, "X-Request-ID: \"\xff", "Authorization: Bearer \xff\"",
        "traceparent: \xff\"", "Cookie: __Host-af_access=\xff\"", "Referer: /?token=secret",
        'Content-Length: x', 'Host: y', ": x", "X:\0y", 'Transfer-Encoding: x', 'x' x 9000;
    my @requests = ((map { "$_\r\n" } @raw), (map { "$raw[0]$_\r\n" } @headers),
        "GET / HTTP/1.1\r\nX-Request-ID: half\r\n\r\n", "\x16\x03\x01\x02\0", "GET /old\r\n");
    $t->raw($_) for @requests;

    my $client = $t->client;
    $client->send("POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{");
    $client->close;

    my $h2 = $t->client_h2;
    $h2->status($h2->headers(GET => $_->[0], {'User-Agent' => "\xff", %{$_->[1]}}, 1)) for
        ["/\xff?token=secret", {}], ['/auth/me', {Authorization => "Bearer \xff"}], ['*', {}],
        ['/auth/me', {traceparent => "00-$trace-$span-01"}];

    my @lines;
    my $due = $before + @requests + 5;
    ok wait_until(sub { (@lines = lines()) >= $due }), 'is a line of JSON, in UTF-8'
        or diag "of $due lines: ", explain [map { "$_->{status} " . substr $_->{path}, 0, 30 }
            @lines[$before .. $#lines]];
    ok !(grep { $_->{status} !~ /^\d+\z/ } @lines), 'with a status';
    my $longest = sub ($member) { (sort { $b <=> $a } map { length $_->{$member} } @lines)[0] };
    is $longest->('path'), 1024, 'the path is cut off';
    is $longest->('user_agent'), 127, 'and the User-Agent, at the end of a character';
    my $text = path($dir, 'access.json')->slurp;
    unlike $text, qr/secret/, 'without a query';
    like $text, qr/"protocol":"HTTP\/2.0"/, 'of HTTP/2, too';
    like $text, qr/"status":400,/, 'or refused by nginx itself';
    like $text, qr{"path":"/\?\?\\"\\\\"}, 'what is no UTF-8 is replaced';
};

subtest 'traces' => sub {
    my $token = $t->bearer($t->register);
    my $sent = sub (@headers) {
        my $tx = $t->ua->build_tx(GET => '/app/x' => $token);
        $tx->req->headers->add(@$_) for @headers;
        $t->tx($t->ua->start($tx))->status_is(204);
        return $t->tx->res->headers->header('X-Traceparent');
    };

    my $new = $sent->();
    like $new, qr/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/, 'one begins here, not sampled';
    isnt substr($sent->(), 3, 32), substr($new, 3, 32), 'for each request';

    for (['00', '01', '01'], ['00', '00', '00'], ['00', 'fe', '00'], ['cc', '03', '01']) {
        my ($version, $flags, $then) = @$_;
        my $got = $sent->([traceparent => "$version-$trace-$span-$flags"], [tracestate => 'a=1'],
            [Tracestate => 'b=2']);
        like $got, qr/^00-$trace-(?!$span)[0-9a-f]{16}-$then$/, "continues: $version, $flags";
        is $t->tx->res->headers->header('X-Tracestate'), 'a=1,b=2', 'with its state';
    }

    for ('', 'x', "00-$trace-$span-01-x", "ff-$trace-$span-01", "00-\U$trace\E-$span-01",
        "00-@{['0' x 32]}-$span-01", "00-$trace-@{['0' x 16]}-01")
    {
        unlike $sent->([traceparent => $_], [tracestate => 'a=1']), qr/$trace|$span/i,
            "is not valid: $_";
        is $t->tx->res->headers->header('X-Tracestate'), undef, 'and neither is its state';
    }
    unlike $sent->(([traceparent => "00-$trace-$span-01"]) x 2), qr/$trace/, 'nor are two';

    $t->get_ok('/sub/x')->status_is(204);
    my $headers = $t->tx->res->headers;
    is $headers->header('X-Traceparent'), $headers->header('X-Outer'),
        'it is one span, wherever it is asked for';

    $t->get_ok('/auth/me' => {traceparent => "00-$trace-$span-01", 'X-Request-ID' => id()});
    like line("request-$ids")->{traceparent}, qr/^00-$trace-(?!$span)[0-9a-f]{16}-01$/,
        'the log has it';
};

subtest 'the error log has the ids of responses' => sub {
    my $ada = $t->register;
    my $has = sub ($line) {
        like $t->error_log, qr/\[\w+\].*autoflow: $line, request_id: request-$ids,/, $line;
    };
    $t->get_ok('/auth/me' => {'X-Request-ID' => id(), %{$t->bearer('x')}})->status_is(401);
    $has->('token refused: malformed');
    $t->post_ok('/auth/login' => {'X-Request-ID' => id()} => 'x')->status_is(415);
    $t->post_ok('/auth/login' => {'X-Request-ID' => id(), 'Content-Type' => 'application/json'}
        => '{')->status_is(400);
    $has->('the JSON is incomplete');
};

subtest 'no log has a password or a token' => sub {
    my %secret = (password => $good, 'new password' => $better, wrong => 'not the password at all');
    my $pair = sub ($name) {
        my $json = $t->tx->res->json;
        $secret{"$name, $_"} = $json->{$_} for qw(access_token refresh_token);
        my @cookies = map { [split /=/, (split /;/)[0], 2] }
            @{$t->tx->res->headers->every_header('Set-Cookie')};
        $secret{"$name, $_->[0]"} = $_->[1] for grep { length $_->[1] > 20 } @cookies;
        return $json;
    };
    my $mailed = sub ($name, $number) {
        my @mails;
        $t->wait_for(sub { $number == (@mails = path($dir, 'mails', 'new')->list->each) });
        my $text = join '', map { $_->slurp } @mails;
        $text =~ s/=\r?\n//g;
        $text =~ s/=3D/=/g;
        my @tokens = $text =~ /token=([\w.-]{20,})/g or die 'no token';
        $secret{"$name $_"} = $tokens[$_] for 0 .. $#tokens;
        return @tokens;
    };
    # with those to the accounts of other tests
    $t->wait_for(sub { !$t->db->selectrow_array(
        'SELECT count(*) FROM autoflow.outbox WHERE sent_at IS NULL') });
    my $mails = path($dir, 'mails', 'new')->list->size;

    my $email = 'secret@example.com';
    $t->post_ok('/auth/register' => json => {email => $email, password => $good})
        ->status_is(201);
    $pair->('registered');
    $t->post_ok('/user/verify-email' => json => {token => $_}) for $mailed->('verify', $mails + 1);
    $t->post_ok('/auth/login' => json => {email => $email, password => $secret{wrong}})
        ->status_is(401);
    $t->post_ok('/auth/login' => form => {username => $email, password => $good})
        ->status_is(200);
    my $login = $pair->('login');
    $t->get_ok("/auth/me?access_token=$login->{access_token}" => $t->bearer($login))
        ->status_is(200);
    $t->get_ok("/app/x?token=$login->{access_token}" => $t->bearer($login))->status_is(204);
    $t->post_ok('/auth/refresh' => json => {refresh_token => $login->{refresh_token}})
        ->status_is(200);
    my $next = $pair->('refresh');
    $t->post_ok('/auth/refresh' => {Cookie => "af_refresh=$next->{refresh_token}"} => json => {});
    $t->post_ok('/auth/refresh' => json => {refresh_token => "$next->{refresh_token}x"});
    $t->post_ok('/auth/forgot-password' => json => {email => $email})->status_is(202);
    my @tokens = $mailed->('reset', $mails + 2);
    $t->get_ok("/reset-password?token=$_")->status_is(200) for @tokens;
    $t->post_ok('/auth/reset-password' => json => {token => $_, password => $better}) for @tokens;
    $t->post_ok('/auth/login' => json => {email => $email, password => $better})->status_is(200);
    my $third = $pair->('third');
    $t->put_ok('/auth/me/password' => $t->bearer($third) => json =>
        {current_password => $better, new_password => $good})->status_is(204);
    $t->post_ok('/auth/logout' => $t->bearer($third))->status_is(204);
    $t->get_ok('/health/live' => {'X-Request-ID' => 'the-end'});
    line('the-end');

    my ($event) = $t->db->selectrow_array(
        q{INSERT INTO autoflow.audit_events (action) VALUES ('end') RETURNING id});
    $t->wait_for(sub { path($dir, 'audit.json')->slurp =~ /$event/ });

    my %log = ('audit.json' => path($dir, 'audit.json')->slurp,
        'access.json' => path($dir, 'access.json')->slurp, 'error.log' => $t->error_log,
        'the audit' => join "\n", @{$t->db->selectcol_arrayref(
            'SELECT e::text FROM autoflow.audit_events e')});
    cmp_ok length $log{$_}, '>', 1000, "$_ is there" for keys %log;
    for my $log (sort keys %log) {
        my @found = grep { index($log{$log}, $secret{$_}) >= 0 } sort keys %secret;
        is_deeply \@found, [], "none in $log";
    }
    cmp_ok scalar keys %secret, '>=', 12, 'there were some';
};

$t->finish;
done_testing;
