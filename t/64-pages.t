# autoflow_pages, as somebody without scripts sees them: forms, what proves that
# they are ours, redirects, errors, languages, own templates.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path tempdir);
use Mojo::URL;
use Test::Autoflow;
use Test::Autoflow::Guide;
use Test::Autoflow::Visitor;
use Test::More;

my $root = $Test::Autoflow::root;
my $guide = Test::Autoflow::Guide->new('pages.md');
my $good = 'correct horse battery staple';
my $own  = tempdir;
chmod 0755, $own;
path($own, 'templates')->make_path->child('account.html')->spurt('{{>start}}<h2>Mine</h2>{{>end}}');
path($own, 'texts')->make_path->child('fr.json')->spurt('{"sign_in_title": "Connexion"}');
path($own, 'mine.css')->spurt('b{}');

my $t = Test::Autoflow->new(settings => {autoflow_pages_dir => "$root/pages"},
    server => $guide->text(language => 'nginx') . <<"END")->start;
location /own/ { autoflow_pages "brand=A & B" templates=$own css=$own/mine.css; }
END
$guide->finish;
my %ada = (email => 'ada@example.com', password => $good);
$t->register(%ada);

sub visitor ($base = '/account/') { Test::Autoflow::Visitor->new(t => $t, base => $base) }

subtest 'signing in and out' => sub {
    my $v = visitor();
    $v->get('')->leads_to('/account/sign-in');
    $v->get('sign-in?return=/wiki%3Fa=1%26b')->is(200);
    my $res = $v->res;
    is $res->headers->content_type, 'text/html; charset=utf-8', 'a page';
    is $res->headers->cache_control, 'no-store', 'that is not stored';
    like $res->headers->header('Content-Security-Policy'), qr/^default-src 'none'/,
        'with a strict policy';
    unlike $res->headers->header('Content-Security-Policy'), qr/unsafe|\*/, 'and no exceptions';
    is $res->headers->header('Referrer-Policy'), 'strict-origin', 'and no referrer';
    is $res->headers->vary, 'Accept-Language', 'by language';
    is $v->dom->at('input[name=return]')->{value}, '/wiki?a=1&b', 'where to go then';
    $v->submit(\%ada)->leads_to('/wiki?a=1&b');
    is_deeply [sort keys %{$v->cookies}], [qw(af_access af_csrf af_refresh af_trip)],
        'a session in cookies, and that it has just begun';
    $v->get('')->is(200)->says('ada@example.com', 'Example');
    $v->get('sign-in')->leads_to('/account/');
    $v->drop('af_trip')->get('sign-in?return=/x')->leads_to('/x');
    $v->get('sign-in?return=/x')->leads_to('/account/cookies?return=%2Fx');
    $v->get('cookies?return=/x')->says('did not keep you signed in');
    $v->drop('af_trip')->get('?return=/x')->leads_to('/x');
    $v->get('sign-out')->is(200);
    $v->submit({})->leads_to('/account/sign-in?done=signed_out');
    $v->get('sign-in?done=signed_out')->says('You are signed out');
    $v->get('')->leads_to('/account/sign-in');
};

subtest 'errors' => sub {
    my $v = visitor();
    $v->get('sign-in')->submit({%ada, password => 'wrong'})->is(401)
        ->says('The address or the password is wrong.');
    is $v->dom->at('input[name=email]')->{value}, 'ada@example.com', 'what was typed is there';
    is $v->dom->at('input[name=password]')->{value}, undef, 'but no password';
    $v->submit({email => '"><script>', password => ''})->is(422);
    is $v->dom->at('input[name=email]')->{value}, '"><script>', 'escaped';
    is $v->dom->find('script')->grep(sub { !$_->{src} })->size, 0, 'everywhere';
    $v->submit(\%ada)->leads_to('/account/');
    $v->get('nowhere')->is(404)->says('There is nothing at this address');
    $v->request(DELETE => 'sign-in')->is(405);
    is $v->res->headers->header('Allow'), 'GET, HEAD, POST, OPTIONS', 'other methods';
    $v->request(HEAD => 'sign-out')->is(200);
    is $v->res->body, '', 'HEAD';
    $v->get('sign-out/')->is(200);
    is $t->ua->get($t->url('/api/v1/openapi.json'))->res->json->{paths}{'/sign-in'}, undef,
        'the document has no pages';
};

subtest 'whose form it is' => sub {
    my $v = visitor();
    $v->post('sign-in', \%ada)->is(403)->says('allow cookies');
    $v->post('sign-in', \%ada)->is(403)->says('This form is too old');
    $v->submit(\%ada)->leads_to('/account/');

    $v = visitor();
    $v->get('sign-in');
    my $other = visitor();
    $other->get('sign-in');
    $v->submit({%ada, csrf => $other->dom->at('[name=csrf]')->{value}})->is(403);
    for my $headers ({Origin => 'https://evil.example'}, {Origin => 'null'},
        {'Sec-Fetch-Site' => 'cross-site'}, {'Sec-Fetch-Site' => 'same-site'}) {
        $v->get('sign-in')->submit(\%ada, $headers)->is(403);
    }
    $v->get('sign-in')->submit(\%ada, {Origin => $t->url =~ s{/$}{}r,
        'Sec-Fetch-Site' => 'same-origin'})->leads_to('/account/');
    my $token = $v->get('sign-out')->dom->at('[name=csrf]')->{value};
    $v->post('sign-out', {csrf => 'x' x 48})->is(403);
    $v->post('sign-out', {})->is(403);
    $v->post('sign-out', {csrf => $token})->leads_to('/account/sign-in?done=signed_out');
};

