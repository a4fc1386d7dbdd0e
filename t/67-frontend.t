# docs/frontend.md: its pages in a browser, served by nginx, and by Vite on
# another port; and its wrapper of fetch() for tokens.
# Not under the sanitizers: t/64-cookies.t sends the same.

use Mojo::Base -strict, -signatures;
use IO::Socket::IP;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json);
use Test::Autoflow;
use Test::Autoflow::Browser;
use Test::Autoflow::Guide;
use Test::Autoflow::Process;
use Test::More;

my $guide = Test::Autoflow::Guide->new('frontend.md');
my $good  = 'correct horse battery staple';
my $t     = Test::Autoflow->new(shutdown_timeout => '1s',
    settings => {autoflow_registration => 'open'});
my $dir   = $t->dir;
my $www   = path($dir, 'www')->make_path;
my $home  = 'http://localhost:' . $t->port;
my $port  = $t->port;

# the example's files, in a folder
sub files ($folder) {
    my %file = (
        'sign-in.html' => {language => 'html', under => 'Signing up and in'},
        'index.html'   => {language => 'html', under => 'Signed in'},
        'api.js'       => {under => 'The wrapper'},
        'sign-in.js'   => {language => 'js', under => 'Signing up and in'},
        'index.js'     => {language => 'js', under => 'Signed in'},
        'csrf.js'      => {under => 'CSRF'},
        'vite.config.js' => {like => qr/^export default/,
            change => {qr/localhost:8080/ => "localhost:$port"}},
    );
    $folder->child($_)->spurt($guide->text(%{$file{$_}})) for keys %file;
    $folder->child('package.json')->spurt('{"type": "module"}');
}

