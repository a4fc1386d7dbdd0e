# The pages for the links in mails, in a browser, with the keyboard only.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Mojo::URL;
use Test::Autoflow;
use Test::Autoflow::Browser;
use Test::Autoflow::Maildir;
use Test::More;

my $good  = 'correct horse battery staple';
my $fresh = 'a fresh battery for the horse';

# like the demonstration
my $t = Test::Autoflow->new(
    http   => 'include snippets/autoflow_http.conf;',
    server => "
        autoflow_cookies on;
        include snippets/autoflow_headers.conf;
        include snippets/autoflow_landing.conf;
    ",
);
my $home  = 'http://localhost:' . $t->port;
my $mails = Test::Autoflow::Maildir->new(t => $t, link_base => $home);
$t->copied('snippets', 'landing');
$mails->configure;
$t->start;

my $browser = Test::Autoflow::Browser->new->start;

sub focus { $browser->script('return document.activeElement.id || document.activeElement.tagName') }
sub focus_is ($expected, $name = "the focus is on $expected") { is focus(), $expected, $name }
# [DOM]: advice, such as to add a username field, which is unknown here
sub fine { is_deeply [grep { !/status of 4\d\d|favicon|\[DOM\]/ } $browser->console], [],
    'nothing that the policy forbids' }

sub forgot ($email) {
    $t->post_ok('/auth/forgot-password' => json => {email => $email})->status_is(202);
    return $mails->link($email, 'reset-password');
}

