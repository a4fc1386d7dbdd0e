# autoflow_cookies renew=on: a new access token within the response to whatever
# was requested.

use Mojo::Base -strict, -signatures;
use MIME::Base64 qw(decode_base64url encode_base64url);
use Test::Autoflow;
use Test::More;

my $good = 'correct horse battery staple';
my $echo = q{ proxy_pass http://echo; proxy_set_header X-User-Email $autoflow_email; };
my $upstream = Test::Autoflow::free_port();

my $t = Test::Autoflow->new(
    clock => 1,
    settings => {autoflow_environment => 'testing', autoflow_require_https => 'off',
        autoflow_refresh_grace => '0s'},
    http => qq{
        server {
            listen 127.0.0.1:$upstream;
            add_header Cache-Control "public, max-age=60";
            add_header CDN-Cache-Control "public, max-age=60";
            add_header Set-Cookie its=own;
            expires 1h;
            return 200 '\$http_cookie';
        }
    },
    server => qq{
        autoflow_cookies on;
        location /site/ {
            autoflow_auth on;
            autoflow_login /account/;
            $echo
            location /site/cached/ { proxy_pass http://127.0.0.1:$upstream; }
            location /site/chief/ { autoflow_require superuser; $echo }
            location /site/maybe/ { autoflow_auth optional; $echo }
            location /site/any/ { satisfy any; deny all; $echo }
            location /site/body/ {
                add_header X-Body \$request_body; add_header X-Time \$autoflow_db_time; $echo
            }
            location /site/off/ { autoflow_cookies on renew=off; $echo }
            location /site/own/ { autoflow_auth on token=\$cookie_own; $echo }
            location /site/error/ {
                autoflow_auth off; error_page 404 = /site/page; return 404;
            }
            location /site/ask/ {
                autoflow_auth off;
                auth_request /verify;
                auth_request_set \$asked \$sent_http_x_auth_email;
                proxy_pass http://echo;
                proxy_set_header X-User-Email \$asked;
            }
        }
        location /api-only/ { autoflow_auth on; $echo }
        location /api-renewed/ { autoflow_cookies on renew=on; autoflow_auth on; $echo }
        location = /verify { autoflow_cookies on renew=on; autoflow_verify; }
    },
)->start;

my $own = {Origin => $t->url =~ s{/$}{}r};
$t->register(email => 'ada@example.com');

sub cookies { map { s/;.*//sr } @{$t->tx->res->headers->every_header('Set-Cookie')} }

sub session {
    $t->post_ok('/api/v1/auth/login' => json =>
        {email => 'ada@example.com', password => $good})->status_is(200);
    return {map { /^__Host-af_(\w+)=(.+)/ ? ($1 => $2) : () } cookies()};
}

sub with ($session, @names) {
    return (Cookie => join '; ', map { "__Host-af_$_=$session->{$_}" } @names);
}

# the access token that the last response sets, and nothing else
sub renewed ($name) {
    my ($cookie, @more) = grep { $_ ne 'its=own' } cookies();
    my ($access) = ($cookie // '') =~ /^__Host-af_access=([^;]+)/;
    ok $access && !@more, "$name: a new access token" or diag join "\n", $cookie // '-', @more;
    is $t->tx->res->headers->cache_control, 'private, no-store', 'which nobody stores';
    return $access // '';
}
sub not_renewed ($name) { is_deeply [cookies()], [], "$name: none" }

sub asked { $t->db->selectrow_array(q{SELECT max(last_used_at) FROM autoflow.sessions}) }
sub later { $t->pass(11)->timed }       # no result is kept so long

subtest 'without an access token' => sub {
    my $s = session();
    $t->get_ok('/site/x' => {with($s, 'refresh')})->status_is(200)
        ->json_is('/email' => 'ada@example.com', 'the upstream knows who it is');
    my $access = renewed('GET');
    $t->get_ok('/site/x' => {with({access => $access}, 'access')})->status_is(200)
        ->json_is('/email' => 'ada@example.com');
    not_renewed('with it');
    $t->get_ok('/site/cached/' => {with($s, 'refresh')})->status_is(200)
        ->content_is('', 'the upstream gets no cookie');
    is renewed("over the upstream's caching"), $access, 'soon again: the same one';
    is $t->tx->res->headers->header('CDN-Cache-Control'), undef, 'nor a cache with its own header';
    is scalar(grep { $_ eq 'its=own' } cookies()), 1, 'beside its cookie';

    $t->get_ok('/site/off/' => {with($s, 'refresh')})->status_is(401);
    $t->get_ok('/api-only/' => {with($s, 'refresh')})->status_is(401, 'no autoflow_login');
    $t->get_ok('/api-renewed/' => {with($s, 'refresh')})->status_is(200);
    $t->get_ok('/site/own/' => {with($s, 'refresh')})->status_is(401, 'token=');
    $t->get_ok('/site/any/' => {with($s, 'refresh')})->status_is(200, 'satisfy any');
    $t->get_ok('/site/error/' => {with($s, 'refresh')})->status_is(200, 'an error page');
    renewed('there');
    $t->head_ok('/site/x' => {with($s, 'refresh')})->status_is(200);
    renewed('HEAD');
    my $h2 = $t->client_h2;
    is $h2->status($h2->headers(GET => '/site/x', {with($s, 'refresh')}, 1)), 200, 'HTTP/2';
};

subtest 'an access token that is no longer good' => sub {
    my $s = session();
    # the node has heard of no revocation for so long, and trusts no token at first
    $t->pass(1801)->wait_for(sub { $t->ua->get('/health/ready')->res->code == 200 });
    $t->get_ok('/site/x' => {with($s, 'access', 'refresh')})->status_is(200);
    $s->{access} = renewed('expired');

    my $db = $t->db;
    $t->get_ok('/site/chief/' => {with($s, 'access', 'refresh')})->status_is(403);
    not_renewed('a condition is false');
    $db->do('UPDATE autoflow.users SET is_superuser = true');
    $t->wait_for(sub {
        $t->ua->get('/api-only/' => {with($s, 'access')})->res->code == 401 });
    $t->get_ok('/site/chief/' => {with($s, 'access', 'refresh')})->status_is(200);
    renewed('the account has changed');
    $t->get_ok('/site/x' => {Authorization => 'Bearer x.y.z', with($s, 'refresh')})
        ->status_is(401, 'junk in Authorization');
    not_renewed('it would still be there');
};

subtest 'what may change something' => sub {
    my $s = session();
    my @cookies = with($s, 'refresh', 'csrf');
    $t->post_ok('/site/x' => {@cookies})->status_is(401);
    not_renewed("another site's form");
    $t->post_ok('/site/x' => {@cookies, Origin => 'http://evil.example'})->status_is(401);
    my %upgrade = (@cookies, Upgrade => 'websocket', Connection => 'upgrade');
    is $t->client->send(Test::Autoflow::Client::request(GET => '/site/x', {%upgrade}))->status,
        401, "another site's WebSocket";
    $t->post_ok('/site/body/' => {@cookies, %$own} => form => {a => 'b' x 100})->status_is(200)
        ->header_is('X-Body' => 'a=' . 'b' x 100, 'the body is read afterwards')
        ->header_like('X-Time' => qr/[1-9]/, '$autoflow_db_time');
    renewed('POST');
    $t->post_ok('/site/x' => {@cookies, 'X-CSRF-Token' => $s->{csrf}} => 'x' x 300_000)
        ->status_is(200, 'a large body');
    is $t->client->send(Test::Autoflow::Client::request(GET => '/site/x',
        {%upgrade, %$own, Host => $own->{Origin} =~ s{.*/}{}r}))->status, 200, 'a WebSocket';
};

subtest 'subrequests' => sub {
    my $s = session();
    $t->get_ok('/site/ask/x' => {with($s, 'refresh')})->status_is(200)
        ->json_is('/email' => 'ada@example.com');
    renewed('auth_request');
    later();
    $t->get_ok('/verify' => {with($s, 'refresh'), 'X-Forwarded-Method' => 'GET'})
        ->status_is(204)->header_is('X-Auth-Email' => 'ada@example.com');
    renewed('autoflow_verify');
};

subtest 'many at once' => sub {
    my $s = session();
    my $lock = $t->locked;
    my $request = Test::Autoflow::Client::request(GET => '/site/x', {with($s, 'refresh')});
    my ($first, @clients) = map { $t->client->send($request) } 1 .. 20;
    $t->wait_for(sub { $t->blocked });
    $t->ua->get('/health/live') for 1 .. 2;
    is $t->blocked, 1, 'one asks';
    $first->reset;
    $lock->rollback;
    my @answers = map { $_->answer } @clients;
    is_deeply [map { $_->{status} } @answers], [(200) x 19], 'and who began may leave';
    my %tokens = map { ($_->{headers}{'set-cookie'} => 1) } @answers;
    is scalar(keys %tokens), 1, 'one token for all';

    later();
    $lock = $t->locked;
    my @gone = map { $t->client->send($request) } 1 .. 3;
    $t->wait_for(sub { $t->blocked });
    $t->ua->get('/health/live') for 1 .. 2;
    $_->reset for @gone;
    $lock->rollback;
    $t->get_ok('/site/x' => {with($s, 'refresh')})->status_is(200, 'nobody was left');

    later();
    $lock = $t->locked;
    my $ask = Test::Autoflow::Client::request(GET => '/site/ask/x', {with($s, 'refresh')});
    my ($leaves, $stays, $line) = map { $t->client->send($_) } $ask, $ask, $request x 3;
    $t->wait_for(sub { $t->blocked });
    $t->ua->get('/health/live') for 1 .. 2;
    $leaves->reset;
    $lock->rollback;
    is $stays->status, 200, 'a subrequest goes on without the one that asked';
    is_deeply [map { $line->status } 1 .. 3], [(200) x 3], 'requests in one line, in turn';
};

subtest 'a worker that quits' => sub {
    my $s = session();
    my $lock = $t->locked;
    my $client = $t->client->send(
        Test::Autoflow::Client::request(GET => '/site/x', {with($s, 'refresh')}));
    $t->wait_for(sub { $t->blocked });
    my ($old) = $t->worker_pids;
    $t->process->signal('HUP');
    $t->wait_for(sub { grep { $_ != $old } $t->worker_pids });
    $lock->rollback;
    is $client->status, 200, 'serves those waiting first';
    $t->wait_for(sub { $t->workers_are($old) });
};

subtest 'a token that nobody has made' => sub {
    my $s = session();
    my $octets = decode_base64url($s->{refresh});
    for my $at (0, 5, 21, 44, 45, 53, 84) {
        substr(my $junk = $octets, $at, 1) ^= "\x01";
        $t->get_ok('/site/x' => {with({refresh => encode_base64url($junk)}, 'refresh')})
            ->status_is(401, "octet $at");
        not_renewed('for it');
    }
    $t->get_ok('/site/x' => {with($s, 'refresh')})->status_is(200, 'the true one is good');
};

subtest 'a session that has ended' => sub {
    my $s = session();
    $t->get_ok('/site/x' => {with($s, 'refresh')})->status_is(200, 'the result of that is kept');
    $t->post_ok('/api/v1/auth/logout' => {with($s, 'access'), %$own})->status_is(204);
    $t->get_ok('/site/x' => {with($s, 'refresh'), Accept => 'text/html'})->status_is(302)
        ->header_is(Location => '/account/?return=%2Fsite%2Fx');
    not_renewed('to sign in');
    $t->get_ok('/site/x' => {with($s, 'refresh')})->status_is(401);
    $t->get_ok('/site/maybe/' => {with($s, 'refresh')})->status_is(200)
        ->json_is('/email' => '', 'optional');
};

subtest 'a number is good until its successor is presented' => sub {
    my $s = session();
    $t->post_ok('/api/v1/auth/refresh' => {with($s, 'refresh'), %$own})->status_is(200);
    my $next = {map { /^__Host-af_(\w+)=(.+)/ ? ($1 => $2) : () } cookies()};
    my $ask = sub ($session, $status, $name) {
        later();
        $t->get_ok('/site/x' => {with($session, 'refresh')})->status_is($status, $name);
    };
    $ask->($s, 200, 'the response may have been lost');
    $ask->($s, 200, 'for as long as it takes');
    $t->post_ok('/api/v1/auth/refresh' => {with($s, 'refresh'), %$own})->status_is(200);
    is {map { /^__Host-af_(\w+)=(.+)/ ? ($1 => $2) : () } cookies()}->{refresh},
        $next->{refresh}, 'and then has the same successor';
    $ask->($next, 200, 'the successor');
    $ask->($s, 401, 'whoever still has the former one has stolen it');
    $t->get_ok('/site/x' => {with($next, 'access')})->status_is(401, 'the session has ended');
    $ask->($next, 401, 'and nobody knows who it was');
    is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.audit_events
        WHERE action = 'refresh_token_reused'}), 1, 'that is audited';
};

subtest 'likewise if the clock was wrong when it was exchanged' => sub {
    my $s = session();
    $t->post_ok('/api/v1/auth/refresh' => {with($s, 'refresh'), %$own})->status_is(200);
    my $next = {map { /^__Host-af_(\w+)=(.+)/ ? ($1 => $2) : () } cookies()};
    my $move = sub ($by) {
        $t->db->do(q{UPDATE autoflow.sessions SET rotated_at = rotated_at + $1::interval,
            last_used_at = last_used_at + $1::interval WHERE ended_at IS NULL}, undef, $by);
    };
    $move->('1 hour');
    later();
    $t->get_ok('/site/x' => {with($next, 'refresh')})->status_is(200, 'an hour ahead');
    $move->('-2 hours');
    later();
    $t->get_ok('/site/x' => {with($s, 'refresh')})->status_is(401, 'its successor was presented');
};

subtest 'only so often' => sub {
    my $s = session();
    $t->settings->{autoflow_attempts} = 'changes=4/1h';
    $t->reload->ready;
    my $ask = sub { $t->get_ok('/site/x' => {with($s, 'refresh')}) };
    for (1 .. 4) {
        $ask->()->status_is(200);
        my $used = asked();
        $ask->()->status_is(200);
        is asked(), $used, 'a result is kept';
        later();
    }
    $ask->()->status_is(429)->header_like('Retry-After' => qr/^\d+$/);
    not_renewed('too often');
    delete $t->settings->{autoflow_attempts};
    $t->reload->ready;
};

subtest 'the database is away' => sub {
    my $s = session();
    my $old = session();
    $t->postgresql->stop;
    $t->get_ok('/site/x' => {with($s, 'refresh'), Accept => 'text/html'})->status_is(503)
        ->header_like('Retry-After' => qr/^\d+$/)->header_is(Location => undef);
    $t->get_ok('/site/x' => {with($s, 'access')})->status_is(200, 'nobody else notices');
    $t->get_ok('/site/maybe/' => {with($s, 'refresh')})->status_is(200, 'nor where it is optional');
    $t->get_ok('/verify' => {with($s, 'refresh'), 'X-Forwarded-Method' => 'GET'})->status_is(503);
    $t->postgresql->start;
    $t->recovered;
    $t->get_ok('/site/x' => {with($s, 'refresh')})->status_is(200, 'as before');
};

$t->finish;
done_testing;
