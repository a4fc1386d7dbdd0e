# The page at /demo/ in a browser; and that pages of other sites can do nothing
# to a signed-in user.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::Autoflow::Browser;
use Test::More;

my ($tls, $foreign) = map { Test::Autoflow::free_port() } 1, 2;
my $good = 'correct horse battery staple';

# like the demonstration, in production also over TLS; a browser keeps idle
# connections, and an exiting worker waits for them
my $t = Test::Autoflow->new(shutdown_timeout => '1s');
my ($certificate, $key) = $t->certificate;
my $site = qq{
    autoflow_cookies on;
    include snippets/autoflow_headers.conf;
    location /app/ { autoflow_auth on; proxy_pass http://echo; }
    location /demo/ { alias demo/; types { text/html html; text/css css; text/javascript js; } }
};
$t->server($site)->http(qq{
    include snippets/autoflow_http.conf;
    server { listen 127.0.0.1:$foreign; default_type text/html;
    return 200 "<!doctype html><title>evil</title>"; }
    server {
        listen 127.0.0.1:$tls ssl;
        ssl_certificate $certificate;
        ssl_certificate_key $key;
        include snippets/autoflow_api.conf;
        $site
    }
});
$t->copied('snippets', 'demo')->start;

my $browser = Test::Autoflow::Browser->new->start;
my $home = 'http://localhost:' . $t->port;

sub sign ($how, $email, $password = $good) {
    $browser->type('#email' => $email)->type('#password' => $password)->click("#sign-$how");
}

sub fetch ($url, %options) {
    return $browser->script(
        'return fetch(arguments[0], arguments[1]).then(r => r.status, error => null)',
            $url, \%options);
}


subtest 'the demonstration' => sub {
    $browser->go("$home/demo/");
    sign(in => 'ada@example.com');
    $browser->says('#message' => qr/wrong/);
    sign(up => 'ada@example.com', 'password');
    $browser->says('#message' => qr/new_password|password .*guess/);
    sign(up => 'ada@example.com');
    $browser->says('#who' => qr/^ada\@example\.com$/);
    is $browser->text('#message'), '', 'nothing is wrong any more';

    $browser->click('#call');
    $browser->says('#answer' => qr/"uri":"\/app\/hello"/);
    $browser->says('#sessions' => qr/Chrom.*127\.0\.0\.1.*this one/s);

    my $cookies = $browser->cookies;
    is_deeply [sort keys %$cookies], [qw(af_access af_csrf af_refresh)], 'its cookies';
    is_deeply [grep { !$cookies->{$_}{httpOnly} } keys %$cookies], ['af_csrf'],
        'of which scripts may read one';
    is $browser->script('return document.cookie') =~ s/=.*//r, 'af_csrf', 'and do';
    is $browser->script(
        'return JSON.stringify([Object.keys(localStorage), Object.keys(sessionStorage)])'),
            '[[],[]]', 'nothing is stored';

    $browser->go("$home/demo/");
    $browser->says('#who' => qr/^ada/, 'signed in after a reload');

    my $phone = $t->post_ok('/auth/login' => {'User-Agent' => 'Phone'} => json =>
        {email => 'ada@example.com', password => $good})->tx->res->json;
    $browser->go("$home/demo/");
    $browser->says('#sessions' => qr/Phone/);
    $browser->click('#sessions button');
    $t->wait_for(sub { $browser->text('#sessions') !~ /Phone/ });
    $t->get_ok('/auth/me' => $t->bearer($phone))->problem_is(401, 'token_revoked', 'it was ended');

    $browser->call(DELETE => $browser->session . '/cookie/af_access');
    $browser->click('#call');
    $browser->says('#answer' => qr/hello/, 'an access token that has expired is refreshed');

    $browser->click('#sign-out');
    $browser->find('#enter:not([hidden])');
    is_deeply $browser->cookies, {}, 'signed out: no cookies are left';
    is fetch('/app/x'), 401;
    is_deeply [grep { !/status of 4\d\d|favicon/ } $browser->console], [],
        'nothing that the policy forbids';
};

subtest 'pages of other sites' => sub {
    sign(in => 'ada@example.com');
    $browser->says('#who' => qr/^ada/);
    my $sessions = sub { $t->db->selectrow_array('SELECT count(*) FROM autoflow.sessions
        WHERE ended_at IS NULL') };
    my $before = $sessions->();

    # another port is the same site: SameSite doesn't help here
    $browser->go("http://localhost:$foreign/");
    my %with = (credentials => 'include');
    is fetch("$home/api/v1/auth/me", %with), undef, 'fetch() can not read';
    is fetch("$home/api/v1/auth/logout", %with, method => 'POST'), undef, 'nor change';
    is fetch("$home/api/v1/auth/logout-all", %with, method => 'POST', mode => 'no-cors'), 0,
        'nor without looking';
    is fetch("$home/api/v1/auth/refresh", %with, method => 'POST', mode => 'no-cors'), 0;
    is fetch("$home/app/x", %with, method => 'POST', mode => 'no-cors', body => 'a=1'), 0;
    is fetch("$home/api/v1/auth/sessions/x", %with, method => 'DELETE'), undef,
        'nor by another method';

    for my $path ('/api/v1/auth/logout', '/api/v1/auth/logout-all', '/api/v1/auth/login',
        '/app/form') {
        $browser->go("http://localhost:$foreign/");
        $browser->script(<<~'END', "$home$path");
            const form = document.createElement('form');
            form.method = 'POST';
            form.action = arguments[0];
            form.innerHTML = '<input name="username" value="eve@example.com">'
                + '<input name="password" value="x">';
            document.body.append(form);
            form.submit();
            END
        $t->wait_for(sub { $browser->url eq "$home$path" });
    }
    is $sessions->(), $before, 'every session lives';
    $t->ua->get('/looked');     # the worker answers again: all that it has done is logged
    my @posts = grep { /"POST [^"]*(logout|refresh|login|app)/ } split /\n/,
        path($t->dir, 'access.log')->slurp;
    my @others = grep { /" 403 / } @posts;
    is scalar @others, 8, 'what they sent was refused' or diag join "\n", @posts;

    $browser->go("$home/demo/");
    $browser->says('#who' => qr/^ada/, 'who is signed in stays so');
    $browser->click('#sign-out');
    $browser->find('#enter:not([hidden])');
};

subtest 'in production, over TLS' => sub {
    $t->settings({autoflow_environment => 'production', autoflow_require_https => 'off',
        autoflow_secret => secret('secret'), autoflow_key => secret('key')})->reload->ready;
    my $secure = "https://localhost:$tls";

    # as version 0.1 did, or a sibling host
    $browser->go("$secure/api/v1/");
    $browser->script(
        q{for (const cookie of ['__Secure-af_refresh=x; Path=/api/v1/', 'af_csrf=x; Path=/',
            '__Host-af_refresh=x; Path=/api/v1/'])
        document.cookie = cookie + '; Secure'});
    is_deeply [sort keys %{$browser->cookies}], [qw(__Secure-af_refresh af_csrf)],
        'nobody sets a __Host- cookie for a path';
    $browser->go("$secure/demo/");
    sign(in => 'ada@example.com');
    $browser->says('#who' => qr/^ada/);
    $browser->go("$secure/api/v1/");
    is_deeply [sort keys %{$browser->cookies}], [map { "__Host-af_$_" } qw(access csrf refresh)],
        'former cookies are gone';
    $browser->go("$secure/demo/");
    $browser->says('#who' => qr/^ada/);
    my $cookies = $browser->cookies;
    is_deeply [sort keys %$cookies], [map { "__Host-af_$_" } qw(access csrf refresh)],
        'the browser takes the cookies';
    ok $cookies->{$_}{secure}, "$_ is for https alone" for sort keys %$cookies;
    $browser->call(DELETE => $browser->session . '/cookie/__Host-af_access');
    $browser->click('#call');
    $browser->says('#answer' => qr/hello/, 'and the other one: it can refresh');

    my $first = $browser->get('window');
    my @tabs = ($first, $browser->post('window/new', {type => 'tab'})->{handle});
    for my $mount (qw(/api/v1 /api /api/v1), '') {
        for my $tab (@tabs) {
            $browser->post(window => {handle => $tab});
            $browser->go("$secure/demo/");
            is fetch("$secure$mount/auth/refresh", method => 'POST'), 200,
                "any tab refreshes at $mount/";
        }
    }
    $browser->call(DELETE => $browser->session . '/window');
    $browser->post(window => {handle => $first});

    $browser->go("http://localhost:$foreign/");
    is fetch("$secure/api/v1/auth/logout", credentials => 'include', method => 'POST',
        mode => 'no-cors'), 0;
    $browser->go("$secure/demo/");
    $browser->says('#who' => qr/^ada/);
    is fetch("$secure/app/x", method => 'POST'), 200,
        'a page of its own needs no token, as its Origin tells';
    $browser->click('#sign-out');
    $browser->find('#enter:not([hidden])');
};

# a file accepted in production
sub secret ($name) {
    my $file = path($t->dir, $name)->spurt("hex:" . '0f' x 32);
    chmod 0600, $file;
    return "file:$file";
}

$browser->quit;
$t->finish;
done_testing;
