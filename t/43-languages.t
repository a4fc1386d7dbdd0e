# In which language a mail is written, and the pages that its link opens: that of
# whoever has caused it, or else of the account.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::Autoflow::Browser;
use Test::Autoflow::Maildir;
use Test::Autoflow::Visitor;
use Test::More;

my $good   = 'correct horse battery staple';
my $fresh  = 'a fresh battery for the horse';
my %german = ('Accept-Language' => 'de-AT, en;q=0.5');

my $t = Test::Autoflow->new(
    http   => 'include snippets/autoflow_http.conf;',
    server => '
        autoflow_cookies on;
        location /account/ { autoflow_pages brand=Example start=/wiki/; }
        location /wiki/ { autoflow_auth on; autoflow_login /account/; proxy_pass http://echo; }
        include snippets/autoflow_landing.conf;
    ',
);
my $home  = 'http://localhost:' . $t->port;
my $mails = Test::Autoflow::Maildir->new(t => $t, link_base => "$home/account");
my $own   = $t->dir . '/mails';
$t->copied('snippets', 'landing');
$_->copy_to($own) for path($Test::Autoflow::root, 'conf', 'mail')->list
    ->tap(sub { path($own)->make_path })->each;
my %settings = (autoflow_pages_dir => "$Test::Autoflow::root/pages",
    autoflow_registration => 'open', autoflow_mail_templates => $own);
$mails->configure(%settings);
$t->start;

my %subject = (
    verify_email   => {en => qr/Confirm your e-mail/, de => qr/best\xc3\xa4tigen Sie Ihre/},
    reset_password => {en => qr/Choose a new/,        de => qr/neues Passwort/},
    email_changed  => {en => qr/is to change/,        de => qr/soll ge\xc3\xa4ndert werden/},
    change_email   => {en => qr/Confirm another/,     de => qr/Sie die neue Adresse/},
    claim_account  => {en => qr/was never confirmed/, de => qr/nie best\xc3\xa4tigt/},
    invitation     => {en => qr/You are invited/,     de => qr/Sie sind eingeladen/},
);

# the n-th mail to an address is of this kind and language
sub mailed ($address, $kind, $language, $n = 1, $name = "$kind to $address: $language") {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @read;
    $t->wait_for(sub { (@read = $mails->read($address)) >= $n });
    my ($title) = ($read[$n - 1] // '') =~ m{<title>(.*?)</title>}s;
    like $title, $subject{$kind}{$language}, $name;
    like $read[$n - 1], qr/<html lang="$language">/, 'its HTML says so';
}

sub as ($who, %headers) { return {%{$t->bearer($who)}, %headers} }

sub registered ($email, %headers) {
    my $made = $t->post_ok('/auth/register' => \%headers, json =>
        {email => $email, password => $good})->status_is(201)->tx->res->json;
    return {%$made, password => $good};
}

sub forgot ($email, %headers) {
    $t->db->do(q{UPDATE autoflow.outbox SET created_at = created_at - interval '1 hour'});
    $t->post_ok('/auth/forgot-password' => \%headers, json => {email => $email})->status_is(202);
}

sub language_of ($email) {
    return $t->db->selectrow_array('SELECT language FROM autoflow.users WHERE email = ?', undef,
        $email);
}

subtest 'whoever causes a mail' => sub {
    my $ada = registered('ada@example.com', %german);
    mailed('ada@example.com', 'verify_email', 'de');
    registered('bob@example.com', 'Accept-Language' => 'fr, en-GB;q=0.5');
    mailed('bob@example.com', 'verify_email', 'en');
    registered('eve@example.com');
    mailed('eve@example.com', 'verify_email', 'en', 1, 'nothing is accepted: English');

    forgot('ada@example.com');
    mailed('ada@example.com', 'reset_password', 'de', 2, 'nothing is accepted: as the account');
    forgot('ada@example.com', 'Accept-Language' => 'fr');
    mailed('ada@example.com', 'reset_password', 'de', 3, 'nor is anything that there is');
    forgot('ada@example.com', 'Accept-Language' => 'en');
    mailed('ada@example.com', 'reset_password', 'en', 4, 'else as whoever asks');
    is language_of('ada@example.com'), 'de', 'who may be anybody: the account keeps its own';

    $t->patch_ok('/auth/me' => as($ada, 'Accept-Language' => 'en') => json =>
        {email => 'ada@new.example', current_password => $good})->status_is(200);
    mailed('ada@new.example', 'change_email',  'en');
    mailed('ada@example.com', 'email_changed', 'de', 5, 'a warning: as the account');
    $t->post_ok('/auth/register' => {'Accept-Language' => 'en'}, json =>
        {email => 'ada@example.com', password => $good})->problem_is(409, 'email_taken');
    mailed('ada@example.com', 'claim_account', 'de', 6, 'so is what strangers cause');
};

subtest 'what an account was last used in' => sub {
    my $logs_in = sub (%headers) { $t->post_ok('/auth/login' => \%headers,
        json => {email => 'bob@example.com', password => $good})->status_is(200) };
    is language_of('bob@example.com'), 'en';
    $logs_in->(%german);
    is language_of('bob@example.com'), 'de', 'a login in another language';
    $logs_in->();
    $logs_in->('Accept-Language' => 'fr');
    is language_of('bob@example.com'), 'de', 'or in none that there is';
    $t->post_ok('/auth/login' => {'Accept-Language' => 'en'}, json =>
        {email => 'bob@example.com', password => 'wrong'})->problem_is(401, 'invalid_credentials');
    is language_of('bob@example.com'), 'de', 'one that fails does not count';
    forgot('bob@example.com');
    mailed('bob@example.com', 'reset_password', 'de', 2);
};

subtest 'invitations' => sub {
    my $root = $t->superuser(registered('root@example.com', %german));
    my $staff = $t->superuser(registered('staff@example.com', 'Accept-Language' => 'en'));
    my $invite = sub ($who, $email, %headers) {
        return $t->post_ok('/auth/invitations' => as($who, %headers), json =>
            {email => $email})->status_is(201)->tx->res->json;
    };
    $mails->configure(%settings, autoflow_registration => 'invite');
    $t->reload->ready;
    $invite->($staff, 'one@example.com', 'Accept-Language' => 'en');
    mailed('one@example.com', 'invitation', 'en');
    $t->get_ok('/api/user/export' => $t->bearer($staff))->status_is(200)
        ->json_is('/language' => 'en')->json_is('/mails/0/language' => 'en')
        ->json_is('/invitations/0/email' => 'one@example.com', 'what is stored has both')
        ->json_hasnt('/invitations/1');
    my $invitation = $invite->($root, 'two@example.com');
    mailed('two@example.com', 'invitation', 'de', 1, 'as the inviter was last');
    $invitation = $invite->($root, 'three@example.com', %german);
    mailed('three@example.com', 'invitation', 'de');
    $t->db->do("UPDATE autoflow.$_ SET created_at = created_at - interval '2 minutes'")
        for 'invitations', 'outbox';
    $t->post_ok("/auth/invitations/$invitation->{id}/resend" =>
        as($staff, 'Accept-Language' => 'en'))->status_is(200);
    mailed('three@example.com', 'invitation', 'de', 2, 'again, whoever repeats it');

    my $in = sub ($language, $email) { $t->post_ok('/auth/invitations' => as($root, %german),
        json => {email => $email, language => $language}) };
    $in->('en', 'four@example.com')->status_is(201);
    mailed('four@example.com', 'invitation', 'en', 1, 'as the inviter chooses');
    $in->('de-CH', 'five@example.com')->status_is(201);
    mailed('five@example.com', 'invitation', 'de', 1, 'or the closest one that there is');
    $in->($_, 'six@example.com')->status_is(422) for 'fr', '', '*', 'de, en', 'de;q=1', 'd' x 36;
    $in->('fr', 'six@example.com')->errors_are({language => 'reference'});

    $t->post_ok('/auth/invitations/accept' => {'Accept-Language' => 'en'}, json =>
        {token => $mails->token('three@example.com', 'accept-invitation'), password => $good})
        ->status_is(201);
    is language_of('three@example.com'), 'en', 'the account has that of its owner';

    my $v = Test::Autoflow::Visitor->new(t => $t, base => '/account/');
    my $link = $mails->link('two@example.com', 'accept-invitation') =~ s{.*/account/}{}r;
    $v->get($link, \%german)->is(200)->says('Sie wurden eingeladen');
    $v->submit({password => $good})->leads_to('/wiki/');
    $v->get('/wiki/')->is(200);
    $link = $mails->link('one@example.com', 'accept-invitation') =~ s{.*/account/}{}r;
    $v = Test::Autoflow::Visitor->new(t => $t, base => '/account/');
    $v->get("$link&return=%2Fwiki%2Fpage")->submit({password => $good})->leads_to('/wiki/page');

    $t->post_ok('/auth/users' => as($root, %german), json =>
        {email => 'made@example.com', password => $good})->status_is(201);
    mailed('made@example.com', 'verify_email', 'de');
    is language_of('made@example.com'), undef, 'which nobody knows but the owner';
    $mails->configure(%settings);
    $t->reload->ready;
};

subtest 'chosen on a page' => sub {
    my $v = Test::Autoflow::Visitor->new(t => $t, base => '/account/');
    my %english = ('Accept-Language' => 'en');
    my $link = sub { $v->dom->at('.foot a')->{href} };
    $v->get('sign-in?return=/wiki/a%26b&done=signed_out', \%english)->is(200)
        ->says('You are signed out', 'Deutsch');
    is $link->(), '/account/sign-in?return=%2Fwiki%2Fa%26b&lang=de', 'the same page';
    $v->get($link->(), \%english)->is(200)->says('Anmelden', 'English');
    is $v->cookie('af_language'), 'de', 'that is kept';
    $v->get('sign-up', \%english)->is(200)->says('Konto anlegen');
    $v->submit({email => 'chosen@example.com', password => 'short'}, \%english)->is(422)
        ->says('Verwenden Sie 8 bis 128 Zeichen');
    is $link->(), '/account/sign-up?lang=en', 'also after an error';
    $v->submit({email => 'chosen@example.com', password => $good}, \%english)->is(303);
    mailed('chosen@example.com', 'verify_email', 'de', 1, 'mails follow');
    is language_of('chosen@example.com'), 'de', 'and so does the account';
    my $reset = $mails->link('chosen@example.com', 'verify-email') =~ s{.*/account/}{}r;
    $v->get($reset);
    is $link->(), "/account/$reset&lang=en", 'a link is still one';
    $v->submit({csrf => 'x' x 48})->is(403);
    is $link->(), "/account/$reset&lang=en", 'after an error, too';
    $v->get('?lang=en')->is(200)->says('Your account');
    $v->get("?lang=$_")->is(200)->says('Your account') for 'fr', '../en', '', "en\r\nx", 'x' x 999;
    is $v->cookie('af_language'), 'en', 'there is no other';
    $v->cookies->{af_language} = 'xx';
    $v->get('', \%german)->is(200)->says('Ihr Konto');
    $v->drop('af_language')->get('', \%german)->says('Ihr Konto');

    $t->db->do(q{UPDATE autoflow.users SET is_superuser = true WHERE email = 'chosen@example.com'});
    $v->get('sign-in')->get('confirm')->submit({current_password => $good});
    $v->get('invitations', \%german)->is(200);
    is_deeply $v->dom->find('#language option')->map('text')->to_array, ['English', 'Deutsch'],
        'the mail of an invitation';
    is $v->dom->at('#language [selected]')->text, 'Deutsch', 'is in that of the page';
    $v->submit({email => 'wrong', language => 'en'}, \%german, 'invitations')->is(422);
    is $v->dom->at('#language [selected]')->text, 'English', 'or another one';
    $v->submit({email => 'seven@example.com'}, \%german, 'invitations')->is(303);
    mailed('seven@example.com', 'invitation', 'en');
};

subtest 'templates of one\'s own' => sub {
    path($own, 'reset_password.fr.subject')->spurt('Un nouveau mot de passe');
    path($own, 'reset_password.fr.html')->spurt('<html lang="fr"><title>Un mot</title>{{link}}');
    path($own, 'verify_email.de.subject')->remove;
    path($own, 'verify_email.de.subject.orig')->spurt('{{nothing}}');
    $t->reload->ready;
    forgot('ada@example.com', 'Accept-Language' => 'fr-CA');
    $t->wait_for(sub { $mails->to('ada@example.com') >= 7 });
    my ($mail) = ($mails->read('ada@example.com'))[6];
    like $mail, qr/^Subject: Un nouveau mot de passe$/m, 'another language is files more';
    like $mail, qr/somebody asked for a new password/, 'the files it lacks are as without one';
    registered('mixed@example.com', %german);
    $t->wait_for(sub { $mails->to('mixed@example.com') });
    ($mail) = $mails->read('mixed@example.com');
    like $mail, qr/^Subject: Confirm your e-mail address$/m, 'likewise';
    like $mail, qr/Guten Tag/;

    path($own, 'verify_email.de.txt')->spurt("Guten Tag\n{{wer}}");
    my ($code, $text) = $t->check;
    is $code, 1, 'a mistake in one is found';
    like $text, qr/unknown variable .* in \S+verify_email.de.txt:2/s, 'with its place';
    path($own, 'verify_email.de.txt')->spurt('{{link}}');
};

subtest 'a browser' => sub {
    my $browser = Test::Autoflow::Browser->new(language => 'de-DE')->start;
    $browser->go("$home/account/sign-up");
    $browser->says(h1 => qr/^Konto anlegen$/);
    $browser->type('#email' => 'otto@example.com')->type('#password' => $good)
        ->keys('Enter');
    $t->wait_for(sub { $browser->url =~ m{/wiki/$} });
    is $browser->url, "$home/wiki/", 'a new account begins there';
    mailed('otto@example.com', 'verify_email', 'de');

    $browser->forget_cookies->go("$home/account/forgot-password");
    $browser->type('#email' => 'otto@example.com')->keys('Enter');
    $browser->says(h1 => qr/^Sehen Sie in Ihrem Postfach nach$/);
    my $link = $mails->link('otto@example.com', 'reset-password');
    mailed('otto@example.com', 'reset_password', 'de', 2);
    $browser->go($link)->says(h1 => qr/Passwort/);
    is $browser->script('return document.documentElement.lang'), 'de', 'the page is German';
    $browser->type('#new_password' => $fresh)->keys('Enter');
    $browser->says(h1 => qr/^Ihr Passwort wurde ge\x{e4}ndert$/);
    $browser->go("$home/reset-password?token=x")->says(h1 => qr/^Neues Passwort w\x{e4}hlen$/,
        'so is the one for an API alone');
    $browser->type('#new_password' => $good)->type('#repeated' => $good)->keys('Enter');
    $browser->says('#error' => qr/^Dieser Link gilt nicht mehr/)
        ->says('#again label' => qr/^Ihre E-Mail-Adresse$/);
    is_deeply [grep { !/status of 4\d\d|favicon|\[DOM\]/ } $browser->console], [],
        'nothing that the policy forbids';
    $browser->quit;
};

$t->finish;
done_testing;
