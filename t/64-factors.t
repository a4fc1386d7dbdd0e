# Second factors on pages, as somebody without scripts sees them.

use Mojo::Base -strict, -signatures;
use Mojo::Util qw(b64_decode);
use Test::Autoflow;
use Test::Autoflow::Factors ();
use Test::Autoflow::Maildir;
use Test::Autoflow::Totp qw(totp totp_wrong);
use Test::Autoflow::Visitor;
use Test::More;

my $good  = 'correct horse battery staple';
my $t     = Test::Autoflow->new(clock => 1, server => q{
    location /account/ { autoflow_pages; }
    location /site/ {
        autoflow_auth on;
        autoflow_login /account/sign-in confirm=/account/confirm;
        autoflow_require aal=2 fresh=10m;
        error_page 404 =200 /fine;
    }
    location = /fine { return 200 fine; }
});
my $mails = Test::Autoflow::Maildir->new(t => $t);
$mails->link_base($t->url('/account'));
$mails->configure(autoflow_pages_dir => "$Test::Autoflow::root/pages",
    autoflow_registration => 'open', autoflow_seal_key => 'hex:' . 'a1' x 32);

# a code is of a time: the server's stands still
$t->start->hold;
Test::Autoflow::Factors::factors_at($t);

sub visitor { Test::Autoflow::Visitor->new(t => $t, base => '/account/') }

sub email ($name) { return "$name\@example.com" }

# an account with an app, by the API: its tokens, the secret, the recovery codes
sub guarded ($name) {
    my $tokens = $t->register(email => email($name), username => $name);
    my $added  = $t->post_ok('/auth/mfa/factors' => $t->bearer($tokens) => json =>
        {name => 'phone'})->status_is(201)->tx->res->json;
    $t->post_ok("/auth/mfa/factors/$added->{factor}{id}/confirm" => $t->bearer($tokens) =>
        json => {code => code($added)})->status_is(200);
    unused($name);
    my $json = $t->tx->res->json;
    return {%$tokens, %$added, %$json, codes => $json->{recovery_codes}};
}

sub code ($user, $steps = 0) { totp($user->{secret}, $t->now + 30 * $steps) }
sub wrong ($user) { totp_wrong($user->{secret}, $t->now) }

# the same code may be used again
sub unused ($name) {
    $t->db->do(q{UPDATE autoflow.factors SET last_step = NULL WHERE user_id =
        (SELECT id FROM autoflow.users WHERE username = ?)}, {}, $name);
}

# with a right password
sub asked ($name, $place = 'sign-in', $password = $good) {
    return visitor()->get($place)->submit({email => email($name), password => $password});
}

# with the form for recovery codes
sub recovers ($v, $code) {
    my %form = map { $_->{name} => $_->val }
        $v->dom->at('details form')->find('input[type=hidden]')->each;
    return $v->post('sign-in/code', {%form, recovery_code => $code});
}

sub value ($v, $name) { my $input = $v->dom->at("[name=$name]"); return $input && $input->val }

sub error ($v, $field) { my $said = $v->dom->at("#$field-error"); return $said && $said->text }


subtest 'signing in with a code' => sub {
    my $ada = guarded('ada');
    my $v = asked('ada', 'sign-in?return=/wiki%3Fa=b')->is(200)->says('Enter your code');
    is_deeply [sort keys %{$v->cookies}], ['af_csrf'], 'a password opens no session';
    is_deeply [@{$v->dom->at('#code')}{qw(autocomplete inputmode)}],
        [qw(one-time-code numeric)], 'what it asks for';
    is value($v, 'return'), '/wiki?a=b', 'where to go then';
    my $token = value($v, 'mfa_token');
    unlike $v->res->body, qr/\Q$good\E/, 'the password is not in the page';

    $v->submit({code => wrong($ada)})->is(401);
    like error($v, 'code'), qr/not valid/, 'a wrong code';
    is $v->dom->at('#code')->{'aria-describedby'}, 'code-error', 'is said of the field';
    ok !exists $v->dom->at('details')->attr->{open}, 'and not of the other one';
    is value($v, 'mfa_token'), $token, 'the password need not be given again';
    $v->submit({code => ''})->is(422);
    $v->submit({code => 'x' x 65})->is(422);
    my $code = code($ada);
    $v->submit({code => substr($code, 0, 3) . ' ' . substr $code, 3})->leads_to('/wiki?a=b');
    ok $v->cookie($_), $_ for qw(af_access af_refresh);
    $v->get('')->is(200)->says(email('ada'));
    $v->get('sign-in/code')->leads_to('/account/sign-in');
};

