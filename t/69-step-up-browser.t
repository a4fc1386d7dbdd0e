# A proof that a protected site demands, in Chromium with its virtual
# authenticator: it leads to the pages, where somebody touches a key or types a
# code in, and back to what was asked for.

use Mojo::Base -strict, -signatures;
use Test::Autoflow;
use Test::Autoflow::Browser;
use Test::Autoflow::Factors ();
use Test::Autoflow::Maildir;
use Test::Autoflow::Totp qw(totp);
use Test::More;

my $good = 'correct horse battery staple';
my $t = Test::Autoflow->new(server => q{
    location /account/ { autoflow_pages brand=Example; }
    location /site/ {
        autoflow_auth on;
        autoflow_login /account/sign-in confirm=/account/confirm;
        location /site/aal2/ { autoflow_require aal=2; proxy_pass http://echo; }
        location /site/fresh/ { autoflow_require fresh=10m; proxy_pass http://echo; }
        location /site/both/ { autoflow_require aal=2 fresh=10m; proxy_pass http://echo; }
        location /site/late/ {
            autoflow_require fresh=10m;
            error_page 401 /late;
            proxy_pass http://echo;
        }
    }
    location = /late {
        internal;
        default_type text/html;
        return 401 '<!doctype html><title>Late</title><h1>Not sent</h1>';
    }
});
my $home  = 'http://localhost:' . $t->port;
my $mails = Test::Autoflow::Maildir->new(t => $t, link_base => "$home/account");
$mails->configure(autoflow_pages_dir => "$Test::Autoflow::root/pages",
    autoflow_registration => 'open', autoflow_seal_key => 'hex:' . 'a1' x 32);
$t->start;
Test::Autoflow::Factors::factors_at($t);

my $browser = Test::Autoflow::Browser->new->start;

sub heading ($text) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $browser->says(h1 => $text, "the heading is $text");
}

# what the site was asked for
sub arrives ($place) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $browser->says(body => qr/"uri":"\Q$place\E"/, "arrives at $place");
    is $browser->url, "$home$place", 'which is the address';
}

# is led to the page that asks for a proof
sub asked ($place) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $browser->go("$home$place");
    heading(qr/^Confirm that it is you$/);
    like $browser->url, qr{^\Q$home\E/account/confirm\?}, 'of the pages';
}

sub sign_in ($name) {
    $browser->forget_cookies->go("$home/account/sign-in");
    $browser->type('#email' => "$name\@example.com")->type('#password' => $good)->click('.main');
}

# whose password, and factor, were given a while ago
sub aged {
    Test::Autoflow::Factors::age(660);
    $browser->call(DELETE => $browser->session . '/cookie/af_access');
}

# of the browser: what is in the computer, or what is plugged in
my %inside = (transport => 'internal', hasResidentKey => \1, hasUserVerification => \1,
    isUserVerified => \1);
my %plugged = (transport => 'usb', hasResidentKey => \0, hasUserVerification => \0,
    isUserVerified => \0);
sub authenticator (%with) {
    return $browser->post('webauthn/authenticator', {protocol => 'ctap2',
        isUserConsenting => \1, %with});
}
sub remove ($device) {
    $browser->call(DELETE => $browser->session . "/webauthn/authenticator/$device");
}

my $query = 'a?b=1&c=%2F%26&d=%C3%A9';

subtest 'nobody has a factor yet' => sub {
    $t->register(email => 'ada@example.com');
    my $device = authenticator(%inside);
    sign_in('ada');
    heading(qr/^Your account$/);
    $browser->go("$home/site/fresh/$query");
    arrives("/site/fresh/$query");
    $browser->go("$home/site/both/$query");
    heading(qr/^Add a second factor$/);
    $browser->says(main => qr/your account has none yet/);
    $browser->click('a[href*="add-passkey"]');
    heading(qr/^Add a passkey$/);
    $browser->click('.main');
    heading(qr/^Keep these recovery codes$/);
    $browser->click('.stack .main');
    arrives("/site/both/$query");

    # the password was given a while ago: it is asked for on the way
    $t->register(email => 'bob@example.com');
    remove($device);
    $device = authenticator(%inside);
    sign_in('bob');
    heading(qr/^Your account$/);
    aged();
    $browser->go("$home/site/fresh/$query");
    heading(qr/^Confirm your password$/);
    $browser->type('#current_password' => $good)->click('.main');
    arrives("/site/fresh/$query");
    aged();
    $browser->go("$home/site/both/$query");
    heading(qr/^Add a second factor$/);
    $browser->click('a[href*="add-passkey"]');
    heading(qr/^Confirm your password$/);
    $browser->type('#current_password' => $good)->click('.main');
    heading(qr/^Add a passkey$/);
    $browser->click('.main');
    heading(qr/^Keep these recovery codes$/);
    $browser->click('.stack .main');
    arrives("/site/both/$query");
    remove($device);
};

