# Second factors in a browser: with the keyboard, with pictures that are scanned,
# on a desk and on a phone, in light and dark; axe-core judges every page.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::Autoflow::Browser;
use Test::Autoflow::Maildir;
use Test::Autoflow::Totp qw(totp totp_wrong);
use Test::More;

my $npm = Test::Autoflow::npm() // plan skip_all => 'npm was not reached';

my $good = 'correct horse battery staple';
my $t = Test::Autoflow->new(server => '
    location /account/ { autoflow_pages brand=Example; }
    location /site/ { autoflow_auth on; autoflow_login /account/; proxy_pass http://echo; }
');
my $home  = 'http://localhost:' . $t->port;
my $mails = Test::Autoflow::Maildir->new(t => $t, link_base => "$home/account");
$mails->configure(autoflow_pages_dir => "$Test::Autoflow::root/pages",
    autoflow_seal_key => 'hex:' . 'a1' x 32);
$t->start;
$t->register(email => 'ada@example.com', username => 'ada', full_name => 'Ada Lovelace');
$t->superuser($t->register(email => 'root@example.com', username => 'root'));

my $browser = Test::Autoflow::Browser->new->start;

sub look ($name) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return $browser->looks_right($name);
}

sub heading ($text) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $browser->says(h1 => $text, "the heading is $text");
}

sub focus_is (@given) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $browser->focuses(@given);
}

sub sign_in ($name = 'ada') {
    $browser->go("$home/account/sign-in");
    $browser->type('#email' => $name)->type('#password' => $good)->click('.main');
}

sub sign_out {
    $browser->go("$home/account/")->click('.who button');
    heading(qr/^You are signed out$/);
}

# one that has not been used
sub code ($secret) {
    $t->db->do('UPDATE autoflow.factors SET last_step = NULL');
    return totp($secret, time);
}

# what a camera sees
sub scan {
    my $reader = path($npm, 'jsqr', 'dist', 'jsQR.js')->slurp;
    return $browser->script(<<~"END");
        const module = { exports: {} };
        (function (exports, module) { $reader })(module.exports, module);
        const image = document.querySelector('img.qr');
        const canvas = document.createElement('canvas');
        canvas.width = canvas.height = 480;
        const context = canvas.getContext('2d');
        return image.decode().then(() => {
          context.drawImage(image, 0, 0, 480, 480);
          const { data } = context.getImageData(0, 0, 480, 480);
          return (module.exports.default ?? module.exports)(data, 480, 480)?.data;
        });
        END
}

my ($secret, @codes);

subtest 'adding an app' => sub {
    sign_in();
    heading(qr/^Your account$/);
    $browser->says(body => qr/None yet/);
    look('account, no factor');
    $browser->click('a[href$="/factors"]');
    heading(qr/^Second factor$/);
    look('factors, none');
    $browser->click('a[href$="factors/add"]');
    heading(qr/^Add an authenticator app$/);
    look('factors, add');
    $browser->type('#name' => 'My phone')->click('.main');
    heading(qr/^Set up your app$/);
    focus_is('H1');
    look('app, set up');

    my $uri = scan();
    is $uri, $browser->script('return document.querySelector("a[href^=otpauth]").href'),
        'the picture can be scanned';
    ($secret) = $uri =~ /[?&]secret=(\w+)/;
    $browser->type('#code' => totp_wrong($secret, time))->click('.main');
    $browser->says('#problem' => qr/not valid/);
    focus_is('problem');
    look('app, wrong code');
    is scan(), $uri, 'nor need it be added again';
    $browser->click('#problem a');
    focus_is('code');
    $browser->keys(code($secret), 'Enter');
    heading(qr/^Keep these recovery codes$/);
    focus_is('H1');
    look('recovery codes');
    @codes = @{$browser->script(q{return [...document.querySelectorAll('#codes li')]
        .map(code => code.textContent)})};
    is @codes, 10, 'ten of them';
    is_deeply $browser->script(q{return [...document.querySelectorAll('.actions button')]
        .filter(button => !button.hidden).map(button => button.textContent)}),
        [qw(Copy Print)], 'copied or printed';
    $browser->click('.stack .main');
    heading(qr/^Second factor$/);
    $browser->says('.things' => qr/My phone/);
    look('factors, one');
    $browser->click('details summary');
    look('factors, about to make codes');
    $browser->click('.things .do a');
    heading(qr/^My phone$/);
    $browser->type('#name' => 'Old phone')->click('.form button');
    $browser->says('#done' => qr/name has been saved/);
    focus_is('done');
    $browser->click('.things .do a');
    $browser->click('details summary');
    look('a factor');
};

subtest 'signing in with a code' => sub {
    sign_out();
    $browser->go("$home/site/");
    heading(qr/^Sign in$/);
    $browser->keys('ada', 'Tab', $good, 'Enter');
    heading(qr/^Enter your code$/);
    focus_is('code');
    look('code');
    $browser->keys(totp_wrong($secret, time), 'Enter');
    $browser->says('#problem' => qr/not valid/);
    focus_is('problem');
    is $browser->script('return document.title'), "Error: Enter your code \x{2013} Example";
    look('code, wrong');
    $browser->keys('Tab', 'Tab', code($secret), 'Enter');
    $browser->says(body => qr{/site/});
};

