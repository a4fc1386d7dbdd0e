# docs/factors.md: its configurations, its walk through the API by curl, with another
# hand's authenticator (oathtool), and its SQL.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json);
use Test::Autoflow;
use Test::Autoflow::Factors;
use Test::Autoflow::Guide;
use Test::Autoflow::Maildir;
use Test::Autoflow::Visitor;
use Test::More;

my $guide = Test::Autoflow::Guide->new('factors.md');
my $again = 'Asking again, before something that matters';
my $t     = Test::Autoflow->new(clock => 1, server => join '', "autoflow_cookies on;\n", map {
        $guide->text(under => $again, like => $_,
            $_ =~ /payments/ ? (change => {qr/127\.0\.0\.1:8081/ => 'echo'}) : ())
    } qr/payments/, qr/autoflow_pages/);
my $mails = Test::Autoflow::Maildir->new(t => $t);
my $work  = path($t->dir, 'work')->make_path;
my $url   = $t->postgresql->url('autoflow');
my $check = Test::Autoflow->new(beside => $t, settings => {autoflow_seal_key => undef});
my %browser = ('Sec-Fetch-Mode' => 'navigate', 'Sec-Fetch-Dest' => 'document');
my $good  = 'correct horse battery staple';

$mails->link_base($t->url('/account'));
$mails->configure(autoflow_pages_dir => "$Test::Autoflow::root/pages",
    autoflow_registration => 'open', autoflow_seal_key => 'hex:' . 'a1' x 32);
$t->start->hold;
factors_at($t);

# the commands of the guide: `autoflow`, and the phone, whose clock is the server's,
# some steps later
my $bin = path($work, 'bin')->make_path;
path($bin, $_->[0])->spurt("#!/bin/sh\nexec $_->[1]\n")->chmod(0755) for
    [autoflow => "$Test::Autoflow::root/tools/autoflow --config /dev/null \"\$@\""],
    [oathtool => "/usr/bin/oathtool --now \"@\$(cat $work/now)\" \"\$@\""];
local $ENV{PATH} = "$bin:$ENV{PATH}";

sub type ($like, $steps = 0, %change) {
    path($work, 'now')->spurt($t->now + 30 * $steps);
    return $guide->sh_ok(like => $like, in => "$work", %change ? (change => \%change) : ());
}

subtest 'switching it on' => sub {
    my $seal = path($work, 'seal');
    type(qr/make-key/, 0, qr{/etc/nginx/autoflow/seal} => "$seal");
    is $seal->stat->mode & 0777, 0600, 'a key for root alone';
    $guide->nginx_ok($check, under => 'Switching it on',
        change => {qr{/etc/nginx/autoflow/seal} => "$seal"});
};

subtest 'by the API' => sub {
    my ($uri) = split /\n/, type(qr/^API=/, -1, qr/localhost:8080/ => '127.0.0.1:' . $t->port);
    like $uri, qr{^otpauth://totp/autoflow:grace-\d+%40example\.com\?secret=}, 'an app';
    like path($work, 'app.svg')->slurp, qr/^<svg /, 'a QR code';
    my ($factor, $codes) = map { decode_json($_) } split /\n/, type(qr/confirmed/, -1);
    is $factor->{name}, 'phone', 'is confirmed';
    is scalar @$codes, 10, 'recovery codes';
    my ($shown, $claims) = map { decode_json($_) } map { $_->{text} }
        $guide->blocks(under => 'By the API', language => 'json');

    my $asked = decode_json(type(qr/asked/));
    is_deeply {%$asked, factors => [{%{$asked->{factors}[0]}, id => $shown->{factors}[0]{id}}]},
        $shown, 'the password opens no session';
    my $got = decode_json(type(qr/pair\.json/));
    is $got->{mfa_time}, $got->{auth_time}, 'a code does';
    is_deeply [@$got{qw(amr aal)}], [@$claims{qw(amr aal)}], 'as is shown';
    my ($type, $listed) = split /\n/, type(qr/\$RECOVERY/);
    is $type, 'bearer', 'and so does a recovery code';
    is_deeply decode_json($listed), {factors => ['phone'], recovery_codes => 9}, 'once';
    is scalar @{decode_json(type(qr/-X POST/))}, 10, 'new ones';
};

subtest 'a proof in a session' => sub {
    type(qr/^CODE=.*\nTOKEN=/, 1);
    is type(qr/-X DELETE/), "204\n", 'and the factor is removed';
};

subtest 'asking again' => sub {
    my $ada = guarded('ada');
    $t->get_ok('/payments/' => $t->bearer($ada))->status_is(200, 'just given');
    my $weak = login('ada')->tx->res->json;
    $t->get_ok('/payments/')->status_is(401)->header_unlike('WWW-Authenticate' => qr/error/);
    $t->get_ok('/payments/' => \%browser)->status_is(302)
        ->header_is(Location => '/account/sign-in?return=%2Fpayments%2F');

    age(700);
    my $old = refresh($ada);
    $t->get_ok('/payments/' => $t->bearer($old))->status_is(401);
    my $said = $t->tx->res->headers->www_authenticate;
    ok index(path("$Test::Autoflow::root/docs/factors.md")->slurp, "WWW-Authenticate: $said\n") > 0,
        'what other clients get is in the guide';
    my %cookie = (Cookie => "af_access=$old->{access_token}");
    $t->get_ok('/payments/' => {%browser, %cookie})->status_is(302)
        ->header_is(Location => '/account/confirm?aal=2&return=%2Fpayments%2F');
    my $new = prove($old, current_password => $good)->status_is(200)->tx->res->json;
    $t->get_ok('/payments/' => $t->bearer($new))->status_is(401, 'a password is not enough');
    $new = prove($old, code => code($ada->{secret}))->status_is(200)->tx->res->json;
    $t->get_ok('/payments/' => $t->bearer($new))->status_is(200)
        ->json_is('/user_id' => $ada->{user}{id});

    my $none = Test::Autoflow::Visitor->new(t => $t, base => '/account/');
    account('ben');
    $none->get('sign-in')->submit({email => 'ben@example.com', password => $good});
    $none->get('confirm?aal=2&return=%2Fpayments%2F')->is(200)
        ->says("needs a second factor, and your account has none yet");
};

subtest 'in SQL' => sub {
    guarded('carl');
    my ($table) = $guide->sql_ok($url, under => 'Switching it on');
    is $table, join('|', 2, 2) . "\n", 'who has one';
    $t->db->do(q{UPDATE autoflow.users SET email = 'root@example.com' WHERE username = 'carl'});
    like $guide->sql_ok($url, under => 'A lost phone'), qr/^[\w-]{36}\|\{"count": 1\}$/m, 'reset';
    login('carl')->status_is(200, 'the password is all that is left');
    like $guide->sql_ok($url, under => 'Replacing the seal key'), qr/^\$sealed\$\w+\|1$/m,
        'which keys are needed';
};

$guide->finish;
$t->finish;
done_testing;