files($www);
$www->child('private.html')->spurt(<<'END');
<!doctype html><meta name="referrer" content="no-referrer"><title>private</title>
END
$t->http('include snippets/autoflow_http.conf;')->server(
    $guide->text(language => 'nginx', change => {qr{/srv} => $dir}) . qq{
        include snippets/autoflow_headers.conf;
        location ~ \\.js\$   { root $www; types { text/javascript js; } }
        location ~ \\.html\$ { root $www; types { text/html html; } }
        location = /plain.html {
            default_type text/html;
            add_header   X-Plain 1;
            return       200 "<!doctype html><title>without a policy</title>";
        }
        location /app/     { autoflow_auth on; proxy_pass http://echo; }
        location /proxied/ { proxy_pass http://127.0.0.1:$port/app/; }
        location /wiki/ {
            autoflow_auth  on;
            autoflow_login /sign-in.html;
            default_type   text/html;
            alias          $www/private.html;
        }
    }
);
$t->copied('snippets')->start;

my $browser = Test::Autoflow::Browser->new->start;

sub sign ($how, $email, $password = $good) {
    $browser->type('[name=email]' => $email)->type('[name=password]' => $password)
        ->click("button[value=$how]");
}

# the new lines of the access log that are like this
my $seen = 0;
sub requests ($pattern) {
    $t->ua->get('/looked');     # the worker responds again: all before is logged
    my @lines = split /\n/, path($dir, 'access.log')->slurp;
    my @new = @lines[$seen .. $#lines];
    $seen = @lines;
    return scalar grep { /$pattern/ } @new;
}

sub arrives ($url) { $t->wait_for(sub { $browser->url eq $url }); is $browser->url, $url, $url }

sub forget ($cookie) { $browser->call(DELETE => $browser->session . "/cookie/$cookie") }

# what the example's functions do in the page: the value of an expression
sub script ($expression) {
    return $browser->script(<<~"END");
        return (async () => {
          const api = await import('/api.js');
          const csrf = (await import('/csrf.js')).csrf;
          return $expression;
        })();
        END
}


sub signing ($site) {
    $browser->go("$site/index.html");
    arrives("$site/sign-in.html?return=/index.html");
    sign(in => 'ada@example.com', 'wrong');
    $browser->says('[role=alert]' => qr/^The .*(?:password|wrong).*\.$/i);
    sign(up => "ada\@$port.example", 'password');
    $browser->says('[data-error=password]' => qr/guess/);
    is $browser->text('[data-error=email]'), '', 'nothing is wrong with the address';
    sign(up => "ada\@$port.example");
    arrives("$site/index.html");
    $browser->says('strong' => qr/^ada\@$port\.example$/);
}

subtest 'signing up, out, and in' => sub {
    signing($home);
    $browser->click('button');
    arrives("$home/sign-in.html?return=/index.html");
    is_deeply $browser->cookies, {}, 'no cookies are left';
    sign(in => "ada\@$port.example");
    $browser->says('strong' => qr/^ada/);
    $browser->go("$home/sign-in.html");
    arrives("$home/index.html");
    is_deeply [grep { !/status of 4\d\d|favicon/ } $browser->console], [],
        'nothing that the policy forbids';
};

subtest 'an access token that has expired' => sub {
    forget('af_access');
    requests(qr/./);
    is_deeply script(q{(await Promise.all(Array.from({ length: 12 }, (_, i) =>
        api.request(`/app/${i}`).then(r => r.status))))}), [(200) x 12], 'twelve requests succeed';
    is requests(qr{POST /api/v1/auth/refresh}), 1, 'after one refresh';

    # a response that arrives after the others have refreshed
    is_deeply script(q{await (async () => {
        const fetch = window.fetch;
        let late;
        window.fetch = (path, options) => fetch(path, options).then(
            response => path === '/app/late' && !late
                ? new Promise(resolve => { late = () => resolve(response) }) : response);
        const first = api.request('/app/late', { headers: { Authorization: 'Bearer x.y.z' } });
        while (!late) await new Promise(resolve => setTimeout(resolve, 10));
        const other = await api.request('/app/soon',
            { headers: { Authorization: 'Bearer x.y.z' } });
        late();
        return [(await first).status, other.status];
    })()}), [401, 401], 'a token that is no good';
    is requests(qr{POST /api/v1/auth/refresh}), 1, 'is no reason for a second refresh';
};

subtest 'an upstream sends a browser to sign in' => sub {
    forget('af_access');
    $browser->go("$home/wiki/page?a=1&b=2");
    arrives("$home/wiki/page?a=1&b=2");
    $browser->forget_cookies;
    $browser->go("$home/wiki/page?a=1&b=2");
    arrives("$home/sign-in.html?return=%2Fwiki%2Fpage%3Fa%3D1%26b%3D2");
    sign(in => "ada\@$port.example");
    arrives("$home/wiki/page?a=1&b=2");

    for my $next ('http://127.0.0.1:' . $port . '/app/', "//127.0.0.1:$port/app/",
        "/\\127.0.0.1:$port", 'javascript:alert(1)') {
        $browser->go("$home/sign-in.html?return=$next");
        arrives("$home/index.html");
    }
};

subtest 'CSRF' => sub {
    $browser->go("$home/private.html");
    my $post = sub ($path, $headers) {
        script("(await fetch('$path/x', { method: 'POST', headers: $headers })).status");
    };
    is $post->('/app', '{}'), 200, 'fetch() adds Origin';
    is $post->('/proxied', '{}'), 403, 'behind a proxy that changes Host';
    is $post->('/proxied', 'csrf()'), 200, 'with the value of the readable cookie';
    is $post->('/proxied', "{ 'X-CSRF-Token': 'x' }"), 403, 'with another one';
    requests(qr/./);
    $browser->script(<<~'END');
        document.body.innerHTML = '<form method="post" action="/app/form"></form>';
        document.forms[0].submit();
        END
    arrives("$home/app/form");
    is requests(qr{POST /app/form HTTP/1.1" 403}), 1, "a form's is null without a referrer";
};

subtest 'problems' => sub {
    $browser->go("$home/sign-in.html");
    arrives("$home/index.html");
    my $caught = sub ($code) { script("await ($code).then(() => null, error =>
        ({ status: error.status, code: error.code, message: error.message,
            id: error.request_id, fields: error.errors?.map(e => e.field) }))") };
    my $got = $caught->(q{api.call('PATCH', '/auth/me', { username: '!' })});
    is_deeply [@$got{'status', 'code', 'fields'}], [422, 'validation_failed', ['username']],
        'fields';
    like $got->{id}, qr/^\w{32}$/, 'the id for the log';
    is_deeply script(q{await api.call('PATCH', '/auth/me', { full_name: 'Ada' })})->{full_name},
        'Ada', 'a change';

    $t->db->do('UPDATE autoflow.sessions SET ended_at = now()');
    $t->wait_for(sub { ($caught->(q{api.call('GET', '/auth/me')}) // {status => 0})->{status}
        == 401 });
    $browser->go("$home/index.html");
    arrives("$home/sign-in.html?return=/index.html");
};

subtest 'the service is away' => sub {
    sign(in => "ada\@$port.example");
    arrives("$home/index.html");
    forget('af_access');
    $t->postgresql->stop('INT');
    is script(q{(await api.request('/app/x')).status}), 503, 'is no reason to sign in again';
    $t->postgresql->start;
    $t->wait_for(sub { script(q{(await api.request('/app/x')).status}) == 200 });
};

subtest 'localhost is not 127.0.0.1' => sub {
    $browser->go("http://127.0.0.1:$port/plain.html");
    requests(qr/./);
    is script(q{(await fetch('/app/x')).status}), 401, 'another site, without the cookies';
    is script("(await fetch('$home/app/y', { credentials: 'include', mode: 'no-cors' })).status"),
        0, 'which its pages';
    is requests(qr{GET /app/[xy] HTTP/1.1" 401}), 2, 'do not send across';
};

subtest 'with tokens' => sub {
    path($dir, 'tokens.mjs')->spurt($guide->text(language => 'js', under => 'Cookies or tokens',
        change => {qr{http://localhost:8080} => $t->url}));
    path($dir, 'client.mjs')->spurt(<<~"END");
        import { signIn, request } from './tokens.mjs';
        const url = '@{[$t->url]}';
        const account = { email: 'ada\@$port.example', password: '$good' };
        console.log(await signIn({ ...account, password: 'x' }), await signIn(account));
        const all = () => Promise.all(Array.from({ length: 12 }, (_, i) =>
            request(`\${url}/app/\${i}`).then(r => r.status)));
        console.log(new Set(await all()));
        await new Promise(resolve => process.stdin.once('data', resolve));
        console.log(new Set(await all()));
        process.exit();
        END
    requests(qr/./);
    my $other = $t->post_ok('/auth/login' => json => {email => "ada\@$port.example",
        password => $good})->status_is(200)->tx->res->json;
    my $log = path($dir, 'client.log')->spurt('');
    open my $node, '|-', "node $dir/client.mjs >$log 2>&1" or die $!;
    $t->wait_for(sub { $log->slurp =~ /Set.*\n/ });

    # a role that is given revokes access tokens, not the session
    $t->db->do('UPDATE autoflow.users SET token_epoch = token_epoch + 1');
    $t->wait_for(sub { $t->ua->get('/app/x', $t->bearer($other))->res->code == 401 });
    print {$node} "\n";
    close $node;
    is $log->slurp, <<~'END', 'they are refreshed';
        false true
        Set(1) { 200 }
        Set(1) { 200 }
        END
    is requests(qr{POST /api/v1/auth/refresh}), 1, 'once';
};

subtest 'behind Vite, on another port' => sub {
    my $npm = Test::Autoflow::npm() // plan skip_all => 'npm was not reached';
    my $vite = Test::Autoflow::free_port();
    my $site = "http://localhost:$vite";
    symlink $npm, "$www/node_modules" or die $!;
    my $server = Test::Autoflow::Process->new(log => "$dir/vite.log", command =>
        ['setpriv', '--pdeathsig', 'TERM', 'env', "HOME=$dir", 'node', "$npm/vite/bin/vite.js",
            "$www", '--port', $vite, '--strictPort'])->start
        ->serves(sub { $t->ua->get("$site/api.js")->res->code }, 60);
    $browser->go("$site/private.html")->forget_cookies;
    $browser->go("$home/private.html")->forget_cookies;
    $t->db->do('UPDATE autoflow.users SET email = gen_random_uuid() || email');
    signing($site);
    is script(q{(await api.request('/app/x', { method: 'POST' })).status}), 200, 'a change';
    $browser->click('button');
    arrives("$site/sign-in.html?return=/index.html");
    $server->signal('TERM')->ended;
};

$browser->quit;
$guide->finish;
$t->finish;
done_testing;
