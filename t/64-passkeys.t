# Passkeys and security keys on pages: with a browser and an authenticator in
# software, which do what pages/static/passkeys.js does; accounts that have no
# password, second factors, and proofs that lead back.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(decode_json encode_json);
use Mojo::URL;
use Test::Autoflow;
use Test::Autoflow::Authenticator;
use Test::Autoflow::Factors ();
use Test::Autoflow::Maildir;
use Test::Autoflow::Visitor;
use Test::More;

my $good   = 'correct horse battery staple';
my $t      = Test::Autoflow->new(server => q{
    location /account/ { autoflow_pages; }
    location /begun/ { autoflow_pages start=/wiki/; }
    location /site/ {
        autoflow_auth on;
        autoflow_login /account/sign-in confirm=/account/confirm;
        location /site/aal2/ { autoflow_require aal=2; proxy_pass http://echo; }
        location /site/fresh/ { autoflow_require fresh=10m; proxy_pass http://echo; }
    }
});
my $origin = 'http://localhost:' . $t->port;
my $mails  = Test::Autoflow::Maildir->new(t => $t);
my $sealed = 'hex:' . 'a1' x 32;
$mails->link_base($t->url('/account'));

sub configure (%with) {
    $mails->configure(autoflow_pages_dir => "$Test::Autoflow::root/pages",
        autoflow_registration => 'open', autoflow_seal_key => $sealed,
        autoflow_webauthn => "rp_id=localhost origins=$origin", %with);
}

sub reconfigure (%with) { configure(%with); $t->reload->ready }

configure();
$t->start;
Test::Autoflow::Factors::factors_at($t);

sub visitor ($base = '/account/') { Test::Autoflow::Visitor->new(t => $t, base => $base) }
sub email ($name) { return "$name\@example.com" }
sub device (%with) { Test::Autoflow::Authenticator->new(origin => $origin, %with) }

my %firefox = ('User-Agent' => 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101'
    . ' Firefox/140.0');
my %person = ('Sec-Fetch-Mode' => 'navigate', 'Sec-Fetch-Dest' => 'document');

sub value ($v, $name) { my $input = $v->dom->at("[name=$name]"); return $input && $input->val }
sub error ($v, $field) { my $said = $v->dom->at("#$field-error"); return $said && $said->text }
sub said ($v) { return $v->dom->at('#problem')->all_text =~ s/\s+/ /gr }

# what a browser is to make or to use a passkey with; NULL: nothing
sub options ($v) {
    my $form = $v->dom->at('form[data-options]') or return undef;
    return decode_json($form->{'data-options'});
}

# sends the form of which the script has filled in the credential
sub answer ($v, $credential, %more) {
    my $form = $v->dom->at('form[data-options]');
    my %all = map { $_->{name} => $_->val // '' } $form->find('input[name]')
        ->grep(sub { ($_->{type} // '') ne 'checkbox' })->each;
    return $v->post($form->{action}, {%all, credential => encode_json($credential), %more});
}

# presses the button beside that which takes the password
sub instead ($v, %values) {
    my $button = $v->dom->at('button[formaction]');
    my %all = map { $_->{name} => $_->val // '' }
        $button->ancestors('form')->first->find('input[name]')->each;
    return $v->post($button->{formaction}, {%all, %values}, \%firefox);
}

# what is shown once, and where it leads then
sub keeps ($v, $place) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $v->is(200)->says('Keep these recovery codes');
    is $v->dom->find('#codes li')->size, 10, 'ten';
    is $v->dom->at('a.main')->{href}, $place, "leads to $place";
    return $v;
}

# signed in with the password alone
sub signed_in ($name) {
    $t->register(email => email($name), username => $name);
    return visitor()->get('sign-in')->submit({email => email($name), password => $good})
        ->leads_to('/account/');
}

# with a factor: the visitor, and what it is in
sub keyed ($name, $page = 'add-passkey', %with) {
    my $v = signed_in($name);
    my $device = device(%with);
    answer($v->get("factors/$page"), $device->create(options($v)), name => $page)->is(200)
        ->says('Keep these recovery codes');
    return ($v, $device);
}

sub asked ($name, $place = 'sign-in') {
    return visitor()->get($place)->submit({email => email($name), password => $good})->is(200);
}

# proofs of before
sub aged ($v) {
    Test::Autoflow::Factors::age(660);
    return $v->drop('af_access');
}


subtest 'an account with a passkey, and no password' => sub {
    my $v = visitor()->get('sign-up?return=/wiki%3Fa=1');
    my $button = $v->dom->at('button[formaction]');
    ok exists $button->attr->{formnovalidate}, 'the password need not be typed in';
    is $v->dom->find('main form button')->grep(sub { !$_->{type} })->first->text, 'Create account',
        'what Enter does is the other way';
    instead($v, email => 'no address', full_name => 'Ada')->is(422);
    is $v->dom->at('h1')->text, 'Create an account', 'again';
    ok error($v, 'email'), 'what is wrong';
    is $v->dom->at('#problem a')->{href}, '#email', 'is where it is said';
    is value($v, 'full_name'), 'Ada', 'what was typed';
    instead($v, email => '')->is(422);

    instead($v, email => email('ada'), full_name => 'Ada L.', password => $good)->is(200)
        ->says('Create your passkey');
    my $options = options($v);
    is_deeply [@{$options->{user}}{qw(name displayName)}], [email('ada'), 'Ada L.'],
        'whose it will be';
    is $v->dom->at('[autocomplete=username]')->{value}, email('ada'), 'as the page says';
    is value($v, 'passkey_name'), 'Firefox on Linux', 'what it is called';
    is $v->dom->at('footer a'), undef, 'the page has no other language: it is an answer';
    unlike $v->res->body, qr/\Q$good\E/, 'nothing of the password';
    my $device = device();
    my $form = $v->res;
    for my $wrong ($device->create($options, origin => 'https://evil.example'),
        $device->create($options, challenge => 'AAAA'), {}, 'x') {
        answer($v->res($form)->at('again'), $wrong);
        cmp_ok $v->res->code, '>=', 400, 'a wrong answer is ' . $v->res->code;
        is $v->dom->at('h1')->text, 'Create an account', 'begins again';
        ok $v->dom->at('#problem'), 'and says so';
        is value($v, 'email'), email('ada'), 'with what was typed';
    }
    $v->post('sign-up/passkey/make', {email => email('ada'), csrf => 'x',
        credential => encode_json($device->create($options))})->is(403);
    is_deeply [sort keys %{$v->cookies}], ['af_csrf'], 'nobody is signed in';
    keeps(answer($v->res($form)->at('again'), $device->create($options)), '/wiki?a=1');
    $v->get('')->is(200)->says(email('ada'), 'Ada L.');
    is_deeply $t->db->selectrow_arrayref('SELECT u.password_hash, f.name, s.aal
        FROM autoflow.users u JOIN autoflow.factors f ON f.user_id = u.id
        JOIN autoflow.sessions s ON s.user_id = u.id WHERE email = ?', {}, email('ada')),
        [undef, 'Firefox on Linux', 2], 'a passkey, and no password';

    my $w = visitor()->get('sign-in');
    answer($w, $device->get(options($w)))->leads_to('/account/');

    $w = visitor()->get('sign-up');
    instead($w, email => email('ada'))->is(200);
    answer($w, device()->create(options($w)))->is(409);
    like error($w, 'email'), qr/account with this address/, 'an address that is taken';
    is value($w, 'email'), email('ada');
    $w = visitor('/begun/')->get('sign-up');
    instead($w, email => email('bert'))->is(200);
    keeps(answer($w, device()->create(options($w))), '/wiki/');
};

subtest 'who may have one' => sub {
    for my $door ('invite', 'closed') {
        my $v = visitor()->get('sign-up');
        reconfigure(autoflow_registration => $door);
        instead($v, email => email('eve'))->is(403);
        is options($v), undef, "$door: nothing is made";
        is $v->get('sign-up')->dom->at('button[formaction]'), undef, 'nor offered';
        reconfigure();
    }
    reconfigure(autoflow_registration => 'verified domains=example.com');
    my $v = visitor()->get('sign-up');
    instead($v, email => 'eve@example.org')->is(422);
    like error($v, 'email'), qr/another domain/, 'before anything is made';
    instead($v, email => email('vera'))->is(200);
    my $device = device();
    keeps(answer($v, $device->create(options($v))), '/account/sign-in?done=signed_up')
        ->says('confirm your address');
    $v->get('sign-in?done=signed_up')->says('confirm your email address');
    answer($v, $device->get(options($v)))->is(403)->says('Confirm your email address first');
    $v->get($mails->link(email('vera'), 'verify-email') =~ s{.*/account/}{}r)->submit({})
        ->leads_to('/account/sign-in?done=verified');
    $v->get('sign-in');
    answer($v, $device->get(options($v)))->leads_to('/account/');
    reconfigure(autoflow_mfa => 'required');
    $v = visitor()->get('sign-up');
    $v->submit({email => email('mia'), password => $good})
        ->leads_to('/account/sign-in?done=must_enrol');
    $v->get('sign-in?done=must_enrol')->says('set up its second factor');
    $v = visitor()->get('sign-up');
    instead($v, email => email('max'))->is(200);
    keeps(answer($v, device()->create(options($v))), '/account/');

    reconfigure(autoflow_webauthn => 'off');
    $v = visitor()->get('sign-up');
    is $v->dom->at('button[formaction]'), undef, 'without passkeys: nothing';
    $v->post('sign-up/passkey', {csrf => value($v, 'csrf'), email => email('eve')})->is(409)
        ->says('There are no passkeys here');
    reconfigure();
};

subtest 'an invitation' => sub {
    my $root = $t->superuser($t->register(email => email('root')));
    reconfigure(autoflow_registration => 'invite');
    my $link = sub ($name) {
        $t->post_ok('/auth/invitations' => $t->bearer($root) => json => {email => email($name)})
            ->status_is(201);
        return $mails->link(email($name), 'accept-invitation') =~ s{.*/account/}{}r;
    };
    my $ivy = $link->('ivy');
    my $v = visitor()->get($ivy)->is(200);
    instead($v, full_name => 'x' x 300)->is(422);
    is $v->dom->at('[autocomplete=username]')->{value}, email('ivy'), 'who is invited, still';
    instead($v, full_name => 'Ivy')->is(200)->says('Create your passkey');
    is_deeply [@{options($v)->{user}}{qw(name displayName)}], [email('ivy'), 'Ivy'],
        'whose it will be';
    is $v->dom->at('[autocomplete=username]')->{value}, email('ivy'), 'as the page says';
    is $v->dom->at('nav a')->{href}, "/account/$ivy", 'and back';
    my $device = device();
    my $form = $v->res;
    answer($v, $device->create(options($v), origin => 'https://evil.example'))->is(403)
        ->says('Accept your invitation', 'not accepted');
    keeps(answer($v->res($form)->at('again'), $device->create(options($v->res($form)))),
        '/account/');
    $v->get('')->is(200)->says(email('ivy'), 'Ivy');
    answer($v->res($form)->at('once more'), device()->create(options($v->res($form))))->is(400)
        ->says('no longer works');
    visitor()->get($ivy)->is(400);
    my $w = visitor()->get('sign-in');
    answer($w, $device->get(options($w)))->leads_to('/account/');

    # a link of others makes no account of theirs with the page to sign up
    reconfigure();
    my $token = $link->('jan') =~ s/.*token=//r;
    $w = visitor()->get("sign-up?token=$token");
    instead($w, email => email('eva'))->is(200);
    is options($w)->{user}{name}, email('eva');
    keeps(answer($w, device()->create(options($w))), '/account/');
    $w->get('')->says(email('eva'));
};

subtest 'what an account without a password is asked for' => sub {
    my $v = visitor()->get('sign-up');
    instead($v, email => email('nora'))->is(200);
    my $device = device();
    keeps(answer($v, $device->create(options($v))), '/account/');
    $v->get('')->says('None: you sign in with a passkey');
    $v->get('factors')->says('your account has no password');
    my ($page) = $v->dom->at('.things .do a')->{href};
    $v->get($page)->is(200)->says('only way in');
    is $v->dom->at('form[action$="/remove"]'), undef, 'it can\'t be removed';
    $v->post("$page/remove", {csrf => value($v, 'csrf')})->is(409)->says('only way in');

    # a recent proof, instead of the password
    my $prove = sub ($place) {
        my $confirm = Mojo::URL->new($v->res->headers->location);
        is $confirm->path, '/account/confirm', 'leads to the passkey';
        like $confirm->query->param('return'), qr{^\Q$place\E(?:\?kept=|$)}, 'and back';
        $v->get($confirm)->is(200);
        answer($v, $device->get(options($v)))->leads_to($confirm->query->param('return'))
            ->get($confirm->query->param('return'))->is(200);
    };
    for my $form ('email', 'delete', 'password') {
        is $v->get($form)->is(200)->dom->at('#current_password'), undef, "$form: no password";
    }
    aged($v)->get('email')->submit({email => 'nora2@example.com'}, \%person)->is(303);
    $prove->('/account/email');
    is value($v, 'email'), 'nora2@example.com', 'what was filled in';
    $v->submit({})->leads_to('/account/email?done=mail_sent');
    $v->get('password')->says('Choose a password', 'has none so far');
    aged($v)->get('password')->submit({new_password => $good})->is(303);
    $prove->('/account/password');
    $v->submit({new_password => $good})->leads_to('/account/password?done=password_changed');
    ok $v->get('password')->dom->at('#current_password'), 'then there is one';
    $v->submit({new_password => "$good!", current_password => ''})->is(422);
    $v->get('delete')->submit({current_password => ''})->is(422);
    $v->get($page)->says('your only one')->submit({}, {}, '/remove')
        ->leads_to('/account/factors?done=factor_removed');

    $v = visitor()->get('sign-up');
    instead($v, email => email('otto'))->is(200);
    $device = device();
    keeps(answer($v, $device->create(options($v))), '/account/');
    aged($v)->get('delete')->submit({})->is(303);
    $prove->('/account/delete');
    $v->submit({})->leads_to('/account/sign-in?done=deleted');

    # whose passkey a superuser has removed
    $v = visitor()->get('sign-up');
    instead($v, email => email('rita'))->is(200);
    keeps(answer($v, device()->create(options($v))), '/account/');
    $t->db->do(q{WITH codes AS (DELETE FROM autoflow.recovery_codes USING autoflow.users u
        WHERE user_id = u.id AND u.email = $1) DELETE FROM autoflow.factors USING autoflow.users u
        WHERE user_id = u.id AND u.email = $1}, {}, email('rita'));
    is $v->get('')->dom->at('a[href$="/password"]')->ancestors('div')->first->at('.soft')->text,
        'None yet', 'no passkey is spoken of';
    aged($v)->get('factors/add-passkey')->is(303);
    $v->get($v->res->headers->location)->is(200)->says('Confirm that it is you',
        'no password, nor anything else', 'A link that we send you');
    is $v->dom->at('#current_password'), undef, 'nor is a password asked for';
    is $v->dom->at('a.main')->{href}, '/account/forgot-password', 'but one is offered';
};

subtest 'who must have a factor' => sub {
    reconfigure(autoflow_mfa => 'required');
    for my $kind ('passkey', 'key') {
        $t->register(email => email("must-$kind"));
        my $v = asked("must-$kind", 'sign-in?return=/wiki')->says('Set up a second factor');
        is_deeply [sort map { $_->{action} } $v->dom->find('main form')->each],
            [map { "/account/sign-in/enrol$_" } '', '/key', '/passkey'], 'all kinds';
        is_deeply [sort keys %{$v->cookies}], ['af_csrf'], 'no session yet';
        $v->submit({}, {}, "/$kind")->is(200);
        my %with = $kind eq 'key' ? (rk => 0, verifies => 0) : ();
        is options($v)->{authenticatorSelection}{residentKey},
            $kind eq 'key' ? 'discouraged' : 'required', $kind;
        my $form = $v->res;
        answer($v, {})->is(422);
        answer($v->res($form)->at('once more'),
            device(%with)->create(options($v->res($form)), origin => 'https://evil.example'))
            ->is(403)->says('not accepted', 'Set up a second factor');
        answer($v->res($form)->at('again'), device(%with)->create(options($v->res($form))),
            name => '')->is(422);
        keeps(answer($v->res($form)->at('again'), device(%with)->create(options($v->res($form))),
            name => 'Blue'), '/wiki');
        $v->get('')->is(200)->says('Blue');
        my $w = visitor()->get('sign-in');
        $w->post("sign-in/enrol/$kind", {csrf => value($w, 'csrf'), enrolment_token => 'x'})
            ->is(400)->says('longer than ten minutes');
        $w->post("sign-in/enrol/$kind", {csrf => 'x', enrolment_token =>
            $form->dom->at('[name=enrolment_token]')->val})->is(403);
        unlike $w->res->body, qr/enrolment_token/, "nothing of another site's form";
    }
    reconfigure(autoflow_mfa => 'required', autoflow_seal_key => "$sealed use=open");
    $t->register(email => email('must'));
    my $v = asked('must');
    is_deeply [sort map { $_->{action} } $v->dom->find('main form')->each],
        [map { "/account/sign-in/enrol/$_" } 'key', 'passkey'], 'without apps';
    reconfigure();
};

subtest 'a security key' => sub {
    my $v = signed_in('kim');
    $v->get('factors/add-key')->is(200);
    my $options = options($v);
    is_deeply [@{$options->{authenticatorSelection}}{qw(residentKey userVerification)}],
        [qw(discouraged discouraged)], 'nothing is kept on it, nor asked for but a touch';
    is value($v, 'name'), 'My security key';
    my $device = device(rk => 0, verifies => 0);
    answer($v, $device->create($options), name => '')->is(422);
    ok error($v, 'name'), 'it has a name';
    ok options($v), 'and the form is there again';
    answer($v, $device->create(options($v)), name => 'Blue')->is(200)
        ->says('Keep these recovery codes');
    is $v->dom->at('footer a'), undef, 'which no link leads away from';
    $v->get('factors')->says('Blue', 'Security key');
    my $second = device(rk => 0, verifies => 0);
    answer($v->get('factors/add-key'), $second->create(options($v)), name => 'Red')
        ->leads_to('/account/factors?done=key_added');
    $v->get('factors?done=key_added')->says('key has been added', 'Red');
    is scalar @{options($v->get('factors/add-key'))->{excludeCredentials}}, 2, 'each once';

    my $w = visitor()->get('sign-in');
    answer($w, $device->get(options($w)))->is(401)->says('not accepted');
    $w = asked('kim', 'sign-in?return=/wiki');
    is $w->dom->at('#code'), undef, 'no app is asked for';
    is_deeply [sort map { $_->{id} } @{options($w)->{allowCredentials}}],
        [sort map { Test::Autoflow::Authenticator::b64($_->id) } $device, $second], 'either';
    my $form = $w->res;
    answer($w, device(rk => 0)->tap(sub { $_->create($options) })->get(options($w)))->is(401);
    answer($w->res($form)->at('again'), $second->get(options($w)))->leads_to('/wiki');

    my ($page) = $v->get('factors')->dom->find('.things li')
        ->first(sub { $_->all_text =~ /Red/ })->at('a')->{href};
    $v->get($page)->submit({name => 'Crimson'}, {}, '/rename')
        ->leads_to('/account/factors?done=factor_renamed');
    $v->get('factors')->says('Crimson');
    $v->get($page)->submit({}, {}, '/remove')->leads_to('/account/factors?done=factor_removed');
    $w = asked('kim');
    is scalar @{options($w)->{allowCredentials}}, 1, 'the other one is left';
};

subtest 'a browser is remembered with one, too' => sub {
    reconfigure(autoflow_mfa => 'optional remember=30d');
    my (undef, $device) = keyed('rosa', 'add-key', rk => 0, verifies => 0);
    my $v = asked('rosa');
    ok $v->dom->at('form[data-options] [name=remember]'), 'that can be asked for';
    answer($v, $device->get(options($v)), remember => 'true')->leads_to('/account/');
    ok $v->cookie('af_device'), 'it is';
    $v->get('sign-out')->submit({});
    $v->get('sign-in')->submit({email => email('rosa'), password => $good})
        ->leads_to('/account/');
    reconfigure();
};

subtest 'proofs lead back' => sub {
    for my $kind ('add-passkey', 'add-key') {
        my ($v, $device) = keyed("una-$kind", $kind, $kind eq 'add-key' ? (rk => 0) : ());
        $v->get('/site/fresh/a?b=1&c=%2F', \%person)->is(200);
        aged($v)->get('/site/fresh/a?b=1&c=%2F', \%person)->is(302);
        my $confirm = $v->res->headers->location;
        $v->get($confirm)->is(200)->says('Confirm that it is you');
        is $v->dom->at('[name=current_password]'), undef, 'a password is not enough';
        my $other = device();
        $other->create({%{options($v)}, rp => {id => 'localhost'}, user => {id => 'A' x 43}});
        answer($v, $other->get(options($v)))->is(403)->says('not accepted');
        ok options($v), 'once more';
        answer($v, $device->get(options($v)))->leads_to('/site/fresh/a?b=1&c=%2F');
        $v->get('/site/fresh/a?b=1&c=%2F', \%person)->is(200)->says('a?b=1&c=%2F');
        $v->get('/site/aal2/', \%person)->is(200);
    }
};

subtest 'who has no factor yet' => sub {
    my $v = signed_in('nell');
    $v->get('/site/aal2/x?y=z', \%person)->is(302);
    my $confirm = $v->res->headers->location;
    my $back = 'return=%2Fsite%2Faal2%2Fx%3Fy%3Dz';
    $v->get($confirm)->is(200)->says('your account has none yet');
    is_deeply [sort map { $_->{href} } $v->dom->find('.things a')->each],
        [map { "/account/factors/$_?$back" } qw(add-key add-passkey add)], 'ways on';

    # the password was of a while ago: it is asked for first
    my $place = "/account/factors/add-passkey?$back";
    aged($v)->get($place)->is(303);
    $confirm = Mojo::URL->new($v->res->headers->location);
    is $confirm->query->param('return'), $place, 'and leads back, all the way';
    $v->get($confirm)->submit({current_password => $good})->leads_to($place);
    $v->get($place);
    my $device = device();
    my $form = $v->res;
    aged($v)->get('profile');
    answer($v->res($form)->at('late'), $device->create(options($v)))->is(303);
    is +Mojo::URL->new($v->res->headers->location)->query->param('return') =~ s/&?kept=[^&]+//r,
        $place, 'also from the form';
    $v->get('confirm')->submit({current_password => $good})->get($place);
    answer($v, $device->create(options($v)))->is(200)->says('Keep these recovery codes');
    is $v->dom->at('a.main')->{href}, '/site/aal2/x?y=z', 'and then on';
    $v->get('/site/aal2/x?y=z', \%person)->is(200);

    $v = signed_in('olga');
    $v->get('confirm?aal=2')->says('none yet');
    reconfigure(autoflow_webauthn => 'off');
    is_deeply [map { $_->{href} } $v->get('confirm?aal=2')->dom->find('.things a')->each],
        ['/account/factors/add'], 'with apps alone';
    reconfigure(autoflow_webauthn => 'off', autoflow_seal_key => "$sealed use=open");
    $v->get('confirm?aal=2')->says('None can be added here');
    is $v->dom->at('.things'), undef, 'with nothing';
    reconfigure(autoflow_mfa => 'off');
    $v->get('confirm?aal=2')->says('None can be added here');
    unlike $v->get('')->dom->at('main')->all_text, qr/Second factor/, 'nor does the account say so';
    is $v->get('factors')->dom->at('.things'), undef, 'or offer any';
    reconfigure();
};

subtest 'a form that comes too late' => sub {
    my $v = signed_in('pia');
    aged($v);
    my %form = (%person, Origin => $t->url =~ s{/$}{}r, 'Sec-Fetch-Site' => 'same-origin');
    $v->post('/site/fresh/pay?to=bob', {sum => 5}, \%form)->is(401);
    is $v->res->headers->location, undef, 'leads nowhere: what it had would be lost';
    unlike $v->res->body, qr/pay/, 'nothing of it reaches what is behind';
};

$t->finish;

done_testing;
