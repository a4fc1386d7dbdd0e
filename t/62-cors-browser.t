# CORS in a browser: pages of a listed origin, and of another one, which differ
# only in their ports.
# Not under the sanitizers: t/60-cors.t sends the same.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json);
use Test::Autoflow;
use Test::Autoflow::Browser;
use Test::More;

my ($listed, $named, $foreign) = map { Test::Autoflow::free_port() } 1 .. 3;

my $t = Test::Autoflow->new(
    server => qq{
        autoflow_cors_origins http://127.0.0.1:$listed http://*.localhost:$named credentials;
        location /app/ { autoflow_auth on; proxy_pass http://echo; }
        location /cookie/ { autoflow_auth on token=\$cookie_token; proxy_pass http://echo; }
        location /sign-in/ {
            add_header Set-Cookie "token=\$arg_token; Path=/; HttpOnly"; return 204;
        }
        location /any/ { autoflow_cors_origins *; autoflow_auth on; proxy_pass http://echo; }
    },
    http => join '', map { qq{
        server {
            listen 127.0.0.1:$_;
            default_type text/html;
            return 200 "<!doctype html><title>\$host</title>";
        }
    } } $listed, $named, $foreign,
)->start;

my $ada     = $t->register(email => 'ada@example.com');
my %bearer  = (headers => $t->bearer($ada));
my $browser = Test::Autoflow::Browser->new->start;

# the result of fetch(): a status, and what the page can read of the response;
# or undef if it is blocked
sub fetch ($path, %options) {
    my $answer = $browser->script(<<~'END', $t->url($path), \%options);
        return fetch(arguments[0], arguments[1]).then(
            async r => ({
                status: r.status, body: await r.text(), id: r.headers.get('X-Request-ID'),
                challenge: r.headers.get('WWW-Authenticate'),
            }),
            error => null);
        END
    return $answer;
}

sub status (@arguments) { (fetch(@arguments) // {})->{status} }

# the new lines of nginx's access log.  A line is written after the response was
# sent: when the worker responds again, it is there.
my $seen = 0;
sub requests () {
    $t->ua->get('/looked');
    my @lines = split /\n/, path($t->dir, 'access.log')->slurp;
    my @new = map { m{"([A-Z]+ /\S*)} } grep { !/favicon|looked/ } @lines[$seen .. $#lines];
    $seen = @lines;
    return [grep { !m{^GET /$} } @new];
}


subtest 'a page of a listed origin' => sub {
    $browser->go("http://127.0.0.1:$listed/");
    requests();

    my $res = fetch('/api/v1/auth/me', %bearer);
    is $res->{status}, 200, 'reads an answer';
    is decode_json($res->{body})->{email}, 'ada@example.com', 'whole';
    like $res->{id}, qr/^\w+$/, 'and its id';
    is_deeply requests(), ['OPTIONS /api/v1/auth/me', 'GET /api/v1/auth/me'], 'after a preflight';
    is status('/api/v1/auth/me', %bearer), 200, 'again';
    is_deeply requests(), ['GET /api/v1/auth/me'], 'without one: it is remembered';

    $res = fetch('/app/x', method => 'PUT', headers => {%{$t->bearer($ada)}, 'X-Mine' => 'x'},
        body => '{}');
    is decode_json($res->{body})->{uri}, '/app/x', 'PUT to an upstream';
    is_deeply requests(), ['OPTIONS /app/x', 'PUT /app/x', 'PUT /app/x'],
        'after a preflight that it does not see';
};

subtest 'reads errors' => sub {
    my $res = fetch('/api/v1/auth/me', headers => $t->bearer('x'));
    is_deeply [$res->{status}, decode_json($res->{body})->{code}], [401, 'invalid_token'],
        'a problem document';
    like $res->{challenge}, qr/error="invalid_token"/, 'with its challenge';

    $res = fetch('/app/x');
    is $res->{status}, 401, "nginx's own";
    like $res->{body}, qr/401 Authorization Required/, 'page';
    is status('/api/v1/nothing', method => 'PUT'), 404, 'of a path that is not there';
    is status('/api/v1/auth/login', method => 'POST',
        headers => {'Content-Type' => 'application/json'}, body => 'x'),
        400, 'of a broken body';
};

subtest 'sees that a path lacks a method' => sub {
    $browser->console;
    is status('/api/v1/auth/sessions', method => 'DELETE'), undef, 'blocked';
    like join(' ', $browser->console),
        qr/Method DELETE is not allowed by Access-Control-Allow-Methods/, 'by the preflight';
};

subtest 'sends cookies' => sub {
    is status("/sign-in/?token=$ada->{access_token}", credentials => 'include'), 204, 'one is set';
    is_deeply [map { $_->{httpOnly} } $browser->cookies->{token}], [Mojo::JSON->true],
        'that no script reads';
    is status('/cookie/x', credentials => 'include'), 200, 'and sent';
    is status('/cookie/x', credentials => 'omit'), 401, 'or not';
    is status('/any/x', credentials => 'include'), undef, 'not where any origin may read';
    is status('/any/x', %bearer), 200, 'but a token is';
};

subtest 'a page of an origin listed with a wildcard' => sub {
    $browser->go("http://app.localhost:$named/");
    is status('/api/v1/auth/me', %bearer), 200, 'reads';
    $browser->go("http://a.b.localhost:$named/");
    is status('/api/v1/auth/me', %bearer), undef, 'one label deeper does not';
};

subtest 'a page of another origin' => sub {
    $browser->go("http://127.0.0.1:$foreign/")->console;
    requests();

    is status('/health'), undef, 'reads nothing';
    like join(' ', $browser->console), qr/blocked by CORS policy: No 'Access-Control-Allow-Origin'/,
        'the console says why';
    is_deeply requests(), ['GET /health'], 'though a simple request gets through';
    is status('/cookie/x', credentials => 'include'), undef,
        'nor with the cookie that the browser has';

    requests();
    is status('/api/v1/auth/me', %bearer), undef, 'with a token';
    is status('/app/x', method => 'PUT'), undef, 'with PUT';
    is_deeply requests(), ['OPTIONS /api/v1/auth/me', 'OPTIONS /app/x'],
        'of these only preflights get through';
    is status('/any/x', %bearer), 200, 'but reads where any origin may';
};

$browser->quit;
$t->finish;
done_testing;