subtest 'with a recovery code' => sub {
    sign_out();
    sign_in();
    heading(qr/^Enter your code$/);
    $browser->keys('Tab', 'Tab', 'Enter', 'Tab', 'AAAA-AAAA-AAAA-AAAA', 'Enter');
    $browser->says('#problem' => qr/recovery code is not valid/);
    look('recovery code, wrong');
    $browser->click('#problem a');
    focus_is('recovery_code');
    $browser->keys($codes[0], 'Enter');
    heading(qr/^Your account$/);
};

subtest 'too many wrong ones' => sub {
    sign_out();
    sign_in();
    for (1 .. 6) {
        heading(qr/^Enter your code$/);
        $browser->type('#code' => totp_wrong($secret, time))->click('.main');
        $browser->says('#problem' => $_ < 6 ? qr/not valid/ : qr/Please wait/);
    }
    look('code, a pause');
    $browser->type('#recovery_code' => $codes[1])->click('details .actions button');
    heading(qr/^Your account$/);
};

subtest 'the administration' => sub {
    sign_out();
    sign_in('root');
    heading(qr/^Your account$/);
    $browser->go("$home/account/admin/users?has_factors=true");
    look('users, with a factor');
    $browser->click('tbody a');
    heading(qr/^ada\@example\.com$/);
    look('a user, with a factor');
    $browser->click('#factors ~ details summary');
    look('a user, about to lose it');
    $browser->click('form[action$="/reset-factors"] button');
    $browser->says('#done' => qr/have been removed/);
    sign_out();
    sign_in();
    heading(qr/^Your account$/);
};

# an authenticator of the browser, as of a phone that is unlocked
sub authenticator {
    return $browser->post('webauthn/authenticator' => {protocol => 'ctap2', transport => 'internal',
        hasResidentKey => \1, hasUserVerification => \1, isUserVerified => \1});
}

subtest 'a passkey' => sub {
    $browser->go("$home/account/factors");
    $browser->click('a[href$="add-passkey"]');
    heading(qr/^Add a passkey$/);
    is $browser->script('return document.querySelector(".no-passkeys").offsetParent'), undef,
        'it can';
    look('passkey, add');
    my $key = authenticator();
    my $verified = sub ($is) {
        $browser->post("webauthn/authenticator/$key/uv", {isUserVerified => $is ? \1 : \0});
    };
    $verified->(0);
    $browser->type('#name' => 'Laptop')->click('.main');
    $browser->says('[role=alert]' => qr/^No passkey was created/);
    look('passkey, none was made');
    $verified->(1);
    $browser->click('.main');
    heading(qr/^Keep these recovery codes$/);
    look('recovery codes, with a passkey');
    $browser->click('.stack .main');
    $browser->says('.things' => qr/Laptop\s+Passkey/);
    look('factors, a passkey');

    # alone: what was suggested for the address is taken at once
    $browser->forget_cookies->go("$home/site/");
    $browser->says(body => qr{/site/}, 'autofill signs in');

    # after the password
    $verified->(0);
    sign_out();
    sign_in();
    heading(qr/^Use your passkey or security key$/);
    look('code, by a passkey');
    $verified->(1);
    $browser->click('.passkey');
    heading(qr/^Your account$/);

    # as a proof
    $t->db->do(q{UPDATE autoflow.sessions SET authenticated_at = now() - interval '11 minutes'});
    $browser->call(DELETE => $browser->session . "/cookie/af_access");
    $browser->go("$home/account/factors/add-passkey");
    heading(qr/^Confirm/);
    look('confirm, by a passkey');
    $browser->click('.passkey');
    heading(qr/^Add a passkey$/);
    $browser->click('.main');
    $browser->says('[role=alert]' => qr/known here already|No passkey was created/);

    $browser->call(DELETE => $browser->session . "/webauthn/authenticator/$key");
    $browser->devtools('Network.enable');
    $browser->devtools('Network.setBlockedURLs', urls => ['*passkeys.js', '*able.js']);
    $browser->go("$home/account/factors/add-passkey");
    $browser->says('.no-passkeys' => qr/scripts may run/);
    $browser->devtools('Network.setBlockedURLs', urls => []);
    $browser->console;
    $t->db->do("DELETE FROM autoflow.$_") for qw(factors recovery_codes);
};

subtest 'in German' => sub {
    $browser->devtools('Network.enable');
    $browser->devtools('Network.setExtraHTTPHeaders', headers => {'Accept-Language' => 'de'});
    $browser->go("$home/account/factors");
    heading(qr/^Zweiter Faktor$/);
    look('Faktoren');
    $browser->click('a[href$="factors/add"]');
    heading(qr/^Authenticator-App/);
    $browser->click('.main');
    heading(qr/^App einrichten$/);
    look('App einrichten');
    $browser->type('#code' => code(scan() =~ /secret=(\w+)/ ? $1 : ''))->click('.main');
    heading(qr/^Bewahren Sie diese Codes auf$/);
    look('Wiederherstellungscodes');
};

$browser->quit;
$t->finish;
done_testing;