subtest 'where a form leads' => sub {
    for my $place ('//evil.example', '/\\evil.example', 'https://evil.example/', '\\/x',
        "/\tx", "/x\nSet-Cookie: a=b", 'javascript:alert(1)', '/' . 'x' x 3000) {
        my $v = visitor();
        $v->get('sign-in')->submit({%ada, return => $place})->leads_to('/account/');
        $v->get(Mojo::URL->new('sign-in')->query(return => $place))->leads_to('/account/');
    }
};

subtest 'a session is renewed' => sub {
    my $v = visitor();
    $v->get('sign-in')->submit(\%ada);
    my $before = $v->cookie('af_refresh');
    $v->drop('af_access')->get('')->is(200);
    isnt $v->cookie('af_refresh'), $before, 'by a page';
    ok $v->cookie('af_access'), 'which gets both tokens';
    my @tabs = map { my $tab = visitor(); $tab->cookies({af_refresh => $v->cookie('af_refresh')}) }
        1, 2;
    $_->get('')->is(200) for @tabs;
    is $tabs[0]->cookie('af_refresh'), $tabs[1]->cookie('af_refresh'), 'at once: the same';
    $t->db->do('UPDATE autoflow.sessions SET ended_at = now()');
    $tabs[0]->drop('af_access')->get('')->leads_to('/account/sign-in');
    is $tabs[0]->cookie('af_refresh'), undef, 'one that has ended has no cookies any more';
    $tabs[0]->get('sign-in')->submit(\%ada)->leads_to('/account/');
    $tabs[1]->drop('af_access')->get('sign-in')->is(200)->submit(\%ada)->leads_to('/account/');
};

subtest 'languages' => sub {
    my $v = visitor();
    my %words = ('' => 'Sign in', 'de' => 'Anmelden', 'de-AT, en;q=0.5' => 'Anmelden',
        'fr, de;q=0.3' => 'Anmelden', 'en;q=0.2, de;q=0.1' => 'Sign in', 'fr' => 'Sign in',
        'de;q=0' => 'Sign in', '*' => 'Sign in', 'x' x 5000 => 'Sign in', ',;,q=' => 'Sign in');
    for my $accept (sort keys %words) {
        $v->get('sign-in', {'Accept-Language' => $accept});
        is $v->dom->at('h1')->text, $words{$accept}, substr $accept, 0, 20;
    }
    is $v->get('sign-in', {'Accept-Language' => 'de'})->dom->at('html')->{lang}, 'de', 'lang';
};

subtest "the site's own" => sub {
    my $v = visitor('/own/');
    $v->get('sign-in', {'Accept-Language' => 'fr'});
    is $v->dom->at('h1')->text, 'Connexion', 'a language';
    is $v->dom->at('html')->{lang}, 'fr', 'by its name';
    $v->says('A & B');
    $v->submit(\%ada)->leads_to('/own/');
    is $v->get('')->dom->at('h2')->text, 'Mine', 'a template';
    my ($css) = grep { m{/custom\.css$} } $v->dom->find('link')->map(attr => 'href')->each;
    $v->get($css)->is(200);
    is $v->res->body, 'b{}', 'a style sheet';
};

subtest 'static files' => sub {
    my $v = visitor();
    my $url = $v->get('sign-in')->dom->at('link[rel=stylesheet]')->{href};
    like $url, qr{^/account/static/[0-9a-f]+/pages\.css$}, 'by their contents';
    $v->get($url)->is(200);
    is $v->res->headers->cache_control, 'public, max-age=31536000, immutable', 'kept';
    is $v->res->headers->content_type, 'text/css; charset=utf-8', 'of their type';
    my $etag = $v->res->headers->etag;
    $v->get($url, {'If-None-Match' => $etag})->is(304);
    $v->get($url =~ s{static/\w+}{static/0}r)->is(200);
    is $v->res->headers->cache_control, 'no-cache', 'those of another version: not kept';
    $v->get("static/$_")->is(404) for 'x/nothing.css', 'pages.css', 'x/%2e%2e/%2e%2e/texts/en.json';
    $v->request(POST => $url)->is(404);
};

subtest 'without the database' => sub {
    my $v = visitor();
    $v->get('sign-in')->submit(\%ada);
    $t->postgresql->stop;
    $v->get('')->is(503)->says('does not work at the moment');
    my $w = visitor();
    $w->get('sign-in')->is(200)->submit(\%ada)->is(503);
    is $w->res->headers->header('Retry-After'), 1, 'for a moment';
    $t->postgresql->start;
    $t->ready;
    $v->get('')->is(200);
};

$t->finish;

done_testing;
