# docs/troubleshooting.md: each symptom in its tables is provoked, and is as it
# says there: the response, $autoflow_status or the code, and the line of the log.

package Few {       # an nginx with few connections
    use Mojo::Base 'Test::Autoflow', -signatures;
    sub conf ($self) { $self->SUPER::conf =~ s/worker_connections 1024/worker_connections 32/r }
}

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Mojo::JSON qw(true);
use Mojo::Message::Response;
use Mojo::Util qw(decode);
use Test::Autoflow;
use Test::More;

my ($app, $other) = map { Test::Autoflow::free_port() } 1, 2;
my $password = 'correct horse battery staple';

# column by column; what stands in each is cited between backticks
my %rows;
for my $line (split /\n/, decode 'UTF-8',
    path($Test::Autoflow::root, 'docs/troubleshooting.md')->slurp)
{
    my ($what, @cells) = map { s/\\\|/|/gr } $line =~ /\|\s*(.*?)\s*(?=(?<!\\)\|)/g or next;
    next if $what =~ /^(?:response|message|---)/;
    s/^`(.*)`$/$1/ for @cells;
    $rows{$what} = {status => $cells[0], log => $cells[1] // ''};
}

my $protected = 'autoflow_auth on; proxy_pass http://echo;';
my $t = Test::Autoflow->new(
    allow    => ['unknown directive "autoflow_aut"'],
    clock    => 1,
    patient  => 0,
    main     => join("\n", 'thread_pool autoflow_hash threads=1 max_queue=1;',
        map { "thread_pool autoflow_$_ threads=2;" } 'io', 'connect'),
    settings => {
        autoflow_cookies   => 'on',
        autoflow_attempts  => 'account=3/1h account_total=off address=off changes=20/1h',
        autoflow_mail      => 'smtp://127.0.0.1:' . Test::Autoflow::free_port() . ' from=a@b.co',
        autoflow_link_base => 'http://localhost',
        autoflow_mail_templates => "$Test::Autoflow::root/conf/mail",
        autoflow_revocation_staleness => '2m',
        autoflow_password  => 'memory=32m time=3',
    },
    http => qq{
        limit_req_zone \$binary_remote_addr zone=requests:1m rate=1r/m;
        server {
            listen 127.0.0.1:$other;
            autoflow_audience shop;
            location / { add_header X-Status \$autoflow_status always; $protected }
        }
    },
    server => qq{
        add_header X-Status \$autoflow_status always;
        location /app/   { $protected }
        location /plain/ { autoflow_cookies off; $protected }
        location /admin/ { autoflow_require role=admin; $protected }
        location /https/ { autoflow_require_https on; $protected }
        location /deny/  { deny all; $protected }
        location /if/    { if (\$autoflow_user_id = "") { return 403; } $protected }
        location /text/  { autoflow_auth on; return 200 text; }
        location /small/ { client_max_body_size 10; $protected }
        location /rate/  { limit_req zone=requests; $protected }
        location /down/  { autoflow_auth on; proxy_pass http://127.0.0.1:$app; }
    },
)->start;

my %seen;

# The response to what the doc calls by this name has this status, and the log a
# new line like the one there.  The first number in the name is the status.
sub shows ($name, $provoke, $server = $t) {
    my $row = $rows{$name} or return fail "\"$name\" stands in the document";
    $seen{$name} = 1;
    my $before = length $server->error_log;
    my $res = $provoke->();
    my ($code) = $name =~ /^(\d+)/;
    is $res->code, $code, "$name: so it is" if $code;
    my $status = ($res->json // {})->{code} // $res->headers->header('X-Status') // '';
    is $status, $row->{status}, "$name: its status" if $row->{status} ne '';
    my $pattern = join '.*', map { quotemeta } split /…/, $row->{log}, -1;
    my $new = sub { substr $server->error_log, $before };
    if ($row->{log} ne '') {
        eval { $server->wait_for(sub { $new->() =~ $pattern }) };
        like $new->(), qr/$pattern/, "$name: its line";
    }
    else {
        unlike $new->(), qr/\[(?:info|error)\].*(?:autoflow|forbidden)/, "$name: no line";
    }
}

sub get ($path, $headers = {}) { $t->ua->get($path, $headers)->res }
sub post ($path, $json, $headers = {}) { $t->ua->post($path, $headers, json => $json)->res }

my $ada    = $t->register(email => 'ada@example.com');
my $id     = $ada->{user}{id};
my $bearer = $t->bearer($ada);
my $cookie = {Cookie => "af_access=$ada->{access_token}"};
my %claims = (sub => $id, sid => $ada->{user}{id}, epoch => 0);
my $login  = {email => 'ada@example.com', password => $password};

sub signed ($changes, %options) {
    get('/app/', $t->bearer($t->token({%claims, %$changes}, %options)));
}


subtest 'a protected location' => sub {
    shows('401 without a token' => sub { get('/app/') });
    shows('401 with the cookie' => sub { get('/plain/', $cookie) });
    is get('/app/', $cookie)->code, 200, 'where cookies are on';
    shows('401 with a token' => sub { get('/app/', $t->bearer($ada->{refresh_token})) });
    shows('401 after half an hour' => sub { signed({exp => int $t->now - 1}) });
    shows('401 at once' => sub { signed({iat => int $t->now + 60}) });
    shows('401 on one node alone' => sub { signed({}, key => 'x' x 32) });
    shows('401 for a token from elsewhere' => sub {
        signed({}, key => 'x' x 32, header => {alg => 'HS256', kid => 'theirs'}) });
    shows("401 for another issuer's token" => sub { signed({iss => 'another'}) });
    shows('401 for another audience' => sub { get("http://127.0.0.1:$other/", $bearer) });

    my $out = post('/auth/login', $login)->json;
    post('/auth/logout', {}, $t->bearer($out));
    shows('401 after a logout' => sub { get('/app/', $t->bearer($out)) });
    shows('403 with a valid token' => sub { get('/admin/', $bearer) });
    shows('403 for a change, with the cookie' => sub { post('/app/', {}, $cookie) });
    shows('403 over http' => sub { get('/https/', $bearer) });
    shows('403 for everybody' => sub { get('/deny/', $bearer) });
    shows('403 without a challenge' => sub { get('/if/') });
    shows('200 without a token' => sub { get('/text/') });
    shows('413 with a token' => sub { post('/small/', {a => 'more than this'}, $bearer) });
    get('/rate/', $bearer);
    shows('503 with too many requests' => sub { get('/rate/', $bearer) });
    shows('502' => sub { get('/down/', $bearer) });
};

subtest 'the API' => sub {
    shows('403 to a login from a page' => sub {
        post('/auth/login', $login, {Origin => 'http://localhost:5173'}) });
    shows('401 to a login' => sub { post('/auth/login', {%$login, password => 'x'}) });
    shows('404 to everything' => sub { get('/api/v1/v1/auth/me', $bearer) });
    shows('405' => sub { get('/auth/login') });
    shows('409 to a registration' => sub { post('/auth/register', $login) });
    shows('415' => sub { $t->ua->post('/auth/login' => 'x')->res });

    my $eve = post('/auth/login', $login)->json;
    my $next = post('/auth/refresh', {refresh_token => $eve->{refresh_token}})->json;
    post('/auth/refresh', {refresh_token => $next->{refresh_token}});
    shows('401 to a refresh' => sub {
        post('/auth/refresh', {refresh_token => $eve->{refresh_token}}) });
    shows('401 to a refresh, later' => sub {
        post('/auth/refresh', {refresh_token => $eve->{refresh_token}}) });

    my $root = $t->superuser($t->register);
    shows('409 to a superuser' => sub {
        $t->ua->put("/auth/users/$root->{user}{id}/superuser" => $t->bearer($root)
            => json => {is_superuser => Mojo::JSON->false})->res });
    $t->put_ok("/auth/users/$id/disable" => $t->bearer($root))->status_is(200);
    shows('403 to a login, later' => sub { post('/auth/login', $login) });
    $t->put_ok("/auth/users/$id/enable" => $t->bearer($root))->status_is(200);

    my $busy = $t->register;
    shows('429 to changes' => sub {
        my $res;
        for (1 .. 30) {
            $res = $t->ua->patch('/auth/me', $t->bearer($busy), json => {bio => 'x'})->res;
            last if $res->code != 200;
        }
        return $res;
    });
    shows('429 to a login' => sub {
        my $res;
        $res = post('/auth/login', {email => $busy->{user}{email}, password => 'x'}) for 1 .. 4;
        return $res;
    });
    shows('503 to logins alone' => sub {
        my @all = $t->at_once(map { [POST => '/auth/login' => json =>
                    {email => "nobody$_\@example.com", password => 'x'}] } 1 .. 40);
        return +(grep { $_->res->code == 503 } @all)[0]->res;
    });
};

subtest 'cookies and mails' => sub {
    my $many = $t->register;
    $t->db->do(q{INSERT INTO autoflow.roles (name) SELECT repeat('x', 98) || n
        FROM generate_series(10, 41) n});
    $t->db->do(q{INSERT INTO autoflow.user_roles (user_id, role_id) SELECT ?, id
        FROM autoflow.roles WHERE name LIKE 'x%'}, {}, $many->{user}{id});
    shows('200 to a login, and no access cookie' => sub {
        post('/auth/login', {email => $many->{user}{email}, password => $password}) });
    shows('202, and no mail' => sub {
        post('/auth/forgot-password', {email => $many->{user}{email}}) });
};

subtest 'a reload' => sub {
    my $server = $t->server;
    shows('as before' => sub {
        $t->server("$server\nautoflow_aut on;")->write_conf;
        $t->process->signal('HUP');
        return get('/app/');
    });
    $t->server($server)->write_conf;

    my $check = Test::Autoflow->new(beside => $t);
    my %broken = (
        'unknown directive "autoflow_auth"' => sub ($conf) { $conf =~ s/^load_module.*//r
            =~ s/^\s*autoflow_(?!auth).*$//gmr =~ s/include .*snippets.*//gr },
        'a thread pool is needed: add' => sub ($conf) { $conf =~ s/include .*threads.conf;//r },
        'unknown "autoflow_hsts" variable' => sub ($conf) {
            $conf =~ s{(include .*)autoflow_api(.conf;)}{$1autoflow_api$2 $1autoflow_headers$2}r },
    );
    for my $name (sort keys %broken) {
        my ($row) = grep { /^`\Q$name\E/ } keys %rows;
        ok $row, $name or next;
        $seen{$row} = 1;
        $check->server('location /app/ { autoflow_auth on; }');
        path($check->dir, 'nginx.conf')->spurt($broken{$name}->($check->conf));
        my $command = join ' ', map { "'$_'" } $check->command;
        like `$command -t 2>&1`, qr/\Q@{[$row =~ s{`}{}gr]}\E/, 'says so';
    }
};

subtest 'few connections' => sub {
    my $few = Few->new(beside => $t, api => 0, lanes => 0,
        allow => ['worker_connections are not enough'], settings => {
            autoflow_database => undef, autoflow_secret => undef, autoflow_password => undef,
            autoflow_attempts => undef},
        server => "location / { add_header X-Status \$autoflow_status always; $protected }")->start;
    my $token = $few->token(\%claims);
    shows('500 for some' => sub {
        # what has begun a request is not closed in favour of another
        my @open;
        for (1 .. 32) {
            push @open, $few->client->send("GET / HTTP/1.1\r\nHost: x\r\n");
            $few->all_read;
        }
        $open[0]->send("Authorization: Bearer $token\r\nConnection: close\r\n\r\n");
        return Mojo::Message::Response->new->parse($open[0]->rest);
    }, $few);
    $few->finish;
};

subtest 'the database is away' => sub {
    $ada = post('/auth/login', $login)->json;
    $t->postgresql->stop('INT');
    shows('503 to everything' => sub { post('/auth/login', $login) });
    like $t->error_log, qr/can't use the database: /, 'and why';
    $t->pass_until(30, sub { get('/app/', $t->bearer($ada))->code == 503 });
    $t->pass(2);
    shows('503 with a token' => sub { get('/app/', $t->bearer($ada)) });
    $t->postgresql->start;
    $t->recovered;
};

is_deeply [grep { !$seen{$_} } sort keys %rows], [], 'all that stands there was provoked';

$t->finish;
done_testing;