subtest 'a passkey' => sub {
    $t->register(email => 'carl@example.com');
    my $device = authenticator(%inside);
    sign_in('carl');
    heading(qr/^Your account$/);
    $browser->go("$home/account/factors/add-passkey")->click('.main');
    heading(qr/^Keep these recovery codes$/);
    for my $place (map { "/site/$_/$query" } qw(fresh both)) {
        aged();
        asked($place);
        $browser->click('.passkey');
        arrives($place);
    }
    $browser->go("$home/site/aal2/$query");
    arrives("/site/aal2/$query");

    # what nobody touches leads nowhere
    aged();
    asked("/site/fresh/$query");
    $browser->post("webauthn/authenticator/$device/uv", {isUserVerified => \0});
    $browser->call(DELETE => $browser->session . "/webauthn/authenticator/$device/credentials");
    $browser->click('.passkey');
    $browser->says('[role=alert]' => qr/^No passkey was used/);
    is $browser->script('return document.activeElement.className'), 'passkey main',
        'the button has the focus';
    $browser->go("$home/site/fresh/$query");
    heading(qr/^Confirm that it is you$/);
    remove($device);
};

subtest 'a security key' => sub {
    $t->register(email => 'dora@example.com');
    my $device = authenticator(%plugged);
    sign_in('dora');
    heading(qr/^Your account$/);
    $browser->go("$home/account/factors/add-key")->type('#name' => 'Blue')->click('.main');
    heading(qr/^Keep these recovery codes$/);
    $browser->go("$home/account/factors");
    $browser->says('.things' => qr/Blue\s+Security key/);

    # it is no way in without the password, but is asked for after it
    $browser->forget_cookies->go("$home/site/aal2/$query");
    heading(qr/^Sign in$/);
    $browser->type('#email' => 'dora@example.com')->type('#password' => $good)->click('.main');
    heading(qr/^Use your passkey or security key$/);
    $browser->click('.passkey');
    arrives("/site/aal2/$query");
    aged();
    asked("/site/both/$query");
    $browser->click('.passkey');
    arrives("/site/both/$query");
    remove($device);
};

subtest 'an app' => sub {
    my $tokens = $t->register(email => 'emma@example.com');
    my $added = $t->post_ok('/auth/mfa/factors' => $t->bearer($tokens) => json =>
        {name => 'phone', current_password => $good})->tx->res->json;
    $t->post_ok("/auth/mfa/factors/$added->{factor}{id}/confirm" => $t->bearer($tokens) =>
        json => {code => totp($added->{secret}, time)})->status_is(200);
    my $code = sub {
        $t->db->do('UPDATE autoflow.factors SET last_step = NULL');
        return totp($added->{secret}, time);
    };
    sign_in('emma');
    heading(qr/^Enter your code$/);
    $browser->type('#code' => $code->())->click('.main');
    heading(qr/^Your account$/);
    aged();
    asked("/site/both/$query");
    $browser->keys('000000', 'Enter');
    $browser->says('#problem' => qr/not valid/);
    $browser->type('#code' => $code->())->click('.main');
    arrives("/site/both/$query");
};

subtest 'a page that was open for long' => sub {
    $t->register(email => 'fay@example.com');
    my $device = authenticator(%inside);
    my $kept = sub {
        scalar @{$browser->get("webauthn/authenticator/$device/credentials")};
    };
    my $later = sub { $browser->script('const now = Date.now; Date.now = () => now() + 600000') };
    sign_in('fay');
    heading(qr/^Your account$/);
    $browser->go("$home/account/factors/add-passkey")->type('#name' => 'Blue');
    $later->();
    aged();
    $browser->click('.main');
    heading(qr/^Confirm your password$/);
    is $kept->(), 0, 'no passkey is made that nobody would know';
    $browser->type('#current_password' => $good)->click('.main');
    heading(qr/^Add a passkey$/);
    is $browser->script('return document.getElementById("name").value'), 'Blue',
        'what was filled in is there again';
    my $old = $browser->script('return document.querySelector("[data-options]").dataset.options');
    $browser->script('document.querySelector("[data-options]").dataset.options =
        arguments[0].replace(/"challenge":"[^"]+"/, "\"challenge\":\"AAAA\"")', $old);
    $later->();
    $browser->click('.main');
    heading(qr/^Keep these recovery codes$/);
    is $kept->(), 1, 'with other options, if there are some';
    $browser->post("webauthn/authenticator/$device/uv", {isUserVerified => \0});

    # those of the page at the same address are for something else
    sign_in('fay');
    heading(qr/^Use your passkey or security key$/);
    $later->();
    $browser->post("webauthn/authenticator/$device/uv", {isUserVerified => \1});
    $browser->click('.passkey');
    heading(qr/^Your account$/);
    remove($device);
};

subtest 'what a form has that comes too late' => sub {
    my $send = sub ($place) {
        $browser->go("$home/account/");
        aged();
        $browser->script(q{
            const form = document.createElement('form');
            form.method = 'post';
            form.action = arguments[0];
            form.innerHTML = '<input name="sum" value="5">';
            document.body.append(form);
            form.submit();
        }, $place);
    };
    $send->('/site/fresh/pay?to=bob');
    heading(qr/^401 /);
    is $browser->url, "$home/site/fresh/pay?to=bob", 'it is refused where it was sent';
    $send->('/site/late/pay?to=bob');
    heading(qr/^Not sent$/);
    unlike $browser->text('body'), qr/"uri"/, 'and nothing of it gets there';
};

$browser->quit;
$t->finish;
done_testing;