subtest 'with a recovery code' => sub {
    my $bob = guarded('bob');
    my $v = asked('bob', 'sign-in?return=/wiki');
    recovers($v, 'AAAA-AAAA-AAAA-AAAA')->is(401);
    like error($v, 'recovery_code'), qr/not valid/, 'a wrong one';
    is error($v, 'code'), undef, 'is not one of an app';
    ok exists $v->dom->at('details')->attr->{open}, 'its form is seen';
    recovers($v, lc $bob->{codes}[0])->leads_to('/wiki');
    recovers(asked('bob'), $bob->{codes}[0])->is(401);
};

subtest 'whose form it is' => sub {
    my ($carl, $dave) = map { guarded($_) } qw(carl dave);
    my $v = asked('carl');
    my $token = value($v, 'mfa_token');
    for my $place ('sign-in/code', "sign-in/code?mfa_token=$token", 'sign-in/code?mfa_token=') {
        visitor()->get($place)->leads_to('/account/sign-in');
    }
    visitor()->get("sign-in/code?mfa_token=$token&return=/wiki")
        ->leads_to('/account/sign-in?return=%2Fwiki');

    # a form that another site, or another browser, has made
    my %form = (mfa_token => $token, code => code($carl));
    my $w = visitor()->get('sign-in');
    for my $csrf ('', 'x' x 48, value($v, 'csrf')) {
        $w->post('sign-in/code', {%form, csrf => $csrf})->is(403);
        unlike $w->res->body, qr/mfa_token|\Q$token\E/, 'no page has its token then';
        ok $w->dom->at('input[name=password]'), 'but asks for the password';
    }
    $w->post('sign-in/code', {%form, csrf => value($w, 'csrf')}, {Origin => 'https://evil.example'})
        ->is(403);
    is_deeply [sort keys %{$w->cookies}], ['af_csrf'], 'nobody is signed in';
    $w->get('sign-in')->post('sign-in/code', {csrf => value($w, 'csrf'), code => '1'})
        ->leads_to('/account/sign-in');
    $v->submit({code => code($dave)})->is(401);
    $v->submit({code => code($carl)})->leads_to('/account/');
};

subtest 'a pause' => sub {
    my $finn = guarded('finn');
    my $v = asked('finn');
    $v->submit({code => wrong($finn)})->is(401) for 1 .. 5;
    $v->submit({code => code($finn)})->is(429)->says('Please wait', 'seconds', 'a recovery code');
    ok exists $v->dom->at('details')->attr->{open}, 'which there is a form for';
    $t->db->do(q{UPDATE autoflow.failed_attempts SET ends_at = ends_at + interval '1 day'});
    $v->submit({code => code($finn)})->is(429)->says('hours');
    recovers($v, $finn->{codes}[0])->leads_to('/account/');
};

subtest 'after a reset by mail' => sub {
    my $gina = guarded('gina');
    $t->db->do('UPDATE autoflow.users SET email_verified = true');
    my $v = visitor();
    $t->go;
    $v->get('forgot-password')->submit({email => email('gina')})
        ->leads_to('/account/forgot-password?done=mail_sent');
    $t->hold;
    $v->get($mails->link(email('gina'), 'reset-password') =~ s{.*/account/}{}r)
        ->submit({new_password => "$good!"})->leads_to('/account/sign-in?done=password_reset');
    asked('gina', 'sign-in?done=password_reset', "$good!")->is(200)
        ->submit({code => code($gina)})->leads_to('/account/');
};

# signed in with the password alone
sub signed_in ($name) {
    $t->register(email => email($name), username => $name);
    my $v = asked($name)->leads_to('/account/');
    return $v;
}

# what an app is told, which t/69-factors-browser.t has it scan
sub scanned ($v) {
    my ($picture) = $v->dom->at('img.qr')->{src} =~ m{^data:image/svg\+xml;base64,(.+)};
    like b64_decode($picture), qr{^<svg .*</svg>$}, 'a picture';
    my $uri = $v->dom->at('a[href^="otpauth:"]')->{href};
    my ($secret) = $uri =~ /[?&]secret=([A-Z2-7]{32})(?:&|$)/;
    is $v->dom->at('#secret')->text =~ s/ //gr, $secret, 'and can be typed in';
    return {uri => $uri, secret => $secret};
}

