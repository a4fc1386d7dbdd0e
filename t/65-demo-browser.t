# The site at /demo/ in a browser, which asks to sign in; and that pages of other
# sites can do nothing to a signed-in user.
# Not under the sanitizers: t/64-cookies.t, t/64-pages.t send the same.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::Autoflow::Browser;
use Test::More;

my ($tls, $foreign) = map { Test::Autoflow::free_port() } 1, 2;
my $good = 'correct horse battery staple';

# like the demonstration, in production also over TLS; a browser keeps idle
# connections, and an exiting worker waits for them
my $t = Test::Autoflow->new(shutdown_timeout => '1s',
    settings => {autoflow_pages_dir => "$Test::Autoflow::root/pages"});
my ($certificate, $key) = $t->certificate;
my $site = qq{
    autoflow_cookies on;
    include snippets/autoflow_headers.conf;
    location /app/ { autoflow_auth on; autoflow_login /account/; proxy_pass http://echo; }
    location /account/ { autoflow_pages brand=Demonstration; }
    location /demo/ {
        autoflow_auth  on;
        autoflow_login /account/;
        alias          demo/;
        ssi            on;
        types          { text/html html; text/css css; }
    }
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

# where the browser has come to
sub is_at ($url) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    eval { $t->wait_for(sub { $browser->url eq $url }, 10) };
    return is $browser->url, $url, $url;
}

# opens the site, which asks to sign in, and leads back
sub sign_in ($site, $password = $good) {
    $browser->go("$site/demo/");
    is_at("$site/account/sign-in?return=%2Fdemo%2F");
    $browser->type('#email' => 'ada@example.com')->type('#password' => $password)->click('.main');
}

sub sign_out {
    $browser->click('a[href="/account/sign-out"]');
    $browser->click('.main');
    return $browser->says(h1 => qr/^You are signed out$/);
}

# but those which tell, for a while, that who comes back has signed in, and that a
# password was given
sub cookies { sort grep { !/_(?:trip|fresh)$/ } keys %{$browser->cookies} }

sub forget ($cookie) { $browser->call(DELETE => $browser->session . "/cookie/$cookie") }

sub fetch ($url, %options) {
    return $browser->script(
        'return fetch(arguments[0], arguments[1]).then(r => r.status, error => null)',
            $url, \%options);
}


subtest 'the demonstration' => sub {
    $t->register(email => 'ada@example.com', password => $good);
    sign_in($home, 'wrong');
    $browser->says('#problem' => qr/wrong/);
    $browser->type('#password' => $good)->click('.main');
    is_at("$home/demo/");
    $browser->says('#who' => qr/^ada\@example\.com$/);

    $browser->click('a[href="/app/hello"]');
    $browser->says(body => qr/"uri":"\/app\/hello"/);

    my $cookies = $browser->cookies;
    is_deeply [cookies()], [qw(af_access af_csrf af_refresh)], 'its cookies';
    is_deeply [grep { !$cookies->{$_}{httpOnly} } sort keys %$cookies], ['af_csrf'],
        'of which scripts may read one';
    is $browser->script('return document.cookie') =~ s/=.*//r, 'af_csrf', 'and do';
    is $browser->script(
        'return JSON.stringify([Object.keys(localStorage), Object.keys(sessionStorage)])'),
            '[[],[]]', 'nothing is stored';

    $browser->go("$home/demo/");
    $browser->says('#who' => qr/^ada/, 'signed in after a reload');

    forget("af_$_") for qw(access trip);
    $browser->go("$home/demo/");
    is_at("$home/demo/");
    $browser->says('#who' => qr/^ada/, 'an access token that has expired is refreshed');

    sign_out();
    is_deeply [cookies()], ['af_csrf'], 'signed out: no tokens are left';
    is fetch('/app/x'), 401;
    is_deeply [grep { !/status of 4\d\d|favicon/ } $browser->console], [],
        'nothing that the policy forbids';
};

subtest 'pages of other sites' => sub {
    sign_in($home);
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
    sign_out();
};

subtest 'in production, over TLS' => sub {
    $t->settings({%{$t->settings}, autoflow_environment => 'production',
        autoflow_require_https => 'off',
        autoflow_secret => secret('secret'), autoflow_key => secret('key')})->reload->ready;
    my $secure = "https://localhost:$tls";

    # as version 0.1 did, or a sibling host
    $browser->go("$secure/api/v1/");
    $browser->script(
        q{for (const cookie of ['__Secure-af_refresh=x; Path=/api/v1/', 'af_csrf=x; Path=/',
            '__Host-af_refresh=x; Path=/api/v1/'])
        document.cookie = cookie + '; Secure'});
    is_deeply [cookies()], [qw(__Secure-af_refresh af_csrf)],
        'nobody sets a __Host- cookie for a path';
    sign_in($secure);
    $browser->says('#who' => qr/^ada/);
    $browser->go("$secure/api/v1/");
    is_deeply [cookies()], [map { "__Host-af_$_" } qw(access csrf refresh)],
        'former cookies are gone';
    $browser->go("$secure/demo/");
    $browser->says('#who' => qr/^ada/);
    my $cookies = $browser->cookies;
    is_deeply [cookies()], [map { "__Host-af_$_" } qw(access csrf refresh)],
        'the browser takes the cookies';
    ok $cookies->{$_}{secure}, "$_ is for https alone" for cookies();
    forget($_) for qw(__Host-af_access af_trip);
    $browser->go("$secure/demo/");
    is_at("$secure/demo/");
    $browser->says('#who' => qr/^ada/, 'and the other one: it can refresh');

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
    sign_out();
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
