# A stranger opens / in a browser, and tries the API on the page /docs.
# Not under the sanitizers: it is about a page of JavaScript.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(encode_json);
use Test::Autoflow;
use Test::Autoflow::Browser;
use Test::More;

my ($swagger_ui) = glob "$Test::Autoflow::root/build/swagger-ui-dist-*"
    or plan skip_all => 'npm was not reached';
my $t = Test::Autoflow->new(
    http   => 'include snippets/autoflow_http.conf;',
    server => '
        autoflow_cookies on;
        include snippets/autoflow_headers.conf;
        include snippets/autoflow_docs.conf;
    ',
);
my $home = 'http://localhost:' . $t->port;
$t->copied('snippets', 'docs')->start;

my $browser = Test::Autoflow::Browser->new->start;
$browser->post('window/rect' => {width => 1280, height => 1600});
my %ada = (email => 'ada@example.com', password => 'correct horse battery staple');

# opens an operation, and sends its request
sub try_out ($tag, $operation, $body = undef) {
    my $id = "#operations-$tag-$operation";
    $browser->click("#operations-tag-$tag") if !$browser->script(
        'return document.querySelector(arguments[0]) !== null', $id);
    $browser->click("$id .opblock-summary-control");
    $browser->type("$id .body-param__text" => encode_json($body)) if $body;
    $browser->click("$id .execute");
    return "$id .live-responses-table";
}


subtest 'without Swagger UI' => sub {
    $browser->go("$home/docs");
    is $browser->url, "$home/api/v1/docs", 'the whole API has a page';
    $browser->says('#docs' => qr/The interactive page is missing/, 'which says what is missing');
    is $browser->script('return document.querySelector("#docs a").href'),
        "$home/api/v1/openapi.json", 'and where the document is';
    $browser->console;           # what is missing
};

system('cp', glob("$swagger_ui/*"), $t->dir . '/docs') == 0 or die;

subtest 'response headers' => sub {
    $t->get_ok('/')->status_is(200)->json_is('/docs' => '/docs', 'a program is told where it is');
    $t->get_ok('/' => {Accept => 'text/html,application/xml;q=0.9,*/*;q=0.8'})->status_is(303)
        ->header_is(Location => '/docs', 'a browser is sent there');
    $t->get_ok('/docs')->status_is(303)->header_is(Location => '/api/v1/docs');
    $t->get_ok('/api/v1/docs')->status_is(200)->content_type_is('text/html; charset=utf-8');
    my @policies = @{$t->tx->res->headers->every_header('Content-Security-Policy')};
    is @policies, 1, 'one policy';
    like $policies[0], qr/^default-src 'none'; script-src 'self'; style-src 'self'; /, 'is strict';
    my $dom = $t->tx->res->dom;
    is $dom->find('[style], style, script:not([src]), [onclick]')->size, 0, 'nothing inline';
    for my $url ($dom->find('script, link[rel=stylesheet]')->map(sub { $_->{src} // $_->{href} })
            ->each) {
        like $url, qr{^/docs/assets/}, 'nothing is of another place';
        $t->get_ok($url)->status_is(200)
            ->content_type_is($url =~ /css$/ ? 'text/css' : 'text/javascript');
    }
    $t->get_ok('/docs/assets/')->status_is(403);
};

subtest 'registration, authorization, a request' => sub {
    $browser->go("$home/");
    is $browser->url, "$home/api/v1/docs", 'the page';
    my $answer = try_out(Tokens => 'postAuthRegister', \%ada);
    $browser->says($answer => qr/^201\b.*"access_token"/ms, 'an account');
    $browser->forget_cookies;

    $answer = try_out(Account => 'getAuthMe');
    $browser->says($answer => qr/^401\b.*"code": "token_required"/ms, 'who asks is unknown');

    $browser->click('.auth-wrapper .authorize');
    $browser->type('#oauth_username' => $ada{email})->type('#oauth_password' => $ada{password});
    $browser->click('.auth-container:has(#oauth_username) .authorize');
    $browser->says('.modal-ux' => qr/password: \*/, 'the tokens are there');
    $browser->forget_cookies->click('.modal-ux .close-modal');

    $browser->click('#operations-Account-getAuthMe .execute');
    $browser->says($answer => qr/^200\b.*"email": "ada\@example.com"/ms, 'the account');
    is_deeply [grep { !/status of 401|\[DOM\]/ } $browser->console], [],
        'nothing that the policy forbids';
};

subtest 'on a phone' => sub {
    $browser->post('window/rect' => {width => 500, height => 900});
    my ($page, $window) = @{$browser->script(
        'return [document.documentElement.scrollWidth, window.innerWidth]')};
    cmp_ok $page, '<=', $window, 'nothing is too wide';
};

$browser->quit;
$t->finish;
done_testing;