sub verified ($email) { $t->db->selectrow_array('SELECT email_verified FROM autoflow.users
    WHERE email = ?', undef, $email) }


subtest 'response headers' => sub {
    for my $path ('/verify-email?token=x', '/reset-password?token=x') {
        $t->get_ok($path)->status_is(200)->content_type_is('text/html')
            ->header_is('Cache-Control' => 'no-store');
        my %headers = map { $_ => join ' and ', @{$t->tx->res->headers->every_header($_)} }
            qw(Referrer-Policy Content-Security-Policy X-Frame-Options X-Content-Type-Options);
        is $headers{'Referrer-Policy'}, 'no-referrer', 'the token goes nowhere';
        like $headers{'Content-Security-Policy'},
            qr/^default-src 'none'; script-src 'self'; [^,]*frame-ancestors 'none'$/,
            'a strict policy';
        is $headers{'X-Frame-Options'}, 'DENY';
        is $headers{'X-Content-Type-Options'}, 'nosniff';
        my $dom = $t->tx->res->dom;
        is_deeply [grep { !m{^/landing/} } map { $_->attr('src') // $_->attr('href') } $dom->find(
            '[src], link[href]')->each], [],
            'nothing is of another place';
        is $dom->find('[style], style, script:not([src]), [onclick]')->size, 0, 'nothing inline';
        is $dom->find('input')
            ->grep(sub ($input) { !$dom->at('label[for=' . $input->attr('id') . ']') })->size, 0,
            'each field has its label';
        $t->post_ok($path)->status_is(405);
    }
    $t->get_ok('/landing/landing.js')->status_is(200)->content_type_is('text/javascript');
    $t->get_ok('/landing/landing.css')->status_is(200)->content_type_is('text/css');
    $t->get_ok("$_?token=x")->status_is(404, $_) for '/verify-email/', '/reset-password/x',
        '/landing/verify-email';
};

subtest 'a new password' => sub {
    my $ada  = $t->register(email => 'ada@example.com', username => 'countess');
    my $link = forgot('ada@example.com');
    $browser->go($link);
    is $browser->url, "$home/reset-password", 'the address bar has no token';
    focus_is('BODY');
    $browser->keys('Tab');
    focus_is('new_password');
    is $browser->script('return document.activeElement.autocomplete'), 'new-password',
        'which password managers know';

    $browser->keys($fresh, Tab => "$fresh!", 'Enter');
    $browser->says('#error' => qr/not the same/);
    focus_is('repeated');
    is $browser->script('return document.activeElement.getAttribute("aria-invalid")'), 'true',
        'it is said to be wrong';

    for (['countess', qr/too similar to your name/], ['password', qr/easy to guess/],
        ['short', qr/8 to 128/], ['', qr/8 to 128/]) {
        my ($password, $said) = @$_;
        $browser->type('#new_password' => $password)->type('#repeated' => $password)->keys('Enter');
        $browser->says('#error' => $said);
        focus_is('new_password');
    }

    $t->get_ok('/auth/me' => $t->bearer($ada))->status_is(200, 'nothing has changed');
    $browser->type('#new_password' => '')->type('#repeated' => '');
    $browser->script('document.getElementById("new_password").focus()');
    my $types = sub { $browser->script('return ["new_password", "repeated"]
        .map(id => document.getElementById(id).type).join(" ")') };
    is $types->(), 'password password', 'what is typed is hidden';
    $browser->keys($fresh, Tab => $fresh, Tab => ' ');
    is $types->(), 'text text', 'until its owner wants to see it';
    $browser->keys(' ');
    is $types->(), 'password password', 'and hidden again';
    $browser->keys(Tab => 'Enter');
    $browser->says('#done' => qr/password is set/);
    $browser->says(h1 => qr/^Your password has been changed$/, 'and the heading says so');
    is $browser->text('#onward a'), 'Go to the start page', 'there is a way onward';
    focus_is('done', 'what has come of it has the focus');
    is $browser->text('#error'), '', 'no error is left';
    is $browser->script('return document.querySelector("#use").hidden'), Mojo::JSON->true,
        'nor the form';
    $t->get_ok('/auth/me' => $t->bearer($ada))->problem_is(401, 'token_revoked');
    fine();

    my $again = $t->post_ok('/auth/login' => json =>
        {email => 'ada@example.com', password => $fresh})->status_is(200)->tx->res->json;

    $browser->go($link)->keys('Tab');
    focus_is('new_password');
    $browser->keys("$fresh!", Tab => "$fresh!", 'Enter');
    $browser->says('#error' => qr/used already/);
    focus_is('error');
    $t->get_ok('/auth/me' => $t->bearer($again))
        ->status_is(200, 'a link counts once, and does no harm');
};

subtest 'other links' => sub {
    $t->register(email => 'late@example.com');
    my $link = forgot('late@example.com');
    $mails->elapse('61 minutes');
    $browser->go($link)->keys('Tab', $fresh, Tab => $fresh, 'Enter');
    $browser->says('#error' => qr/too old/);
    $browser->keys('Tab');
    focus_is('email');
    $browser->keys('nobody', 'Enter');
    $browser->says('#error' => qr/type an e-mail address/);
    $browser->type('#email' => 'late@example.com')->keys('Enter');
    $browser->says('#done' => qr/on its way/);
    focus_is('done');
    $browser->go($mails->link('late@example.com', 'reset-password', 2))
        ->keys('Tab', $fresh, Tab => $fresh, Tab => 'Enter');
    $browser->says('#done' => qr/password is set/);
    fine();
};

subtest 'an address to confirm' => sub {
    $t->register(email => 'bob@example.com');
    my $link = $mails->link('bob@example.com', 'verify-email');
    $browser->go($link);
    is $browser->url, "$home/verify-email", 'the address bar has no token';
    # after all other requests of the page
    $browser->script('return fetch("/health/live").then(r => r.status)');
    ok !verified('bob@example.com'), 'to open it changes nothing';
    $browser->keys('Tab', 'Enter');
    $browser->says('#done' => qr/address is confirmed/);
    focus_is('done');
    ok verified('bob@example.com'), 'the button does';

    $browser->go($link)->keys('Tab', 'Enter');
    $browser->says('#error' => qr/used already/);
    $browser->go("$home/verify-email");
    $browser->says('#error' => qr/part of it is missing/, 'a link without a token');
    focus_is('error');

    my $eve = $t->register(email => 'eve@example.com');
    $t->patch_ok('/auth/me' => $t->bearer($eve) => json => {email => 'new@example.com',
        current_password => $good})->status_is(200);
    $link = $mails->link('new@example.com', 'verify-email');
    my $other = $t->register(email => 'new@example.com');
    $browser->go($link)->keys('Tab', 'Enter');
    $browser->says('#error' => qr/Somebody else/);
    fine();
};

subtest 'too many requests, and a server that is down' => sub {
    $t->register(email => 'many@example.com');
    my $link = $mails->link('many@example.com', 'verify-email');
    $mails->configure(autoflow_attempts => 'address=1/1h');
    $t->reload->ready;
    $t->post_ok('/api/user/verify-email' => json => {token => 'x'})->status_is(400);
    $browser->go($link)->keys('Tab', 'Enter');
    $browser->says('#error' => qr/too many attempts/);
    $mails->configure;
    $t->reload->ready;

    my $lock = $t->locked('outbox');
    $browser->keys('Enter');
    $t->wait_for(sub { $t->blocked });
    is $browser->text('#error'), '', 'what was said before is gone';
    $lock->rollback;
    $browser->says('#done' => qr/confirmed/, 'and to try again is all it takes');

    $t->register(email => 'away@example.com');
    $browser->go($mails->link('away@example.com', 'verify-email'));
    $t->postgresql->stop;
    $browser->keys('Tab', 'Enter');
    $browser->says('#error' => qr/does not work at the moment/);
    $t->postgresql->start;
    $t->ready;
    $browser->keys('Enter');
    $browser->says('#done' => qr/confirmed/);
};

subtest 'no trace of a token' => sub {
    my $log = path($t->dir, 'access.log')->slurp;
    unlike $log, qr/token=[\w-]{70}/, 'in the log';
    my @pages = grep { m{"GET /landing/landing} } split /\n/, $log;
    ok @pages > 2, 'scripts and styles were fetched';
    is_deeply [grep { !/" 200 \d+ "-"/ && !/" 304 \d+ "-"/ } @pages], [], 'without a Referer';
};

$browser->quit;
$t->finish;
done_testing;
