# Passkeys in Chromium, with its virtual authenticator: what browsers make of the
# options, and what they answer.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(false true);
use Test::Autoflow;
use Test::Autoflow::Browser;
use Test::More;

my $good = 'correct horse battery staple';
my $t = Test::Autoflow->new(
    settings => {autoflow_webauthn => 'rp_id=localhost origins=http://localhost:*'},
    server   => q{
        location = /page {
            default_type text/html;
            return 200 '<!doctype html><title>passkeys</title><h1>Passkeys</h1>';
        }
    },
)->start;
my $home    = 'http://localhost:' . $t->port;
my $browser = Test::Autoflow::Browser->new->start;

# functions of the page, which are there as long as it is
my $functions = q{
    window.post = async (path, body, token) => {
        const response = await fetch(path, {method: 'POST', body: JSON.stringify(body || {}),
            headers: {'Content-Type': 'application/json',
                ...(token ? {Authorization: 'Bearer ' + token} : {})}});
        return {status: response.status, ...await response.json()};
    };
    window.make = async (options) => (await navigator.credentials.create({
        publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options)})).toJSON();
    window.use = async (options, more) => (await navigator.credentials.get({
        publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options), ...more})).toJSON();
};

sub page { $browser->go("$home/page")->script($functions) }

# what a function of the page, of these arguments, answers; or how it failed
sub run ($body, @arguments) {
    return $browser->script(
        "return (async (...given) => { $body })(...arguments).catch(e => ({failed: e.name}))",
        @arguments);
}

sub authenticator (%with) {
    return $browser->post('webauthn/authenticator', {
        protocol => 'ctap2', transport => 'internal', hasResidentKey => \1,
        hasUserVerification => \1, isUserVerified => \1, isUserConsenting => \1, %with});
}

sub remove ($authenticator) {
    $browser->call(DELETE => $browser->session . "/webauthn/authenticator/$authenticator");
}

sub add ($tokens, $type = 'passkey') {
    return run(q{
        const [type, token] = given;
        const options = await post('/auth/passkeys/options', {type}, token);
        if (options.status !== 200) return options;
        return post('/auth/passkeys', {name: type, credential: await make(options)}, token);
    }, $type, $tokens->{access_token});
}

sub enter (%more) {
    return run(q{
        const options = await post('/auth/login/passkey/options');
        return post('/auth/login/passkey', {credential: await use(options, given[0])});
    }, \%more);
}

page();

subtest 'a passkey' => sub {
    my $device = authenticator();
    my $ada    = $t->register(email => 'ada@example.com');
    my $added  = add($ada);
    is $added->{status}, 201, 'is made' or diag explain $added;
    is_deeply [@{$added->{factor}}{qw(type sign_in)}], ['webauthn', true], 'that signs in'
        or diag explain $added;
    $ada->{access_token} = $added->{access_token};
    is add($ada)->{failed}, 'InvalidStateError', 'one for an authenticator';

    is enter()->{user}{email}, 'ada@example.com', 'it logs in without a name';
    is enter()->{status}, 200, 'again, as its counter says';
    is enter(mediation => 'conditional')->{status}, 200, 'and where a form offers it'
        if $browser->script('return PublicKeyCredential.isConditionalMediationAvailable()');

    my $login = run(q{
        const asked = await post('/auth/login',
            {email: 'ada@example.com', password: given[0]});
        const options = await post('/auth/mfa/passkey/options', {mfa_token: asked.mfa_token});
        const credential = await use(options);
        return post('/auth/mfa/verify', {mfa_token: asked.mfa_token, credential});
    }, $good);
    is $login->{status}, 200, 'after a password' or diag explain $login;

    my $proof = run(q{
        const options = await post('/auth/reauth/passkey/options', {}, given[0]);
        return post('/auth/reauth', {credential: await use(options)}, given[0]);
    }, $login->{access_token});
    is $proof->{token_type}, 'bearer', 'and makes a session fresh' or diag explain $proof;

    $browser->post("webauthn/authenticator/$device/uv", {isUserVerified => \0});
    is enter()->{failed}, 'NotAllowedError', 'the browser asks for who it is';
    remove($device);
};

subtest 'a copy' => sub {
    my $device = authenticator();
    my $bob    = $t->register(email => 'bob@example.com');
    is add($bob)->{status}, 201;
    my ($copy) = @{$browser->get("webauthn/authenticator/$device/credentials")};
    is enter()->{status}, 200, 'what is copied' for 1, 2;
    remove($device);

    $device = authenticator();
    $browser->post("webauthn/authenticator/$device/credential", $copy);
    is enter()->{code}, 'invalid_passkey', 'is refused';
    remove($device);
};

subtest 'a security key' => sub {
    my $device = authenticator(transport => 'usb', hasResidentKey => \0,
        hasUserVerification => \0, isUserVerified => \0);
    my $carl = $t->register(email => 'carl@example.com');
    is add($carl)->{failed}, 'NotAllowedError', 'can be no passkey';
    my $added = add($carl, 'security_key');
    is_deeply [@{$added->{factor}}{qw(sign_in transports)}], [false, ['usb']], 'but a factor'
        or diag explain $added;
    my $login = run(q{
        const asked = await post('/auth/login',
            {email: 'carl@example.com', password: given[0]});
        const options = await post('/auth/mfa/passkey/options', {mfa_token: asked.mfa_token});
        const credential = await use(options);
        return post('/auth/mfa/verify', {mfa_token: asked.mfa_token, credential});
    }, $good);
    is $login->{status}, 200, 'after a password' or diag explain $login;
    remove($device);
};

subtest 'an account with a passkey alone' => sub {
    my $device = authenticator(transport => 'internal');
    my $signed = run(q{
        const person = {email: 'dora@example.com', full_name: 'Dora'};
        const options = await post('/auth/register/passkey/options', person);
        return post('/auth/register/passkey', {...person, credential: await make(options)});
    });
    is $signed->{status}, 201, 'is registered' or diag explain $signed;
    is enter()->{user}{full_name}, 'Dora', 'and logs in';
    remove($device);
};

subtest 'another site' => sub {
    my $device = authenticator();
    is enter()->{failed}, 'NotAllowedError', 'an authenticator without passkeys';
    $browser->go('http://127.0.0.1:' . $t->port . '/page')->script($functions);
    is enter()->{failed}, 'SecurityError', 'an address is no site';
    remove($device);
};

$browser->quit;
$t->finish;
done_testing;
