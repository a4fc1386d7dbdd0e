# Invitations: who may invite whom, with which roles, and who accepts, whatever
# others do meanwhile.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(true false decode_json encode_json);
use Test::Autoflow;
use Test::Autoflow::Authenticator;
use Test::Autoflow::Maildir;
use Test::More;

my $good  = 'correct horse battery staple';
my $t     = Test::Autoflow->new(server => 'autoflow_cookies on;', database => 'pool=6');
my $mails = Test::Autoflow::Maildir->new(t => $t);
my $n     = 0;

sub registration ($how, %settings) {
    $mails->configure(autoflow_registration => $how, %settings);
    $t->reload->ready;
}

sub login ($email) {
    my $res = $t->ua->post('/auth/login' => json => {email => $email, password => $good})->res;
    return $res->json;
}

# an account with these roles: its token pair
sub account (@roles) {
    my $email = 'account' . ++$n . '@example.com';
    my $made = $t->ua->post('/auth/users' => $t->bearer(main::root()) => json =>
        {email => $email, password => $good, email_verified => true, roles => \@roles})->res;
    $made->code == 201 or die $made->body;
    return login($email);
}

sub invite ($who, %fields) {
    return $t->post_ok('/auth/invitations' => $t->bearer($who) => json =>
        {email => 'invited' . ++$n . '@example.com', %fields});
}

# one that is made: with its token
sub invited ($who, %fields) {
    my $invitation = invite($who, %fields)->status_is(201)->tx->res->json;
    return {%$invitation,
        token => $mails->token($invitation->{email}, 'accept-invitation')};
}

sub accepts ($invitation, %fields) {
    return $t->post_ok('/auth/invitations/accept' => json =>
        {token => $invitation->{token}, password => $good, %fields});
}

sub look ($invitation) {
    return $t->post_ok('/auth/invitations/look' => json => {token => $invitation->{token}});
}

# a request whose response is awaited later
sub begun ($path, $body, $headers = {}) {
    return $t->client->send(Test::Autoflow::Client::request(POST => $path,
        {'Content-Type' => 'application/json', %$headers}, encode_json($body)));
}

sub accepting ($invitation) {
    return begun('/auth/invitations/accept' => {token => $invitation->{token}, password => $good});
}