sub codes ($v) { $v->dom->find('#codes li')->map('all_text')->map(sub { s/\s//gr })->to_array }

subtest 'an app is added' => sub {
    my $v = signed_in('ida');
    $v->get('')->says('None yet');
    ok $v->dom->at('a[href="/account/factors"]'), 'a way there';
    $v->get('factors')->is(200)->says('With a second factor');
    is $v->dom->at('#codes'), undef, 'no codes of nothing';
    $v->get('factors/add')->is(200);
    $v->submit({name => ''})->is(422);
    ok error($v, 'name'), 'a name is needed';
    $v->submit({name => 'A & <b>'})->is(200)->says('Set up your app');
    my $app = scanned($v);
    like $app->{uri}, qr{^otpauth://totp/[^/?:]+:ida%40example\.com\?}, 'for whom';
    my ($path) = $v->dom->at('form[action$="/confirm"]')->{action};

    $v->submit({code => wrong($app)}, {}, '/confirm')->is(403);
    like error($v, 'code'), qr/not valid/;
    is_deeply scanned($v), $app, 'what is to be scanned is still there';
    visitor()->get($path)->leads_to('/account/sign-in?return='
        . $path =~ s{/}{%2F}gr);
    my $w = $v->cookies;
    my $other = visitor()->cookies({%$w});
    $other->get("$path?uri=otpauth://totp/x?secret=A")->leads_to('/account/factors');
    for my $uri ('javascript:alert(1)', '', 'otpauth:x') {
        $other->get('factors/add')->post($path, {csrf => value($other, 'csrf'), code => '1',
            uri => $uri})->leads_to('/account/factors');
    }
    $other->post($path, {csrf => 'x', code => '1', uri => $app->{uri}})->is(403);
    unlike $other->res->body, qr/otpauth/, "nothing of another site's form";

    $v->submit({code => code($app)}, {}, '/confirm')->is(200)->says('Keep these recovery codes');
    my $codes = codes($v);
    is scalar(grep { /^[A-Z2-7-]{16,19}$/ } @$codes), 10, 'ten codes';
    my ($file) = $v->dom->at('a[download]')->{href} =~ m{^data:text/plain;base64,(.*)};
    is b64_decode($file), join('', map { "$_\r\n" } @$codes), 'as a file, too';
    $v->post($path, {csrf => value($v, 'csrf') // $v->cookie('af_csrf'), code => code($app),
        uri => $app->{uri}})->is(404)->says('not confirmed within an hour');

    $v->get('')->says('A & <b>');
    $v->get('factors')->is(200)->says('A & <b>', 'Codes left: 10');
    my $x = asked('ida');
    recovers($x, $codes->[0])->leads_to('/account/');
    $x->get('factors')->says('Codes left: 9');

    $x->get('factors/add')->submit({name => 'tablet'})->is(200);
    my $tablet = scanned($x);
    $x->submit({code => code($tablet)}, {}, '/confirm')
        ->leads_to('/account/factors?done=factor_added');
    $x->get('factors?done=factor_added')->says('Your app is set up', 'tablet');
};

subtest 'what becomes of them' => sub {
    my $kate = guarded('kate');
    my $v = asked('kate')->submit({code => code($kate)});
    my ($page) = $v->get('factors')->dom->at('a[href*="/factors/0"]')->{href};
    $v->get($page)->is(200)->says('phone', 'Authenticator app');
    $v->submit({name => ''}, {}, '/rename')->is(422);
    $v->submit({name => 'old phone'}, {}, '/rename')
        ->leads_to('/account/factors?done=factor_renamed');
    $v->get('factors')->says('old phone');

    my $before = $kate->{codes}[0];
    $v->submit({}, {}, '/codes')->is(200);
    my $codes = codes($v);
    is @$codes, 10, 'new codes';
    recovers(asked('kate'), $before)->is(401);
    recovers(asked('kate'), $codes->[0])->leads_to('/account/');
    $t->db->do('DELETE FROM autoflow.recovery_codes WHERE ctid NOT IN
        (SELECT ctid FROM autoflow.recovery_codes LIMIT 2)');
    $v->get('factors')->says('Make new ones before');

    my $leo = asked('kate', 'sign-in')->submit({code => code($kate, 1)});
    my $other = signed_in('leo');
    $other->get($page)->is(404);
    $other->get('factors')->post("$page/$_", {csrf => $other->cookie('af_csrf'), name => 'x'})
        ->is(404) for 'rename', 'remove';
    $v->get($page)->submit({}, {}, '/remove')->leads_to('/account/factors?done=factor_removed');
    $v->get('factors?done=factor_removed')->says('has been removed', 'With a second factor');
    $v->get($page)->is(404);
    asked('kate')->leads_to('/account/');
};

subtest 'the administration' => sub {
    my $root = $t->superuser($t->register(email => 'root@example.com', username => 'root'));
    my $mary = guarded('mary');
    signed_in('nell');
    my $v = asked('root')->leads_to('/account/');
    $v->get('admin/users?has_factors=true')->is(200)->says(email('mary'));
    unlike $v->dom->at('table')->all_text, qr/nell\@/, 'who has one';
    $v->get('admin/users?has_factors=false')->is(200)->says(email('nell'));
    unlike $v->dom->at('table')->all_text, qr/mary\@/, 'who has none';
    is $v->dom->at('#has_factors [selected]')->{value}, 'false', 'as was chosen';
    my $page = "admin/users/$mary->{user}{id}";
    $v->get($page)->is(200)->says('phone', 'Authenticator app');
    unlike $v->res->body, qr/$mary->{secret}/, 'and no more than that';
    $v->submit({}, {}, '/reset-factors')->leads_to("/account/$page?done=factors_reset");
    $v->get($page)->is(200)->says('None yet');
    asked('mary')->leads_to('/account/');
    $t->go;
    $mails->all_sent;
    is scalar(grep { /was removed/ } $mails->read(email('mary'))), 1, 'the owner is told';
    $t->hold;
    $v->get('admin/audit?action=factors_reset')->says('removed by an administrator');
};

# all proofs are old, which the next token says
sub aged ($v) {
    Test::Autoflow::Factors::age(660);
    return $v->drop('af_access');
}

subtest 'that it is still you' => sub {
    my $vera = guarded('vera');
    my $v = asked('vera')->submit({code => code($vera)});
    my ($page) = $v->get('factors')->dom->at('a[href*="/factors/0"]')->{href};
    aged($v)->get($page)->is(200)->submit({}, {}, '/remove')
        ->leads_to('/account/confirm?return=' . $page =~ s{/}{%2F}gr);
    my $confirm = $v->res->headers->location;
    $v->get($confirm)->is(200)->says('Confirm that it is you');
    is $v->dom->at('[name=current_password]'), undef, 'a password is not enough';
    $v->submit({code => wrong($vera)})->is(403);
    like error($v, 'code'), qr/not valid/;
    $v->submit({code => code($vera, 1)})->leads_to($page);
    $v->get('factors')->submit({}, {}, '/codes')->is(200);
    my $codes = codes($v);

    # a site that demands it
    my %person = ('Sec-Fetch-Mode' => 'navigate', 'Sec-Fetch-Dest' => 'document');
    aged($v)->get('profile')->is(200)->get('/site/a?b', \%person)->is(302);
    $confirm = $v->res->headers->location;
    is $confirm, '/account/confirm?aal=2&return=%2Fsite%2Fa%3Fb', 'leads there';
    $v->get($confirm);
    my %form = map { $_->{name} => $_->val }
        $v->dom->at('details form')->find('input[type=hidden]')->each;
    $v->post('confirm', {%form, recovery_code => 'AAAA'})->is(403);
    like error($v, 'recovery_code'), qr/not valid/;
    $v->post('confirm', {%form, recovery_code => $codes->[0]})->leads_to('/site/a?b');
    $v->get('/site/a?b', \%person)->is(200);

    my $w = signed_in('wilma');
    $w->get('/site/a', \%person)->is(302)->get($w->res->headers->location)
        ->says('your account has none yet');
    is $w->dom->at('input[type=password]'), undef, 'a password would not help';
    is $w->dom->at('a.main')->{href}, '/account/factors/add?return=%2Fsite%2Fa', 'a way on';
    aged($w)->get('confirm')->says('Confirm your password');
    is $w->dom->at('#code'), undef, 'without a factor it is the password';
};

subtest 'who must have one' => sub {
    $t->register(email => email('xena'), username => 'xena');
    $t->settings->{autoflow_mfa} = 'required remember=30d';
    $t->reload->ready;
    my $v = asked('xena', 'sign-in?return=/wiki')->is(200)->says('needs a second factor');
    is_deeply [sort keys %{$v->cookies}], ['af_csrf'], 'no session yet';
    my $token = value($v, 'enrolment_token');
    visitor()->get("sign-in/enrol?enrolment_token=$token&return=/wiki")
        ->leads_to('/account/sign-in?return=%2Fwiki');
    $v->submit({name => ''}, {}, '/enrol')->is(422);
    $v->submit({name => 'phone'}, {}, '/enrol')->is(200);
    my $app = scanned($v);
    my $w = visitor()->get('sign-in');
    $w->post($v->dom->at('form[action$="/confirm"]')->{action}, {csrf => 'x', code => code($app),
        enrolment_token => $token, uri => $app->{uri}})->is(403);
    unlike $w->res->body, qr/otpauth|\Q$token\E/, "nothing of another site's form";
    $v->submit({code => wrong($app)}, {}, '/confirm')->is(403);
    is scanned($v)->{uri}, $app->{uri}, 'what is to be scanned is still there';
    $v->submit({code => code($app)}, {}, '/confirm')->is(200)->says('Keep these recovery codes');
    is scalar @{codes($v)}, 10, 'ten codes';
    is $v->dom->at('a.main')->{href}, '/wiki', 'and on';
    $v->get('')->is(200)->says(email('xena'), 'phone');
    my ($page) = $v->get('factors')->dom->at('a[href*="/factors/0"]')->{href};
    $v->get($page)->says('your only one', 'you set up another when you sign in next');
    unused('xena');
};

subtest 'a browser that is remembered' => sub {
    $t->settings->{autoflow_mfa} = 'optional remember=30d';
    $t->reload->ready;
    my $yves = guarded('yves');
    my $v = asked('yves');
    ok $v->dom->at('[name=remember]'), 'it can be asked for';
    $v->submit({code => code($yves)});
    my ($page) = $v->get('factors')->dom->at('a[href*="/factors/0"]')->{href};
    unlike $v->get($page)->says('your only one')->res->body, qr/you set up another/,
        'nobody must have a factor';
    is $v->cookie('af_device'), undef, 'and need not';
    $v->get('sign-out')->submit({});
    $v->get('sign-in')->submit({email => email('yves'), password => $good});
    unused('yves');
    $v->submit({code => code($yves), remember => 'true'})->leads_to('/account/');
    ok $v->cookie('af_device'), 'it is';
    $v->get('sign-out')->submit({});
    $v->get('sign-in')->submit({email => email('yves'), password => $good})->leads_to('/account/');
    $v->get('sessions')->says('Remembered browsers', 'This device');
    $v->submit({}, {}, '/forget')->leads_to('/account/sessions?done=device_forgotten');
    $v->get('sessions')->says('There are none');
    $v->get('sign-out')->submit({});
    $v->get('sign-in')->submit({email => email('yves'), password => $good})
        ->is(200)->says('Enter your code');
    delete $t->settings->{autoflow_mfa};
    $t->reload->ready;
};

subtest 'a key that is missing' => sub {
    my $zoe = guarded('zoe');
    my $v = asked('zoe');
    my $key = $t->settings->{autoflow_seal_key};
    $t->settings->{autoflow_seal_key} = 'hex:' . 'b2' x 32;
    $t->reload->ready;
    $v->submit({code => code($zoe)})->is(503)->says('Enter your code');
    like error($v, 'code'), qr/can’t be checked.*use a recovery code/, 'what else there is';
    recovers($v, $zoe->{codes}[0])->leads_to('/account/');
    $t->settings->{autoflow_seal_key} = $key;
    $t->reload->ready;
};

subtest 'without a key to seal with' => sub {
    my $owen = guarded('owen');
    $t->settings->{autoflow_seal_key} .= ' use=open';
    $t->reload->ready;
    my $v = asked('owen')->submit({code => code($owen)});
    $v->get('factors')->is(200)->says('phone');
    is $v->dom->at('a[href$="/add"]'), undef, 'none can be added';
    $v->get('factors/add')->submit({name => 'x', current_password => $good})->is(409)
        ->says('No second factors can be added here');
    my $w = signed_in('paul');
    $w->get('');
    unlike $w->dom->at('main')->all_text, qr/Second factor/, 'nor is it said that they can';
    $t->settings->{autoflow_seal_key} =~ s/ use=open//;
    $t->reload->ready;
};

# the clock is ahead of the database's from then on
subtest 'what took too long' => sub {
    my $emma = guarded('emma');
    my $v = asked('emma');
    $t->put_ok('/auth/me/password' => $t->bearer($emma) => json =>
        {current_password => $good, new_password => "$good!"})->status_is(204);
    $v->submit({code => code($emma)})->is(400)->says('your password was changed');

    $v = asked('emma', 'sign-in?return=/wiki', "$good!");
    $t->pass(601);
    $v->submit({code => code($emma)})->is(400)->says('longer than ten minutes');
    is value($v, 'return'), '/wiki', 'it begins again, and leads there';
    is value($v, 'mfa_token'), undef;
    is $v->dom->at('h1')->text, 'Sign in';
    $v->submit({email => email('emma'), password => "$good!"})->is(200)
        ->submit({code => code($emma)})->leads_to('/wiki');
};

$t->finish;

done_testing;
