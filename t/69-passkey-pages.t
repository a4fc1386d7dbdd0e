# The pages of passkeys, security keys and remembered browsers, in each language,
# as a person sees them: on a desk and on a phone, in light and dark; axe-core
# judges every one.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json);
use Test::Autoflow;
use Test::Autoflow::Browser;
use Test::Autoflow::Factors ();
use Test::Autoflow::Maildir;
use Test::More;

Test::Autoflow::npm() // plan skip_all => 'npm was not reached';

my $good = 'correct horse battery staple';
my $t = Test::Autoflow->new(server => '
    location /account/ { autoflow_pages brand=Example; }
    location /site/ {
        autoflow_auth on;
        autoflow_login /account/sign-in confirm=/account/confirm;
        autoflow_require aal=2;
        proxy_pass http://echo;
    }
');
my $home  = 'http://localhost:' . $t->port;
my $mails = Test::Autoflow::Maildir->new(t => $t, link_base => "$home/account");
$mails->configure(autoflow_pages_dir => "$Test::Autoflow::root/pages",
    autoflow_registration => 'open', autoflow_seal_key => 'hex:' . 'a1' x 32,
    autoflow_mfa => 'optional remember=30d role=staff:required');
$t->start;
Test::Autoflow::Factors::factors_at($t);
$t->db->do(q{INSERT INTO autoflow.roles (name) VALUES ('staff')});

my $browser = Test::Autoflow::Browser->new->start;
my ($language, $texts);

sub look ($name) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return $browser->looks_right("$language: $name");
}

# by the text's key
sub heading ($key) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $browser->says(h1 => qr/^\Q$texts->{$key}\E$/, "$language: $key");
}

sub focus_is (@given) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $browser->focuses(@given);
}

sub sign_in ($name) {
    $browser->forget_cookies->go("$home/account/sign-in");
    $browser->type('#email' => "$name\@example.com")->type('#password' => $good)->click('.main');
}

sub authenticator (%with) {
    return $browser->post('webauthn/authenticator', {protocol => 'ctap2', transport => 'internal',
        hasResidentKey => \1, hasUserVerification => \1, isUserVerified => \1, %with});
}

sub remove ($device) {
    $browser->call(DELETE => $browser->session . "/webauthn/authenticator/$device");
}

# the browser's next passkey is refused, as if nobody had been there
sub verified ($device, $is) {
    $browser->post("webauthn/authenticator/$device/uv", {isUserVerified => $is ? \1 : \0});
}

$browser->devtools('Network.enable');

for my $file (path($Test::Autoflow::root, 'pages', 'texts')->list->each) {
    $language = $file->basename('.json');
    $texts    = decode_json($file->slurp);
    $browser->devtools('Network.setExtraHTTPHeaders', headers => {'Accept-Language' => $language});

    subtest "$language: an account with a passkey alone" => sub {
        my $device = authenticator();
        $browser->forget_cookies->go("$home/account/sign-up");
        heading('sign_up_title');
        look('sign up');
        $browser->type('#email' => 'nobody')->click('.passkey');
        $browser->says('#problem' => qr/\w/);
        focus_is('problem');
        look('sign up, a wrong address');
        $browser->click('#problem a');
        focus_is('email');
        $browser->type('#email' => "new-$language\@example.com")->type('#full_name' => 'Ada L.')
            ->click('.passkey');
        heading('passkey_first_title');
        focus_is('H1');
        look('passkey, first');
        verified($device, 0);
        $browser->click('.main');
        $browser->says('[role=alert]' => qr/^\Q$texts->{passkey_not_made}\E$/);
        look('passkey, first, none was made');
        verified($device, 1);
        $browser->click('.main');
        heading('recovery_codes_title');
        look('codes, a passkey alone');
        $browser->click('.stack .main');
        heading('account_title');
        look('account, a passkey alone');
        for my $page (qw(password email delete)) {
            $browser->go("$home/account/$page");
            look("$page, a passkey alone");
        }
        $browser->go("$home/account/factors");
        heading('second_factor');
        look('factors, a passkey alone');
        $browser->click('.things .do a');
        $browser->says('#remove ~ p' => qr/\w/);
        look('passkey, the only way in');

        # autofill would go on at once
        verified($device, 0);
        $browser->forget_cookies->go("$home/account/sign-in");
        heading('sign_in_title');
        look('sign in, with a passkey');
        $browser->click('form.ways .passkey');
        $browser->says('[role=alert]' => qr/^\Q$texts->{passkey_failed}\E$/);
        look('sign in, no passkey');
        remove($device);
    };

    my %key = (transport => 'usb', hasResidentKey => \0, hasUserVerification => \0,
        isUserVerified => \0);
    subtest "$language: a security key" => sub {
        my $device = authenticator(%key);
        $t->register(email => "key-$language\@example.com");
        sign_in("key-$language");
        heading('account_title');
        $browser->go("$home/account/factors");
        look('factors, none, and passkeys');
        $browser->go("$home/site/a");
        heading('second_factor_add');
        look('confirm, without a factor');
        $browser->go("$home/account/factors/add-passkey");
        look('passkey, add');
        $browser->go("$home/account/factors/add-key");
        heading('key_add');
        look('key, add');
        $browser->type('#name' => '')->click('.main');
        $browser->type('#name' => 'Blue')->click('.main');
        heading('recovery_codes_title');
        look('codes of a key');
        $browser->click('.stack .main');
        heading('second_factor');
        look('factors, a key');
        $browser->go("$home/account/factors/add-key")->click('.main');
        $browser->says('[role=alert]' => qr/^\Q$texts->{key_known}\E$/);
        look('key, known');

        sign_in("key-$language");
        heading('code_passkey_title');
        look('code, by a key');
        $browser->click('#remember')->click('.passkey');
        heading('account_title');
        $browser->go("$home/account/sessions");
        look('sessions, a browser remembered');
        Test::Autoflow::Factors::age(660);
        $browser->call(DELETE => $browser->session . '/cookie/af_access');
        $browser->go("$home/account/factors/add-key");
        heading('confirm_factor_title');
        look('confirm, by a key');
        $browser->click('.passkey');
        heading('key_add');

        remove($device);
    };

    subtest "$language: who must have a factor" => sub {
        my $user = $t->register(email => "must-$language\@example.com")->{user}{id};
        $t->db->do(q{INSERT INTO autoflow.user_roles (user_id, role_id)
            SELECT ?, id FROM autoflow.roles WHERE name = 'staff'}, {}, $user);
        sign_in("must-$language");
        heading('enrol_title');
        look('enrol');
        $browser->click('.things form[action$="/enrol"] button');
        heading('app_title');
        look('enrol, app');
        my $device = authenticator(%key);
        sign_in("must-$language");
        $browser->click('.things .main');
        heading('passkey_add');
        focus_is('H1');
        look('enrol, passkey');
        sign_in("must-$language");
        $browser->click('form[action$="/enrol/key"] button');
        heading('key_add');
        look('enrol, key');
        $browser->type('#name' => 'Blue')->click('.main');
        heading('recovery_codes_title');
        look('codes, enrolled');
        $browser->click('.stack .main');
        heading('account_title');
        remove($device);
    };
}

$browser->quit;
$t->finish;
done_testing;