sub code ($answer) { (decode_json($answer->{body} || '{}'))->{code} // $answer->{status} }

sub events ($action, $id) {
    return $t->db->selectall_arrayref('SELECT * FROM autoflow.audit_events
        WHERE action = ? AND details->>? = ? ORDER BY at', {Slice => {}}, $action,
        'invitation_id', $id);
}

sub role ($name) {
    return $t->post_ok('/auth/roles' => $t->bearer(main::root()) => json => {name => $name})
        ->status_is(201)->tx->res->json('/id');
}

sub roles_of ($pair, @roles) {
    return $t->put_ok("/auth/users/$pair->{user}{id}/roles" => $t->bearer(main::root()) => json =>
        {roles => \@roles})->status_is(200);
}

$mails->configure;
$t->start;
my $root = $t->superuser($t->register(email => 'root@example.com'));
sub root { $root }
registration('invite inviters=staff');
role($_) for qw(staff editor admin);
my $staff = account('staff', 'editor');
my $user  = account('editor');

subtest 'who may invite' => sub {
    my $id = invite($root)->status_is(201)->tx->res->json('/id');
    for (['an account' => $user], ['nobody' => undef]) {
        my ($name, $who) = @$_;
        my @with = $who ? $t->bearer($who) : {};
        my @not  = $who ? (403, 'forbidden') : (401, 'token_required');
        $t->post_ok('/auth/invitations' => @with, json => {email => 'x@example.com'})
            ->problem_is(@not, $name);
        $t->get_ok('/auth/invitations' => @with)->problem_is(@not);
        $t->post_ok("/auth/invitations/$id/resend" => @with)->problem_is(@not);
        $t->delete_ok("/auth/invitations/$id" => @with)->problem_is(@not);
    }
    invite($user, roles => ['nothing'])->problem_is(403, 'forbidden', 'nor learns of roles');
    invite($staff)->status_is(201);
};

subtest 'which roles' => sub {
    invite($staff, roles => ['editor'])->status_is(201)->json_is('/roles' => ['editor']);
    invite($staff, roles => $_)->problem_is(403, 'forbidden', "inviter: @$_")
        for ['admin'], ['staff'], ['editor', 'admin'], ['nothing'];
    invite($root, roles => ['staff', 'admin'])->status_is(201)
        ->json_is('/roles' => ['admin', 'staff']);
    invite($root, roles => ['nothing', 'admin'])->problem_is(422, 'validation_failed')
        ->errors_are({roles => 'reference'});
    invite($root, roles => ['A B'])->problem_is(422, 'validation_failed');
    invite($root, email => 'x')->problem_is(422, 'validation_failed')
        ->errors_are({email => 'format'});
};

subtest 'accepted' => sub {
    my $invitation = invited($staff, email => 'Ada@Example.com', roles => ['editor']);
    is_deeply [sort keys %$invitation],
        [qw(created_at email expires_at id invited_by mailed_at roles token)], 'an invitation';
    is $invitation->{invited_by}, $staff->{user}{id}, 'says by whom';
    my ($mail) = $mails->read('Ada@Example.com');
    like $mail, qr/^\Q$staff->{user}{email}\E invites you/m, 'and so does the mail';

    look($invitation)->status_is(200)
        ->json_is({email => 'Ada@Example.com', expires_at => $invitation->{expires_at}});
    accepts($invitation, password => 'x')->problem_is(422, 'validation_failed')
        ->errors_are({password => 'length'});
    accepts($invitation, password => 'ada@example.com')->problem_is(422, 'validation_failed')
        ->errors_are({password => 'password_too_similar'});
    accepts($invitation, username => $_->[0])->problem_is(@$_[1, 2])
        for ['!', 422, 'validation_failed'];

    my $pair = accepts($invitation, username => 'ada', first_name => 'Ada', last_name => 'L')
        ->status_is(201)->json_is('/user/email' => 'Ada@Example.com')
        ->json_is('/user/email_verified' => true)->json_is('/user/roles' => ['editor'])
        ->json_is('/user/full_name' => 'Ada L')->json_is('/user/is_superuser' => false)
        ->tx->res->json;
    ok scalar(grep { $_->name =~ /access/ } @{$t->tx->res->cookies}), 'with cookies';
    $t->get_ok('/auth/me' => $t->bearer($pair))->status_is(200, 'its tokens are valid')
        ->json_is('/roles' => ['editor']);
    $t->post_ok('/auth/refresh' => json => {refresh_token => $pair->{refresh_token}})
        ->status_is(200);
    ok login('ada@example.com')->{access_token}, 'and its password';

    accepts($invitation)->problem_is(400, 'invalid_token', 'once');
    look($invitation)->problem_is(400, 'invalid_token');
    my ($event) = @{events(invitation_accepted => $invitation->{id})};
    is $event->{actor_id}, $pair->{user}{id}, 'audited';
    is_deeply decode_json($event->{details}),
        {invitation_id => $invitation->{id}, invited_by => $staff->{user}{id},
        roles => ['editor']}, 'in detail';
    is events(invited => $invitation->{id})->[0]{actor_id}, $staff->{user}{id},
        'and so was the invitation';
};

my $origin = 'https://login.example.com';
my @webauthn = (autoflow_webauthn => "rp_id=example.com origins=$origin");

sub passkey_options ($invitation, %fields) {
    return $t->post_ok('/auth/invitations/accept/passkey/options' => json =>
        {token => $invitation->{token}, %fields});
}

sub accepts_with ($credential, $invitation, %fields) {
    return $t->post_ok('/auth/invitations/accept/passkey' => json =>
        {token => $invitation->{token}, credential => $credential, %fields});
}

subtest 'accepted with a passkey' => sub {
    my $invitation = invited($staff, email => 'Pia@Example.com', roles => ['editor']);
    registration('invite inviters=staff', autoflow_webauthn => 'off');
    passkey_options($invitation)->problem_is(409, 'passkeys_off');
    registration('invite inviters=staff', @webauthn);
    passkey_options({token => 'x'})->problem_is(400, 'invalid_token');
    passkey_options($invitation, full_name => "x\n")->problem_is(422, 'validation_failed');
    my $options = passkey_options($invitation, full_name => 'Pia P')->status_is(200)->tx->res->json;
    is_deeply [@{$options->{user}}{qw(name displayName)}], ['Pia@Example.com', 'Pia P'], 'for whom';

    my $device = Test::Autoflow::Authenticator->new(origin => $origin);
    my $made   = $device->create($options);
    accepts_with($device->clone->create($options, origin => 'https://evil.example'), $invitation)
        ->problem_is(403, 'invalid_passkey');
    accepts_with($made, {token => 'x'})->problem_is(400, 'invalid_token');
    my %ada = (username => 'ada');
    accepts_with($made, $invitation, %ada)->problem_is(409, 'username_taken');
    my $pair = accepts_with($made, $invitation, full_name => 'Pia P', passkey_name => 'laptop')
        ->status_is(201)->json_is('/user/email' => 'Pia@Example.com')
        ->json_is('/user/email_verified' => true)->json_is('/user/roles' => ['editor'])
        ->tx->res->json;
    is scalar @{$pair->{recovery_codes}}, 10, 'and recovery codes';
    $t->get_ok('/auth/sessions' => $t->bearer($pair))->json_is('/data/0/aal' => 2)
        ->json_is('/data/0/amr' => ['hwk', 'user', 'mfa']);
    $t->get_ok('/auth/mfa/factors' => $t->bearer($pair))->json_is('/factors/0/name' => 'laptop')
        ->json_is('/has_password' => false)->json_is('/recovery_codes' => 10);
    my ($event) = @{events(invitation_accepted => $invitation->{id})};
    is decode_json($event->{details})->{type}, 'webauthn', 'audited';
    accepts_with($made, $invitation)->problem_is(400, 'invalid_token', 'once');
    $t->post_ok('/auth/login/passkey/options');
    $t->post_ok('/auth/login/passkey' => json => {credential =>
        $device->get($t->tx->res->json)})->status_is(200, 'and logs in');

    # what was made for another invitation
    my $other = invited($root);
    $options = passkey_options($other)->tx->res->json;
    my $again = Test::Autoflow::Authenticator->new(origin => $origin)->create($options);
    accepts_with($again, $other)->status_is(201);
    my $third = invited($root);
    accepts_with($again, $third)->problem_is(400, 'invalid_token', 'a challenge that was used');
    accepts($third)->status_is(201, 'the invitation is still good');

    my $last = invited($root);
    $options = passkey_options($last)->tx->res->json;
    my @at_once = map { begun('/auth/invitations/accept/passkey' => {token => $last->{token},
        credential => Test::Autoflow::Authenticator->new(origin => $origin)->create($options)}) }
        1 .. 4;
    my @codes = sort map { $_->status } @at_once;
    is_deeply \@codes, [201, 400, 400, 400], 'of requests at once, one';
    registration('invite inviters=staff');
};

subtest 'other tokens' => sub {
    for my $token ('x', 'A' x 70, $root->{access_token}) {
        look({token => $token})->problem_is(400, 'invalid_token');
        accepts({token => $token})->problem_is(400, 'invalid_token');
    }
    my $invitation = invited($root);
    $t->post_ok('/auth/reset-password' => json => {token => $invitation->{token},
        new_password => $good})->problem_is(400, 'invalid_token', 'it is for nothing else');
    $t->post_ok('/api/user/verify-email' => json => {token => $invitation->{token}})
        ->problem_is(400, 'invalid_token');
};

subtest 'who is there already' => sub {
    invite($root, email => 'ROOT@example.com')->problem_is(409, 'email_taken');
    invite($root, email => 'twice@example.com')->status_is(201);
    invite($staff, email => 'Twice@Example.com')->problem_is(409, 'already_invited');
    my $invitation = invited($root);
    accepts($invitation, username => 'ADA')->problem_is(409, 'username_taken');
    accepts($invitation)->status_is(201, 'but not used up');

    $invitation = invited($root);
    $t->post_ok('/auth/users' => $t->bearer($root) => json =>
        {email => $invitation->{email}, password => $good})->status_is(201);
    accepts($invitation)->problem_is(409, 'email_taken', 'a superuser was faster');
    ok $mails->token($invitation->{email}, 'reset-password'), 'but it is not lost';
};

subtest 'the list' => sub {
    my @own = map { invite($staff)->tx->res->json('/id') } 1 .. 3;
    my $all = $t->get_ok('/auth/invitations?size=100' => $t->bearer($root))->status_is(200)
        ->tx->res->json;
    cmp_ok $all->{total}, '>', 5, 'a superuser sees all';
    is_deeply [map { $_->{id} } @{$all->{data}}[0 .. 2]], [reverse @own], 'the latest first';
    my $mine = $t->get_ok('/auth/invitations?size=100' => $t->bearer($staff))->status_is(200)
        ->tx->res->json;
    is_deeply [grep { $_->{invited_by} ne $staff->{user}{id} } @{$mine->{data}}], [],
        'an inviter their own';
    my $page = $t->get_ok('/auth/invitations?size=2' => $t->bearer($staff))->tx->res->json;
    my $rest = $t->get_ok("/auth/invitations?size=100&cursor=$page->{next}" => $t->bearer($staff))
        ->status_is(200)->tx->res->json;
    is_deeply [@{$page->{data}}, @{$rest->{data}}], $mine->{data}, 'by pages';
};

subtest 'sent again' => sub {
    my $invitation = invited($staff);
    my $again = sub ($who) {
        $t->post_ok("/auth/invitations/$invitation->{id}/resend" => $t->bearer($who));
    };
    $again->($staff)->problem_is(409, 'limit_reached', 'not within a minute');
    my $earlier = sub {
        $t->db->do("UPDATE autoflow.$_ SET created_at = created_at - interval '2 minutes'")
            for 'outbox', 'invitations';
    };
    $earlier->();
    $t->db->do(q{UPDATE autoflow.invitations SET expires_at = now() + interval '1 hour'
        WHERE id = ?}, {}, $invitation->{id});
    $again->(account('staff'))->problem_is(404, 'not_found', "not another inviter's");
    my $sent = $again->($staff)->status_is(200)->tx->res->json;
    cmp_ok $sent->{expires_at}, 'gt', $invitation->{created_at} =~ s/T.*//r, 'it lasts longer';
    is $t->db->selectrow_array(q{SELECT expires_at > now() + interval '6 days'
        FROM autoflow.invitations WHERE id = ?}, {}, $invitation->{id}), 1, 'as a new one';
    my $token = $mails->token($invitation->{email}, 'accept-invitation', 2);
    isnt $token, $invitation->{token}, 'another token';
    look($_)->status_is(200) for {token => $token}, $invitation;
    $earlier->(), $again->($root)->status_is(200, 'by a superuser') for 1 .. 3;
    $earlier->(), $again->($root)->problem_is(409, 'limit_reached', 'five times an hour');
    $t->post_ok('/auth/invitations/00000000-0000-0000-0000-000000000000/resend' =>
        $t->bearer($root))->problem_is(404, 'not_found');
    $mails->all_sent;
    accepts($invitation)->status_is(201);
    accepts({token => $token})->problem_is(400, 'invalid_token', 'of one invitation');
};

subtest 'withdrawn' => sub {
    my $invitation = invited($staff);
    my $path = "/auth/invitations/$invitation->{id}";
    $t->delete_ok($path => $t->bearer(account('staff')))->problem_is(404, 'not_found');
    $t->delete_ok($path => $t->bearer($staff))->status_is(204);
    accepts($invitation)->problem_is(400, 'invalid_token');
    look($invitation)->problem_is(400, 'invalid_token');
    $t->delete_ok($path => $t->bearer($root))->problem_is(404, 'not_found');
    is @{events(invitation_withdrawn => $invitation->{id})}, 1, 'audited';

    $t->db->do(q{UPDATE autoflow.outbox SET created_at = created_at - interval '2 minutes'
        WHERE recipient = ?}, {}, $invitation->{email});
    my $again = invite($staff, email => $invitation->{email})->status_is(201)->tx->res->json;
    look($invitation)->problem_is(400, 'invalid_token', 'another invitation revives no token');

    # a mail that waits until then is not sent
    $mails->all_sent;
    $t->delete_ok("/auth/invitations/$again->{id}" => $t->bearer($root))->status_is(204);
    $t->db->do(q{UPDATE autoflow.outbox SET sent_at = NULL, due_at = now()
        WHERE recipient = ? AND kind = 'invitation'}, {}, $again->{email});
    invite($root)->status_is(201);
    $mails->all_sent;
    is_deeply $t->db->selectcol_arrayref(q{SELECT DISTINCT last_error FROM autoflow.outbox
        WHERE recipient = ?}, {}, $again->{email}), ['nobody needs it any more'], 'nor its mail';
};

subtest 'expired' => sub {
    my $invitation = invited($root);
    my $other = invited($root);
    $t->db->do(q{UPDATE autoflow.invitations SET expires_at = now() WHERE id = ANY (?)}, {},
        [$invitation->{id}, $other->{id}]);
    look($invitation)->problem_is(400, 'invalid_token');
    accepts($invitation)->problem_is(400, 'invalid_token');
    $t->get_ok('/auth/invitations' => $t->bearer($root));
    isnt $t->tx->res->json('/data/0/id'), $other->{id}, 'nobody sees it';
    $t->delete_ok("/auth/invitations/$other->{id}" => $t->bearer($root))
        ->problem_is(404, 'not_found');

    $mails->elapse('2 minutes');
    my $next = invite($root, email => $invitation->{email})->status_is(201)->tx->res->json;
    isnt $next->{id}, $invitation->{id}, 'another takes its place';
    accepts($invitation)->problem_is(400, 'invalid_token', 'with another token');
    $t->jobs_due('purge');
    my $there = 'SELECT count(*) FROM autoflow.invitations WHERE id = ?';
    $t->wait_for(sub { !$t->db->selectrow_array($there, {}, $other->{id}) });
    is $t->db->selectrow_array($there, {}, $next->{id}), 1, 'only what has expired is deleted';
};

subtest 'the inviter' => sub {
    for (['is disabled' => sub ($who) {
            $t->put_ok("/auth/users/$who->{user}{id}/$_" => $t->bearer($root))->status_is(200)
                for 'disable', 'enable' }],
        ['is deleted' => sub ($who) {
            $t->delete_ok('/auth/me' => $t->bearer($who))->status_is(204) }])
    {
        my ($name, $end) = @$_;
        my $who = account('staff');
        my @invitations = map { invited($who) } 1, 2;
        $end->($who);
        accepts($_)->problem_is(400, 'invalid_token', "$name: for good") for @invitations;
        is $t->db->selectrow_array(q{SELECT details->>'count' FROM autoflow.audit_events
            WHERE action = 'invitations_withdrawn' AND target_id = ?}, {}, $who->{user}{id}), 2,
            'audited';
    }

    my $who = account('staff', 'editor');
    my $invitation = invited($who, roles => ['editor']);
    roles_of($who, 'editor');
    accepts($invitation)->problem_is(400, 'invalid_token', 'invites nobody any more');
    roles_of($who, 'staff');
    accepts($invitation)->status_is(201)->json_is('/user/roles' => [], 'gives what it still has');

    $who = account();
    $t->put_ok("/auth/users/$who->{user}{id}/superuser" => $t->bearer($root))->status_is(200);
    $who = login($who->{user}{email});
    my @invitations = map { invited($who, roles => ['admin', 'staff']) } 1, 2;
    accepts($invitations[0])->status_is(201)->json_is('/user/roles' => ['admin', 'staff']);
    $t->put_ok("/auth/users/$who->{user}{id}/superuser" => $t->bearer($root))->status_is(200);
    roles_of($who, 'staff', 'admin');
    accepts($invitations[1])->status_is(201)
        ->json_is('/user/roles' => ['admin'], 'makes no inviter any more');
};

# each of these is about to be done when the invitation is accepted
subtest 'overlaps' => sub {
    my %blocked = (
        'with another acceptance' => [sub ($db, $i) {
            $db->do('DELETE FROM autoflow.invitations WHERE id = ?', {}, $i->{id}) },
            'invalid_token'],
        'with its expiry' => [sub ($db, $i) {
            $db->do('UPDATE autoflow.invitations SET expires_at = now() WHERE id = ?', {},
                $i->{id}) }, 'invalid_token'],
        "with the inviter's end" => [sub ($db, $i) {
            $db->do('UPDATE autoflow.users SET is_active = false WHERE id = ?', {},
                $i->{invited_by}) }, 'invalid_token'],
        'with another account' => [sub ($db, $i) {
            $db->do('INSERT INTO autoflow.users (email, password_hash) VALUES (?, ?)', {},
                $i->{email}, 'x') }, 'email_taken'],
        'with the deletion of a role' => [sub ($db, $i) {
            $db->do(q{UPDATE autoflow.roles SET deleted_at = now() WHERE name = 'passing'}) },
            201],
    );
    for my $name (sort keys %blocked) {
        my ($do, $code) = @{$blocked{$name}};
        role('passing') if $name =~ /role/;
        my $who = account('staff', $name =~ /role/ ? 'passing' : ());
        my $invitation = invited($who, roles => $name =~ /role/ ? ['passing'] : []);
        my $db = $t->postgresql->connect;
        $db->begin_work;
        $do->($db, $invitation);
        my $request = accepting($invitation);
        $t->wait_for(sub { $t->blocked == 1 });
        $db->commit;
        my $answer = $request->answer;
        is code($answer), $code, $name;
        is_deeply decode_json($answer->{body})->{user}{roles}, [], 'which nobody gets'
            if $name =~ /role/;
        accepts($invitation)->problem_is(400, 'invalid_token', 'it was rolled back whole')
            if $code eq 'invalid_token';
    }

    my $invitation = invited($root);
    my %codes;
    $codes{code($_)}++ for map { {status => $_->res->code, body => $_->res->body} }
        $t->at_once((['POST', '/auth/invitations/accept', {}, json => {
            token => $invitation->{token}, password => $good}]) x 6);
    is_deeply \%codes, {201 => 1, invalid_token => 5}, 'six at once: one';

    my $who = account('staff');
    my $db = $t->postgresql->connect;
    $db->begin_work;
    $db->do('UPDATE autoflow.users SET is_active = false WHERE id = ?', {}, $who->{user}{id});
    my $request = begun('/auth/invitations', {email => 'late@example.com'}, $t->bearer($who));
    $t->wait_for(sub { $t->blocked == 1 });
    $db->commit;
    is code($request->answer), 'forbidden', 'nobody is invited by who was disabled meanwhile';

    %codes = ();
    $codes{code($_)}++ for map { {status => $_->res->code, body => $_->res->body} }
        $t->at_once(map { ['POST', '/auth/invitations', $t->bearer($_), json => {
            email => 'same@example.com'}] } $root, $staff, $root, $staff);
    is delete $codes{201}, 1, 'one invitation of an address'
        or diag explain \%codes;
};

subtest 'limits' => sub {
    my $who = account('staff');
    my $fill = q{INSERT INTO autoflow.invitations (email, email_key, invited_by, expires_at)
        SELECT 'many' || i || '@example.com', 'many' || i || '@example.com', ?,
        now() + interval '1 day' FROM generate_series(1, ?) AS i};
    $t->db->do($fill, {}, $who->{user}{id}, 999);
    invite($who)->status_is(201);
    invite($who)->problem_is(409, 'limit_reached', 'a thousand invitations');
    invite($staff)->status_is(201, 'of one account');
    $t->db->do(q{DELETE FROM autoflow.invitations WHERE email LIKE 'many%'});

    my $mail = q{INSERT INTO autoflow.outbox (kind, user_id, recipient, sent_at)
        SELECT 'invitation', ?, 'many' || i || '@example.com', now()
        FROM generate_series(1, ?) AS i};
    $who = account('staff');
    $t->db->do($mail, {}, $who->{user}{id}, 99);
    invite($who)->status_is(201);
    invite($who)->problem_is(409, 'limit_reached', 'a hundred mails an hour');
    $t->db->do($mail, {}, $root->{user}{id}, 500);
    invite($root)->status_is(201, 'of an inviter');

    my $email = invite($root)->tx->res->json('/email');
    $t->post_ok("/auth/users" => $t->bearer($root) => json =>
        {email => $email, password => $good})->status_is(201);
    $mails->elapse('2 minutes');
    $t->db->do($mail =~ s/'many' \|\| i \|\| '\@example.com'/?/r, {}, $root->{user}{id}, $email, 5);
    $t->post_ok('/auth/forgot-password' => json => {email => $email})->status_is(202);
    ok $mails->token($email, 'reset-password'), 'invitations deny nobody a reset';
};

subtest 'domains' => sub {
    registration('invite inviters=staff domains=example.com');
    invite($staff, email => 'a@example.net')->problem_is(422, 'validation_failed')
        ->errors_are({email => 'domain'});
    invite($staff)->status_is(201);
    invite($root, email => 'a@example.net')->status_is(201, "a superuser's guest");
};

subtest 'without inviters' => sub {
    my $invitation = invited($staff);
    registration('invite');
    invite($staff)->problem_is(403, 'forbidden');
    accepts($invitation)->problem_is(400, 'invalid_token');
    accepts(invited($root))->status_is(201);
};

subtest 'closed' => sub {
    my $invitation = invited($root);
    registration('closed');
    invite($root)->problem_is(403, 'registration_closed');
    look($invitation)->problem_is(403, 'registration_closed');
    accepts($invitation)->problem_is(403, 'registration_closed');
    $t->post_ok("/auth/invitations/$invitation->{id}/resend" => $t->bearer($root))
        ->problem_is(403, 'registration_closed');
    $t->get_ok('/auth/invitations' => $t->bearer($root))->status_is(200);
    $t->delete_ok("/auth/invitations/$invitation->{id}" => $t->bearer($root))->status_is(204);
};

subtest 'without mails' => sub {
    my $id = do { registration('open'); invite($root)->tx->res->json('/id') };
    registration('open', autoflow_mail => 'off');
    invite($root)->problem_is(409, 'mail_off');
    $t->post_ok("/auth/invitations/$id/resend" => $t->bearer($root))->problem_is(409, 'mail_off');
};

$t->finish;
done_testing;
