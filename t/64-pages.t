# autoflow_pages, as somebody without scripts sees them: forms, what proves that
# they are ours, redirects, errors, languages, own templates.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path tempdir);
use Mojo::JSON qw(decode_json);
use Mojo::URL;
use Test::Autoflow;
use Test::Autoflow::Guide;
use Test::Autoflow::Maildir;
use Test::Autoflow::Visitor;
use Test::More;

my $root = $Test::Autoflow::root;
my $guide = Test::Autoflow::Guide->new('pages.md');
my $words = decode_json(path($root, 'pages/texts/en.json')->slurp);
my $good = 'correct horse battery staple';
my $own  = tempdir;
chmod 0755, $own;
path($own, 'templates')->make_path->child('account.html')->spurt('{{>start}}<h2>Mine</h2>{{>end}}');
path($own, 'templates/password.html')->spurt('<main><p>{{#values}}{{current_password}}',
    '{{new_password}}{{/values}}</p><form method="post" action="{{base}}password">',
    '{{>hidden}}</form></main>');
path($own, 'texts')->make_path->child('fr.json')->spurt('{"sign_in_title": "Connexion"}');
path($own, 'mine.css')->spurt('b{}');

my $t = Test::Autoflow->new(clock => 1, server => $guide->text(language => 'nginx') . <<"END");
location /wiki/ { autoflow_auth on; autoflow_login /account/; proxy_pass http://echo; }
location /own/ {
    autoflow_auth on;
    autoflow_login_return https://wiki.example.com;
    location /own/pages/ {
        autoflow_auth on;
        autoflow_pages "brand=A & B" templates=$own css=$own/mine.css;
    }
}
END
$guide->finish;
my $mails = Test::Autoflow::Maildir->new(t => $t);
$mails->link_base($t->url('/account'));
$mails->configure(autoflow_pages_dir => "$root/pages", autoflow_registration => 'open');
$t->start;
my %ada = (email => 'ada@example.com', password => $good);
$t->register(%ada);

sub visitor ($base = '/account/') { Test::Autoflow::Visitor->new(t => $t, base => $base) }

# whose password was given a while ago: a page renews the token that says when
sub aged ($v) {
    $t->db->do(q{UPDATE autoflow.sessions SET authenticated_at = now() - interval '11 minutes'});
    return $v->drop('af_access');
}

# where the page leads that asks for the password
sub asked ($v) {
    my $place = Mojo::URL->new($v->res->headers->location // '');
    return $place->path eq '/account/confirm' ? $place->query->param('return') : $v->res->code;
}

subtest 'signing in and out' => sub {
    my $v = visitor();
    $v->get('')->leads_to('/account/sign-in');
    like $v->get('/account')->is(301)->res->headers->location, qr{/account/$}, 'with a slash';
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
    is $v->dom->at('.ways'), undef, 'and no other way';
    $v->submit(\%ada)->leads_to('/wiki?a=1&b');
    is_deeply [sort keys %{$v->cookies}], [qw(af_access af_csrf af_refresh af_trip)],
        'a session in cookies, and that it leads back';
    $v->get('')->is(200)->says('ada@example.com', 'Example');
    $v->get('sign-in')->leads_to('/account/');
    $v->drop('af_trip')->get('sign-in?return=/x')->leads_to('/x');
    $v->get('sign-in?return=/x')->leads_to('/account/cookies?return=%2Fx');
    $v->get('sign-in?return=/y')->leads_to('/y');
    $v->get('cookies?return=/x')->says('did not keep you signed in');
    $v->drop('af_trip')->get('?return=/x')->leads_to('/x');
    $v->get('sign-out')->is(200);
    $v->submit({})->leads_to('/account/sign-in?done=signed_out');
    $v->get('sign-in?done=signed_out')->says('You are signed out');
    $v->get('sign-in?done=deleted', {'Sec-Fetch-Site' => 'cross-site'});
    unlike $v->res->text, qr/has been deleted/, 'no link of others says so';
    $v->get('')->leads_to('/account/sign-in');
};

subtest 'a protected site' => sub {
    my $v = visitor();
    my %page = (Accept => 'text/html');
    $v->get('/wiki/a?b=c', \%page)->is(302);
    my $place = $v->res->headers->location;
    is $place, '/account/?return=%2Fwiki%2Fa%3Fb%3Dc', 'it leads to the pages';
    $v->get($place)->leads_to('/account/sign-in?return=%2Fwiki%2Fa%3Fb%3Dc');
    $v->get($v->res->headers->location)->submit(\%ada)->leads_to('/wiki/a?b=c');
    $v->get('/wiki/a?b=c', \%page)->is(200);
};

subtest 'getting an account, and losing the password' => sub {
    my $v = visitor();
    $v->get('sign-up?return=/wiki')->is(200);
    $v->submit({email => 'grace@example.com', password => 'short'})->is(422);
    is $v->dom->at('input[name=email]')->{value}, 'grace@example.com', 'what was typed';
    ok $v->dom->at('#password-error, #new_password-error, .error'), 'what is wrong';
    $v->submit({email => 'ada@example.com', password => $good})->is(409);
    $v->submit({email => 'grace@example.com', password => $good, full_name => ''})
        ->leads_to('/wiki');
    $v->get('')->says('grace@example.com');

    # a link only shows a page
    my $link = $mails->link('grace@example.com', 'verify-email') =~ s{.*/account/}{}r;
    $v->get($link)->is(200)->get($link)->is(200);
    $v->submit({})->leads_to('/account/sign-in?done=verified');
    $v->get('sign-in?done=verified')->leads_to('/account/?done=verified');
    $v->get($link)->submit({})->is(400);
    ok $v->dom->at('a[href$="verify-email/again"]'), 'a used one: another way';

    my $w = visitor();
    $w->get('forgot-password')->submit({email => 'grace@example.com'})
        ->leads_to('/account/forgot-password?done=mail_sent');
    $link = $mails->link('grace@example.com', 'reset-password') =~ s{.*/account/}{}r;
    $w->get($link)->is(200);
    is $w->dom->at('input[autocomplete=username]')->{value}, 'grace@example.com',
        'a password manager knows whose password it is';
    $w->submit({new_password => 'grace'})->is(422);
    $w->submit({new_password => 'a fresh battery for the horse'})
        ->leads_to('/account/sign-in?done=password_reset');
    $w->get($link)->is(400);
    ok $w->dom->at('a[href$="forgot-password"]'), 'a used one: another way';
    $w->get("$_")->is(400) for 'reset-password', 'reset-password?token=x', 'verify-email?token=x';
    $v->get('')->leads_to('/account/sign-in');
    $w->get('sign-in')->submit({email => 'grace@example.com',
        password => 'a fresh battery for the horse'})->leads_to('/account/');
};

subtest 'the account' => sub {
    my $v = visitor();
    my %mary = (email => 'mary@example.com', password => $good);
    $t->register(%mary);
    $v->get('profile')->leads_to('/account/sign-in?return=%2Faccount%2Fprofile');
    $v->post('profile', {full_name => 'X'})->leads_to(
        '/account/sign-in?return=%2Faccount%2Fprofile');
    $v->get('sign-in?return=/account/profile')->submit(\%mary)->leads_to('/account/profile');
    $v->get('profile')->submit({full_name => 'Mary <S>', username => 'mary', bio => "a\nb"})
        ->leads_to('/account/profile?done=saved');
    $v->get('profile');
    is $v->dom->at('[name=full_name]')->{value}, 'Mary <S>', 'saved';
    $v->submit({username => 'not a name'})->is(422);
    is $v->dom->at('[name=username]')->{value}, 'not a name', 'what was typed';
    is $v->dom->at('[name=full_name]')->{value}, 'Mary <S>', 'beside what is right';
    $v->submit({username => ''})->leads_to('/account/profile?done=saved');
    is $v->get('profile')->dom->at('[name=username]')->{value} // '', '', 'cleared';

    $v->get('email')->submit({email => 'mary2@example.com', current_password => 'no'})->is(403);
    $v->submit({email => 'mary2@example.com', current_password => ''})->is(422);
    $v->submit({email => '', current_password => $good})->is(422);
    $v->submit({email => 'mary2@example.com', current_password => $good})
        ->leads_to('/account/email?done=mail_sent');

    my $other = visitor();
    $other->get('sign-in')->submit(\%mary);
    $v->get('password')->submit({current_password => 'no', new_password => 'x'})->is(422);
    $v->submit({current_password => 'no', new_password => "another $good"})->is(403);
    $v->submit({current_password => $good, new_password => "another $good"})
        ->leads_to('/account/password?done=password_changed');
    $mary{password} = "another $good";
    $v->get('')->is(200);

    $other->get('sign-in')->submit(\%mary)->leads_to('/account/');
    my ($end) = $v->get('sessions')->is(200)->dom->find('form[action$="/end"]')
        ->map(attr => 'action')->each;
    ok $end, 'another session';
    $v->submit({}, {}, '/end')->leads_to('/account/sessions?done=session_ended');
    $other->get('')->leads_to('/account/sign-in');
    $v->get('sessions')->post($end, {csrf => $v->dom->at('[name=csrf]')->{value}})->is(404);
    $other->get('sign-in')->submit(\%mary);
    $v->get('sessions')->submit({}, {}, 'end-others')
        ->leads_to('/account/sessions?done=others_ended');
    $other->get('')->leads_to('/account/sign-in');
    $v->get('sessions')->submit({}, {}, 'end-all')->leads_to('/account/sign-in?done=all_ended');
    $v->get('')->leads_to('/account/sign-in');

    $v->get('sign-in')->submit(\%mary);
    $v->get('export')->is(200);
    is $v->res->json->{user}{email}, 'mary@example.com', 'all data';
    like $v->res->headers->content_disposition, qr/attachment/, 'to save';
    $v->get('delete')->submit({current_password => 'no'})->is(403);
    $v->submit({})->is(422);
    $v->submit({current_password => $mary{password}})->leads_to('/account/sign-in?done=deleted');
    $v->get('sign-in')->submit(\%mary)->is(401);
};

subtest 'the administration' => sub {
    my $root = $t->superuser($t->register(email => 'root@example.com'));
    my $bob  = $t->register(email => 'bob@example.com');
    my ($v, $w) = (visitor(), visitor());
    $w->get('sign-in')->submit({email => 'bob@example.com', password => $good});
    $w->get("admin/$_")->is(403) for 'users', 'roles', 'audit', "users/$bob->{user}{id}";
    visitor()->get('admin/users?q=bob')->leads_to(
        '/account/sign-in?return=%2Faccount%2Fadmin%2Fusers%3Fq%3Dbob');
    $v->get('sign-in')->submit({email => 'root@example.com', password => $good});
    $v->get('admin/users?q=bob@')->is(200)->says('bob@example.com');
    unlike $v->res->text, qr/grace\@/, 'no others';
    $v->get('admin/users?q=&role=')->is(200)->says('grace@example.com');
    $v->get('admin/users?size=2')->is(200);
    ok my ($next) = $v->dom->find('a[rel=next]')->map(attr => 'href')->each, 'more';
    $v->get("admin/users$next")->is(200);
    $v->get('admin/users?q=x')->is(422);
    $v->get('admin/users?is_superuser=true&is_active=true')->is(200)->says('root@example.com');
    unlike $v->dom->at('table')->all_text, qr/bob\@/, 'superusers alone';
    is_deeply [map { $v->dom->at("#$_ [selected]")->{value} } qw(is_superuser is_active)],
        [qw(true true)], 'as was chosen';
    $v->get('admin/users?q=&role=&is_active=&is_superuser=false')->is(200)->says('bob@example.com');
    unlike $v->dom->at('table')->all_text, qr/root\@/, 'and others alone';
    is $v->get('admin/users?role=guild')->is(200)->dom->at('#role [selected]')->text, 'guild',
        'a role of nobody';
    $v->get('admin/users?' . join '&', map { "$_=" . "\xc3\xa9" x 60 } 'role')->is(422);

    my $page = "admin/users/$bob->{user}{id}";
    $v->get('admin/roles')->submit({name => 'editors', description => ''}, {}, 'admin/roles')
        ->leads_to('/account/admin/roles?done=role_made');
    $v->get('admin/roles')->submit({name => 'editors'}, {}, 'admin/roles')->is(409);
    $v->submit({name => 'Not a role'}, {}, 'admin/roles')->is(422);
    $v->get($page)->is(200)->says('bob@example.com', 'editors');
    ok $v->dom->at('form[action$="end-sessions"]'), 'with sessions';
    $v->submit({role_editors => 1}, {}, '/roles')->leads_to("/account/$page?done=roles_saved");
    ok exists $v->get($page)->dom->at('[name=role_editors]')->attr->{checked}, 'a role';
    subtest 'more roles than a page shows' => sub {
        my $long = 'r' x 100;
        $t->db->do(q{INSERT INTO autoflow.roles (name)
            SELECT 'a' || n FROM generate_series(1, 101) n UNION SELECT ?}, {}, $long);
        $t->db->do(q{INSERT INTO autoflow.user_roles (user_id, role_id)
            SELECT ?, id FROM autoflow.roles WHERE name = ?}, {}, $bob->{user}{id}, $long);
        my $held = sub { sort map { $_->{name} =~ s/^role_//r }
            grep { exists $_->attr->{checked} } $v->dom->find('[name^=role_]')->each };
        $v->get($page);
        is_deeply [$held->()], ['editors', $long], 'all that the account has';
        $v->submit({role_gone => 1}, {}, '/roles')->is(422);
        is_deeply [$held->()], ['editors', $long], 'and after an error those that were chosen';
        $t->db->do(q{DELETE FROM autoflow.roles WHERE name <> 'editors'});
    };
    $v->submit({}, {}, '/end-sessions')->leads_to("/account/$page?done=user_sessions_ended");
    $w->get('')->leads_to('/account/sign-in');
    $v->get($page)->submit({}, {}, '/disable')->leads_to("/account/$page?done=user_disabled");
    $w->get('sign-in')->submit({email => 'bob@example.com', password => $good})->is(403);
    $v->get($page)->submit({}, {}, '/enable')->leads_to("/account/$page?done=user_enabled");
    $v->get($page)->submit({}, {}, '/superuser')->leads_to("/account/$page?done=superuser_given");
    $v->get($page)->submit({}, {}, '/superuser')->leads_to("/account/$page?done=superuser_taken");
    $v->get("admin/users/$root->{user}{id}")->submit({}, {}, '/superuser')->is(409);
    my ($role) = $v->get('admin/roles')->dom->find('form[action$="/delete"]')
        ->map(attr => 'action')->each;
    $v->post($role, {csrf => $v->dom->at('[name=csrf]')->{value}})
        ->leads_to('/account/admin/roles?done=role_deleted');
    $v->get('admin/audit?action=logged_out&actor_id=')->is(200);
    is $v->dom->at('tbody th')->text =~ s/\s+\z//r, 'Signed out', 'in words';
    is $v->dom->at('#action [selected]')->{value}, 'logged_out', 'as was chosen';
    is $v->get('admin/audit?action=of_old')->is(200)->dom->at('#action [selected]')->text, 'of_old',
        'an event that there are no words for';
    $v->get('admin/audit?actor_id=x')->is(422);
    $v->get('admin/users/00000000-0000-4000-8000-000000000000')->is(404);
    my $csrf = $v->get('admin/roles')->dom->at('[name=csrf]')->{value};
    $v->post("$page/disable", {})->is(403);
    $w->get('sign-in')->submit({email => 'bob@example.com', password => $good});
    $w->get('');
    $w->post("$page/superuser", {csrf => $w->dom->at('[name=csrf]')->{value},
        is_superuser => 'true'})->is(403);
    ok !$t->db->selectrow_array('SELECT is_superuser FROM autoflow.users WHERE id = ?', {},
        $bob->{user}{id}), 'nobody promotes themselves';
};

subtest 'invitations' => sub {
    my $v = visitor();
    $v->get('sign-in')->submit({email => 'root@example.com', password => $good});
    $t->db->do(q{INSERT INTO autoflow.roles (name) VALUES ('guests')});
    $v->get('invitations')->is(200);
    $v->submit({email => 'not an address'}, {}, 'invitations')->is(422);
    $v->submit({email => 'ada@example.com'}, {}, 'invitations')->is(409);
    $v->submit({email => "$_\@example.com", role_guests => 1}, {}, 'invitations')
        ->leads_to('/account/invitations?done=invited')->get('invitations')
        for 'joan', 'mae';
    $v->says('joan@example.com', 'guests');

    my $link = $mails->link('joan@example.com', 'accept-invitation') =~ s{.*/account/}{}r;
    my $w = visitor();
    $w->get($link)->is(200);
    is $w->dom->at('input[autocomplete=username]')->{value}, 'joan@example.com', 'who is invited';
    $w->submit({password => 'short'})->is(422);
    is $w->dom->at('input[autocomplete=username]')->{value}, 'joan@example.com', 'still';
    $w->submit({password => $good, full_name => 'Joan'})->leads_to('/account/');
    $w->get('')->is(200)->says('joan@example.com');
    visitor()->get($link)->is(400);

    $v->get('invitations')->submit({}, {}, '/resend')->is(409);
    ok $v->dom->at('#problem'), 'not at once';
    $t->db->do("UPDATE autoflow.$_ SET created_at = created_at - interval '2 minutes'")
        for 'outbox', 'invitations';
    $v->submit({}, {}, '/resend')->leads_to('/account/invitations?done=invited');

    $link = $mails->link('mae@example.com', 'accept-invitation', 2) =~ s{.*/account/}{}r;
    $v->get('invitations')->submit({}, {}, '/withdraw')
        ->leads_to('/account/invitations?done=withdrawn');
    $w = visitor()->get($link)->is(400);
    ok $w->dom->at('a[href$="sign-in"]'), 'another way';
    visitor()->get($_)->is(400) for 'accept-invitation', 'accept-invitation?token=x';
    $v->get('admin/audit?action=invited')->says('for: mae@example.com; roles: guests');
    unlike $v->res->text, qr/_text/, 'without what is for templates';
};

subtest 'that it is still you' => sub {
    my $v = visitor();
    $v->get('sign-in')->submit({email => 'root@example.com', password => $good});
    my $form = $v->get('admin/roles')->is(200)->res;
    aged($v);
    my $id = $t->db->selectrow_array(
        q{SELECT id FROM autoflow.users WHERE email = 'ada@example.com'});
    for my $page ('admin/users', 'admin/users?q=ada&page=1', "admin/users/$id", 'admin/roles',
        'admin/audit?action=invited', 'invitations') {
        is asked($v->get($page)), "/account/$page", "$page is not even shown";
    }
    $v->get($_)->is(200) for '', 'profile', 'sessions', 'export';
    my %role = (name => 'late', description => '');
    $v->res($form)->at('roles')->submit(\%role, {}, 'admin/roles')
        ->leads_to('/account/confirm?return=%2Faccount%2Fadmin%2Froles');
    $v->get('confirm?return=/account/admin/roles')->submit({current_password => 'no'})->is(403);
    $v->submit({current_password => $good})->leads_to('/account/admin/roles');
    $v->get('confirm')->submit({current_password => $good})->leads_to('/account/') for 1 .. 11;
    $form = $v->get('admin/roles')->res;
    $v->submit(\%role, {}, 'admin/roles')->leads_to('/account/admin/roles?done=role_made');
    my $w = visitor();
    $w->get('sign-in')->submit({email => 'root@example.com', password => $good});
    aged($w)->get('profile')->is(200);
    $role{name} = 'later';
    $w->get('admin/roles')->leads_to('/account/confirm?return=%2Faccount%2Fadmin%2Froles');
    $w->post('admin/roles', {%role, csrf => $w->cookie('af_csrf')})
        ->leads_to('/account/confirm?return=%2Faccount%2Fadmin%2Froles');
    $v->get('confirm')->submit({current_password => $good})->get('admin/roles')->is(200);
};

# as a browser sends it
my %person = ('Sec-Fetch-Mode' => 'navigate', 'Sec-Fetch-Dest' => 'document');

subtest 'what was filled in is there afterwards' => sub {
    $t->db->do(q{INSERT INTO autoflow.roles (name) VALUES ('chosen')});
    my $user = $t->register(email => 'kept@example.com')->{user}{id};
    my $v = visitor();
    $v->get('sign-in')->submit({email => 'root@example.com', password => $good});
    my $fill = sub ($page, $values, $action, $headers = \%person) {
        $v->get('confirm')->submit({current_password => $good})->get($page)->is(200);
        return asked(aged($v)->submit($values, $headers, $action));
    };
    my $confirm = sub ($place) {
        $v->get(Mojo::URL->new('confirm')->query(return => $place))
            ->submit({current_password => $good})->leads_to($place)->get($place)->is(200);
    };
    my $place = $fill->('admin/roles', {name => 'late-role', description => 'a & <b>'}, 'roles');
    my ($kept) = $place =~ m{^/account/admin/roles\?kept=([\w-]+)$} or fail "kept: $place";
    is asked($v->get($place)), $place, 'it stays until then';
    $confirm->($place);
    ok $v->dom->at('#kept'), 'that is said';
    is $v->dom->at('[name=name]')->{value}, 'late-role', 'one field';
    is $v->dom->at('[name=description]')->{value}, 'a & <b>', 'and another';
    is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.roles WHERE name = 'late-role'}), 0,
        'nothing is done';
    $v->submit({}, \%person, 'roles')->leads_to('/account/admin/roles?done=role_made');

    $place = $fill->('admin/roles', {name => 'Not a role', description => 'why'}, 'roles');
    $confirm->($place);
    is $v->dom->at('[name=name]')->{value}, 'Not a role', 'also what is wrong';

    $confirm->($fill->('invitations', {email => 'new@example.com', role_chosen => 1},
        'invitations'));
    is $v->dom->at('#email')->{value}, 'new@example.com', 'an invitation';
    ok exists $v->dom->at('[name=role_chosen]')->attr->{checked}, 'with a role';
    $confirm->($fill->("admin/users/$user", {role_chosen => 1}, '/roles'));
    ok exists $v->dom->at('[name=role_chosen]')->attr->{checked}, "an account's roles";
    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.user_roles WHERE user_id = ?', {},
        $user), 0, 'which it has not got yet';
    is $fill->("admin/users/$user", {}, '/superuser'), "/account/admin/users/$user",
        'a button has nothing to keep';

    my %long = (name => 'x', description => 'y' x 2000);
    is $fill->('admin/roles', \%long, 'roles'), '/account/admin/roles', 'nor is much kept';
    is $fill->('admin/roles', {name => 'x'}, 'roles', {'Sec-Fetch-Mode' => 'cors',
        'Sec-Fetch-Dest' => 'empty', 'Sec-Fetch-Site' => 'same-origin'}), '/account/admin/roles',
        'and a script gets nothing';

    $v->get('confirm')->submit({current_password => $good});
    is asked(aged($v)->post('admin/roles', {name => 'planted', csrf => $_}, \%person)),
        '/account/admin/roles', "and another site's form nothing" for '', 'x' x 48;

    my $w = visitor();
    $w->get('sign-in')->submit({email => 'root@example.com', password => $good});
    for my $link ($kept, $kept =~ s/^....//r, $kept . 'AAAA', '', 'x' x 1500) {
        ok !$w->get("admin/roles?kept=$link")->is(200)->dom->at('#kept'), 'nobody else has it';
        is $w->dom->at('[name=name]')->{value} // '', '', 'in a form';
    }
    $v->get('confirm')->submit({current_password => $good});
    ok !$v->get("invitations?kept=$kept")->is(200)->dom->at('#kept'), 'nor has another form';
    ok !$v->dom->find('main a')->first(sub { ($_->{href} // '') =~ /kept/ }), 'and no link goes on';
};

# who may see which page and send which form; an asterisk: with the password
my %may = (
    any => [qw(GET:/cookies GET:/sign-out POST:/sign-out POST:/sign-in POST:/sign-in/passkey
        GET:/sign-in/code
        POST:/sign-in/code GET:/sign-in/enrol POST:/sign-in/enrol
        GET:/sign-in/enrol/{id}/confirm POST:/sign-in/enrol/{id}/confirm
        POST:/sign-in/enrol/passkey POST:/sign-in/enrol/key POST:/sign-in/enrol/passkey/make
        POST:/sign-up
        POST:/sign-up/passkey POST:/sign-up/passkey/make
        POST:/accept-invitation/passkey POST:/accept-invitation/passkey/make
        GET:/accept-invitation POST:/accept-invitation GET:/forgot-password POST:/forgot-password
        GET:/reset-password POST:/reset-password GET:/verify-email POST:/verify-email
        GET:/verify-email/again POST:/verify-email/again)],
    guest => [qw(GET:/sign-in GET:/sign-up)],
    user => [qw(GET:/ GET:/profile POST:/profile GET:/email POST:/email GET:/password
        POST:/password GET:/sessions POST:/sessions/{id}/end POST:/sessions/end-others
        POST:/sessions/end-all POST:/devices/{id}/forget GET:/factors
        GET:/factors/{id}/confirm POST:/factors/{id}/confirm GET:/factors/{id}
        POST:/factors/{id}/rename GET:/export GET:/delete POST:/delete GET:/confirm POST:/confirm)],
    'user*' => [qw(POST:/factors/codes GET:/factors/add POST:/factors/add
        GET:/factors/add-passkey POST:/factors/add-passkey GET:/factors/add-key
        POST:/factors/add-key POST:/factors/{id}/remove GET:/invitations
        POST:/invitations POST:/invitations/{id}/resend
        POST:/invitations/{id}/withdraw)],
    'superuser*' => [qw(GET:/admin/users GET:/admin/users/{id} POST:/admin/users/{id}/disable
        POST:/admin/users/{id}/enable POST:/admin/users/{id}/superuser
        POST:/admin/users/{id}/roles POST:/admin/users/{id}/end-sessions
        POST:/admin/users/{id}/reset-factors GET:/admin/roles
        POST:/admin/roles POST:/admin/roles/{id}/delete GET:/admin/audit)],
);

subtest 'who may' => sub {
    my %rows;
    my $source = path($root, 'src/pages/routes.c')->slurp;
    while ($source =~ m{^    \{ "(\w+)", "([^"]+)", AF_PAGE_(\w+),(.*?) \},\n}gms) {
        push @{$rows{lc($3) . ($4 =~ /\.fresh = 1/ ? '*' : '')}}, "$1:$2";
    }
    is_deeply {map { $_ => [sort @{$rows{$_}}] } keys %rows},
        {map { $_ => [sort @{$may{$_}}] } keys %may}, 'all pages are known';

    my $eve = $t->register(email => 'may@example.com', password => $good)->{user}{id};
    my %who = map { $_ => visitor() } qw(nobody user superuser);
    $who{user}->get('sign-in')->submit({email => 'may@example.com', password => $good});
    $who{superuser}->get('sign-in')->submit({email => 'root@example.com', password => $good});
    aged($_)->get('profile')->get('sign-out') for values %who;
    my %csrf = map { $_ => $who{$_}->dom->at('[name=csrf]')->{value} } keys %who;

    # what becomes of it: the page that it leads to, or its status
    my $ask = sub ($who, $page, %form) {
        my ($method, $path) = split /:/, $page =~ s/\{id\}/$eve/r;
        my $v = $who{$who};
        $path = substr $path, 1;
        $method eq 'GET' ? $v->get($path) : $v->post($path, \%form);
        my $place = Mojo::URL->new($v->res->headers->location // '')->path;
        return $place =~ m{^/account/([\w-]*)} ? $1 || '/' : $v->res->code;
    };
    my (%got, %expected);
    for my $need (keys %may) {
        for my $page (@{$may{$need}}) {
            my $form = $page =~ /^POST/;
            my @row = ($ask->(nobody => $page));
            my $refused = $page =~ /accept|reset|verify-email$/ ? 400 : 403;
            $expected{$page} = [$need =~ /user/ || $page =~ m{GET:/sign-in/.} ? 'sign-in'
                : $form ? $refused : $refused == 400 ? 400 : 200];

            # without the token; a page that is shown again is one to confirm, too
            if ($form && $need =~ /user/) {
                push @row, map { $ask->($_ => $page) } qw(user superuser);
                # nobody has that factor
                my $again = $page =~ m{/(?:rename|remove)$} ? 404 : 403;
                my $asks  = $page !~ m{:/factors/(?!add)};
                push @{$expected{$page}}, $need eq 'user*' && $asks ? 'confirm' : $again,
                    $need =~ /\*/ && $asks ? 'confirm' : $again;
            }
            if ($need =~ /\*/) {
                push @row, map { $ask->($_ => $page, csrf => $csrf{$_}) } qw(user superuser);
                push @{$expected{$page}}, $need eq 'user*' ? 'confirm' : 403, 'confirm';
            }
            $got{$page} = \@row;
        }
    }
    is_deeply \%got, \%expected, 'and nobody else may';
};

subtest 'inviters' => sub {
    my $who = $t->register(email => 'host@example.com', password => $good)->{user}{id};
    $t->db->do(q{INSERT INTO autoflow.roles (name) VALUES ('hosts'), ('cooks'), ('kings')});
    $t->db->do(q{INSERT INTO autoflow.user_roles (user_id, role_id)
        SELECT ?, id FROM autoflow.roles WHERE name IN ('hosts', 'cooks')}, {}, $who);
    my %host = (email => 'host@example.com', password => $good);
    my $v = visitor();
    $v->get('sign-in')->submit(\%host)->get('')->is(200);
    my $nav = sub { $v->dom->find('nav a')->map(attr => 'href')->grep(qr/invit|admin/)->to_array };
    is_deeply $nav->(), [], 'without inviters=, none of them';
    $v->get('invitations')->is(403);
    $mails->configure(autoflow_pages_dir => "$root/pages", autoflow_registration =>
        'invite inviters=hosts');
    $t->reload->ready;
    $v->get('sign-in');
    is_deeply [$v->get('')->is(200), $nav->()]->[1], ['/account/invitations'], 'with it: a way';
    $v->get('invitations')->is(200);
    is_deeply $v->dom->find('[name^=role_]')->map(attr => 'name')->to_array, ['role_cooks'],
        'what they can give';
    $v->submit({email => 'mine@example.com', role_cooks => 1}, {}, 'invitations')
        ->leads_to('/account/invitations?done=invited')->get('invitations')
        ->says('mine@example.com', 'cooks');
    for my $role (qw(hosts kings)) {
        $v->submit({email => 'more@example.com', "role_$role" => 1}, {}, 'invitations')->is(403)
            ->says("You don\x{2019}t have the right");
        is $v->dom->at('#email')->{value}, 'more@example.com', 'what was typed';
    }
    my $chief = visitor();
    $chief->get('sign-in')->submit({email => 'root@example.com', password => $good});
    $chief->get('invitations')->submit({email => 'theirs@example.com'}, {}, 'invitations');
    $chief->get('invitations')->says('mine@example.com', 'theirs@example.com');
    my ($theirs) = $chief->dom->find('tr')->grep(sub { $_->all_text =~ /theirs/ })
        ->map(at => 'form[action$=withdraw]')->map(attr => 'action')->each;
    unlike $v->get('invitations')->is(200)->res->text, qr/theirs\@/, 'only their own';
    $v->post($_, {csrf => $v->dom->at('[name=csrf]')->{value}})->is(404)
        for $theirs, $theirs =~ s/withdraw/resend/r;
    $v->get('invitations')->submit({}, {}, '/withdraw')
        ->leads_to('/account/invitations?done=withdrawn');
    aged($v)->get('invitations')
        ->leads_to('/account/confirm?return=%2Faccount%2Finvitations');
    my $w = visitor();
    $w->get('sign-in')->submit(\%ada)->get('')->is(200);
    $w->get('invitations')->is(403);
    $w->post('invitations', {email => 'x@example.com', csrf => $w->cookie('af_csrf')})->is(403);
    $mails->configure(autoflow_pages_dir => "$root/pages", autoflow_registration => 'open');
    $t->reload->ready;
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
    $other->get('sign-in')->submit(\%ada);
    my %theirs = (csrf => $token, refresh_token => $other->cookie('af_refresh'));
    $v->drop('af_access')->post('sign-out', \%theirs)
        ->leads_to('/account/sign-in?done=signed_out');
    $other->drop('af_access')->get('')->is(200);
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
    $tabs[1]->drop('af_access')->get('sign-in')->is(200);
    my $form = $tabs[1]->res;
    $tabs[1]->cookies->{af_refresh} = $v->cookie('af_refresh');
    $tabs[1]->get('sign-in')->is(200);
    $tabs[1]->res($form)->submit(\%ada)->leads_to('/account/');
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
    my $v = visitor('/own/pages/');
    $v->get('sign-in?return=https://wiki.example.com/a')->is(200);
    like $v->res->headers->header('Content-Security-Policy'),
        qr{form-action 'self' https://wiki\.example\.com; frame-ancestors 'none'},
        'a form may lead to another host';
    $v->submit(\%ada)->leads_to('https://wiki.example.com/a');
    $v->get('sign-out')->submit({});
    $v->get('sign-in', {'Accept-Language' => 'fr'});
    is $v->dom->at('h1')->text, 'Connexion', 'a language';
    is $v->dom->at('html')->{lang}, 'fr', 'by its name';
    $v->says('A & B');
    $v->submit(\%ada)->leads_to('/own/pages/');
    is $v->get('')->dom->at('h2')->text, 'Mine', 'a template';
    my ($css) = grep { m{/custom\.css$} } $v->dom->find('link')->map(attr => 'href')->each;
    $v->get($css)->is(200);
    is $v->res->body, 'b{}', 'a style sheet';
    $v->get('password')->submit({current_password => 'no', new_password => $good})->is(403);
    is $v->dom->at('p')->text, '', 'no template gets what is secret';
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

subtest 'files with mistakes' => sub {
    my $folder = tempdir;
    my $check = Test::Autoflow->new(settings => {autoflow_pages_dir => "$root/pages"},
        server => "location /account/ { autoflow_pages templates=$folder; }");
    my $file = sub ($name, $text) {
        $_->remove_tree for path($folder)->list({dir => 1})->each;
        path($folder, $name)->tap(sub { $_->dirname->make_path })->spurt($text);
        my ($status, $said) = $check->check;
        return $status ? $said : 'accepted';
    };
    is $file->('templates/account.html', '{{unknown}}'), 'accepted', 'a name that is unknown';
    is $file->('texts/fr.json', '{}'), 'accepted', 'a language without texts';
    is $file->('static/other.css', 'x' x 2**20), 'accepted', 'as large as it may be';
    is $file->('templates/notes.txt', '{{'), 'accepted', 'files of other kinds';
    my %wrong = (
        'templates/account.html' => ["a\n{{{user.email}}}",
            qr/account.html" has .*unknown.*line 2/],
        'templates/profile.html' => ["\n\n{{>nowhere}}", qr/profile.html" includes .*line 3/],
        'templates/part.html'    => ['{{>part}}', qr/part.html" includes itself/],
        'templates/sign_in.html' => ['{{#a}}', qr/sign_in.html" has a section without its end/],
        'texts/fr.json'          => ['{"a": 1}', qr/fr.json" has a "a" that is not a string/],
        'texts/de.json'          => ["{\n'a'}", qr/de.json" is not a JSON object in line 2/],
        'static/large.js'        => ['x' x (2**20 + 1), qr/large.js" is too large/],
    );
    like $file->($_, $wrong{$_}[0]), $wrong{$_}[1], $_ for sort keys %wrong;
    $file->('texts/fr.json', '{}');
    for my $row (
        ['location /x { autoflow_pages; }', qr/ends with "\/"/],
        ['location = /x/ { autoflow_pages; }', qr/is a prefix/],
        ['location ~ /x/ { autoflow_pages; }', qr/is a prefix/],
        ['location /a"b/ { autoflow_pages; }', qr/only letters/],
        ['location /x/ { autoflow_pages; autoflow_pages; }', qr/is duplicate/],
        ['location /x/ { autoflow_pages; autoflow_api; }', qr/is duplicate|conflicts/],
        ['location /x/ { autoflow_cookies off; autoflow_pages; }', qr/needs "autoflow_cookies on"/],
        ['location /x/ { autoflow_pages logo=/nowhere.svg; }', qr/nowhere.svg" can't be read/],
        ['location /x/ { autoflow_pages css=/etc/passwd; }', qr/no known type/],
        ['location /x/ { autoflow_pages brand=' . 'x' x 129 . '; }', qr/too long/],
    ) {
        $check->server($row->[0]);
        my ($status, $said) = $check->check;
        like $said, $row->[1], $row->[0] =~ s/x{9,}/…/r;
    }
    $check->settings({autoflow_pages_dir => '/nowhere'});
    $check->server('location /x/ { autoflow_pages; }');
    like +($check->check)[1], qr{/nowhere/templates"; "autoflow_pages_dir" says}, 'nowhere';
};

subtest 'a closed door' => sub {
    for my $door ('invite', 'closed') {
        $mails->configure(autoflow_pages_dir => "$root/pages", autoflow_registration => $door);
        $t->reload->ready;
        my $v = visitor();
        ok !$v->get('sign-in')->is(200)->dom->at('a[href$="sign-up"]'), 'nobody is sent there';
        $v->get('sign-up')->is(200);
        ok !$v->dom->at('input[name=password]'), 'no form';
        $v->get('sign-in')->post('sign-up', {email => 'eve@example.com', password => $good,
            csrf => $v->dom->at('[name=csrf]')->{value}})->is(403);
        ok !$v->dom->at('input[name=password]'), 'nor afterwards';
    }
    $mails->configure(autoflow_pages_dir => "$root/pages", autoflow_registration => 'verified');
    $t->reload->ready;
    my $v = visitor();
    $v->get('sign-up')->submit({email => 'late@example.com', password => $good})
        ->leads_to('/account/sign-in?done=signed_up');
};

is_deeply [grep { !exists $words->{"event_$_"} } map { @$_ }
    @{$t->db->selectall_arrayref('SELECT DISTINCT action FROM autoflow.audit_events')}], [],
    'there are words for everything that happened';

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
