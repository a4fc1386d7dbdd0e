# PUT, PATCH /auth/me, /user/profile: an account's profile, and a changed
# address, which is pending until it is verified.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(decode_json);
use Test::Autoflow;
use Test::Autoflow::Maildir;
use Test::More;
use Time::HiRes qw(sleep);

my $good  = 'correct horse battery staple';
my $t     = Test::Autoflow->new;
my $mails = Test::Autoflow::Maildir->new(t => $t);
$mails->configure;
$t->start;

sub change ($who, $fields, $method = 'patch', $path = '/auth/me') {
    my $ok = "${method}_ok";
    return $t->$ok($path => $t->bearer($who) => json => $fields);
}

sub move ($who, $email, %more) { change($who, {email => $email, current_password => $good, %more}) }

sub verify ($token) { $t->post_ok('/api/user/verify-email' => json => {token => $token}) }

# a token pair from after the change
sub again ($who) { $t->ua->post('/auth/refresh' => json => {refresh_token => $who->{refresh_token}})
    ->res->json }

# the audit events of an account: [action, details]
sub audit ($who) {
    return [map { [$_->[0], decode_json($_->[1])] } @{$t->db->selectall_arrayref(q{
        SELECT action, details FROM autoflow.audit_events WHERE target_id = ?
           AND action NOT IN ('registered', 'logged_in') ORDER BY at, action DESC}, undef,
           $who->{user}{id})}];
}


subtest "the account's profile" => sub {
    my $ada = $t->register(email => 'ada@example.com', username => 'ada');
    my %user = %{$ada->{user}};

    for my $method ('put', 'patch') {
        for my $path ('/auth/me', '/api/user/profile', '/api/v1/auth/me') {
            my $name = "Ada $method $path";
            change($ada, {full_name => $name, ignored => 1}, $method, $path)->status_is(200)
                ->content_type_is('application/json')->json_is('/full_name' => $name)
                ->json_is('/username' => 'ada');
        }
    }
    my $before = $t->tx->res->json;
    change($ada, {bio => "Lines\nand a tab\t", username => 'Countess'})->status_is(200);
    my $after = $t->tx->res->json;
    cmp_ok $after->{updated_at}, 'gt', $before->{updated_at}, 'updated_at moves';
    delete @$_{qw(updated_at)} for $before, $after;
    is_deeply $after, {%$before, bio => "Lines\nand a tab\t", username => 'Countess'},
        'what is absent stays';
    delete $after->{updated_at};
    $t->get_ok('/auth/me' => $t->bearer($ada))->status_is(200, 'and the token is as good as before')
        ->json_is('/username' => 'Countess')->json_is('/pending_email' => undef);
    change($ada, {bio => ''})->json_is('/bio' => '', 'an empty text is one');
    change($ada, {})->status_is(200, 'nothing');
    is_deeply [map { $_->[1]{fields} } @{audit($ada)}[-2, -1]], [['bio', 'username'], ['bio']],
        'audited';

    change($ada, {full_name => undef})->status_is(200)
        ->json_is('/full_name' => undef, 'a null clears')
        ->json_is('/username' => 'Countess');
    change($ada, {bio => undef, username => undef}, 'put')->status_is(200)->json_is('/bio' => undef)
        ->json_is('/username' => undef);
    change($ada, {email => undef, current_password => undef, bio => 'x'})
        ->problem_is(422, 'validation_failed');
    is_deeply [map { [@$_{qw(field code)}] } @{$t->tx->res->json->{errors}}],
        [[email => 'required'], [current_password => 'required']], 'what can never be empty';
    $t->get_ok('/auth/me' => $t->bearer($ada))->json_is('/bio' => undef, 'and nothing has changed');
    change($ada, {username => 'Countess'})->status_is(200);
};

subtest 'refused' => sub {
    my $eve = $t->register(email => 'eve@example.com', username => 'eve');
    $t->patch_ok('/auth/me' => json => {})->problem_is(401, 'token_required');
    change($eve, {username => 'COUNTESS'})->problem_is(409, 'username_taken');
    change($eve, {username => 'x', full_name => '', bio => "\x01", email => 'nobody'})
        ->problem_is(422, 'validation_failed')
        ->errors_are({username => 'length', full_name => 'length', bio => 'format',
        email => 'format'});
    change($eve, {bio => 'x' x 10_001})->errors_are({bio => 'length'});
    change($eve, {email => 'other@example.com'})->errors_are({current_password => 'required'});
    $t->patch_ok('/auth/me' => $t->bearer($eve) => 'x')->status_is(415);
    move($eve, 'other@example.com', current_password => 'not mine', bio => 'x')
        ->problem_is(403, 'wrong_password');
    move($eve, 'ADA@example.com', bio => 'x')->problem_is(409, 'email_taken');
    $t->get_ok('/auth/me' => $t->bearer($eve))
        ->json_is('' => $eve->{user}, 'nothing of all this has changed anything');
    is_deeply audit($eve), [], 'nor is anything audited';
    $mails->all_sent;
    is $mails->to($_), 0, "no mail to $_" for 'other@example.com', 'ADA@example.com';
    $t->db->do('UPDATE autoflow.users SET is_active = false WHERE id = ?', undef, $eve->{user}{id});
    change($eve, {bio => 'x'})->status_is(401);
};

subtest 'a changed address' => sub {
    my $bob = $t->register(email => 'bob@example.com');
    my $id  = $bob->{user}{id};
    my $old = $mails->token('bob@example.com', 'verify-email');
    move($bob, 'Robert@example.com', bio => 'moving')->status_is(200)->json_is('/bio' => 'moving')
        ->json_is('/email' => 'bob@example.com')->json_is('/pending_email' => 'Robert@example.com');
    my $new = $mails->token('Robert@example.com', 'verify-email');
    my $told = sub { grep { /^Subject: The address of your account is to change$/m } $mails->to(
        'bob@example.com') };
    $t->wait_for(sub { $told->() });
    unlike +($told->())[0], qr/token|robert/i,
        'the old address is told, and can do nothing with it';
    $t->get_ok('/auth/me' => $t->bearer($bob))->status_is(200, 'the old one is the one')
        ->json_is('/email' => 'bob@example.com');

    $t->post_ok('/auth/forgot-password' => json => {email => 'bob@example.com'})->status_is(202);
    my $reset = $mails->token('bob@example.com', 'reset-password');
    verify($new)->status_is(204);
    $t->get_ok('/auth/me' => $t->bearer($bob))->problem_is(401, 'token_revoked');
    my $pair = again($bob);
    $t->get_ok('/auth/me' => $t->bearer($pair))->status_is(200)
        ->json_is('/email' => 'Robert@example.com')
        ->json_is('/pending_email' => undef)->json_is('/email_verified' => Mojo::JSON->true);
    $t->post_ok('/auth/reset-password' => json => {token => $reset, password => 'a fresh battery'})
        ->problem_is(400, 'invalid_token');
    verify($_)->problem_is(400, 'invalid_token') for $new, $old;
    $t->post_ok('/auth/login' => json => {email => 'robert@example.com', password => $good})
        ->status_is(200);
    $t->register(email => 'bob@example.com');
    is_deeply audit($bob), [
        [updated => {fields => ['bio']}],
        [email_change_requested => {from => 'bob@example.com', to => 'Robert@example.com',
        mailed => Mojo::JSON->true}],
        [password_reset_requested => {mailed => Mojo::JSON->true}],
        [email_changed => {from => 'bob@example.com', to => 'Robert@example.com',
        verified => Mojo::JSON->true}],
    ], 'audited';
};

subtest 'changed, and changed back' => sub {
    my $who = $t->register(email => 'first@example.com');
    move($who, 'second@example.com')->status_is(200);
    my $second = $mails->token('second@example.com', 'verify-email');
    move($who, 'third@example.com')->json_is('/pending_email' => 'third@example.com');
    my $third = $mails->token('third@example.com', 'verify-email');
    verify($second)->problem_is(400, 'invalid_token');
    is +(grep { /is to change/ } $mails->to('first@example.com')), 1,
        'the old one is told once a minute';
    move($who, 'first@example.com')
        ->json_is('/pending_email' => undef, 'the present one: nothing waits any more');
    verify($third)->problem_is(400, 'invalid_token');
    $t->get_ok('/auth/me' => $t->bearer($who))->status_is(200);
    is_deeply audit($who)->[-1], [updated => {fields => ['pending_email']}], 'audited';

    $mails->elapse('2 minutes');
    move($who, 'FIRST@example.com')
        ->json_is('/pending_email' => 'FIRST@example.com', 'written otherwise it is another one');
    verify($mails->token('FIRST@example.com', 'verify-email'))->status_is(204);
    $t->get_ok('/auth/me' => $t->bearer(again($who)))->json_is('/email' => 'FIRST@example.com');
};

subtest 'taken by another account meanwhile' => sub {
    my $who = $t->register(email => 'slow@example.com');
    move($who, 'wanted@example.com')->status_is(200);
    my $token = $mails->token('wanted@example.com', 'verify-email');
    my $other = $t->register(email => 'WANTED@example.com');
    verify($token)->problem_is(409, 'email_taken');
    move($who, 'wanted@example.com')->problem_is(409, 'email_taken');
    $t->delete_ok('/auth/me' => $t->bearer($other))->status_is(204);
    verify($token)->status_is(204, 'gone again');
};

subtest 'two concurrent changes to one address' => sub {
    my @both = map { $t->register(email => "both$_\@example.com") } 1, 2;
    move($_, 'same@example.com')->status_is(200), $mails->elapse('2 minutes') for @both;
    my @tokens = ($mails->token('same@example.com', 'verify-email', 2),
        map { m{verify-email\?token=([\w-]+)$}m } $mails->read('same@example.com'));
    my @unique = keys %{{map { $_ => 1 } @tokens}};
    is @unique, 2, 'two mails';
    my @txs = $t->at_once(
        map { [POST => '/api/user/verify-email' => json => {token => $_}] } @unique);
    is_deeply [sort map { $_->res->code } @txs], [204, 409], 'one of them gets it';
};

subtest 'a new password withdraws the pending address' => sub {
    # someone else who knew the old one may have requested it
    for my $how ('change', 'reset') {
        my $email = "$how\@example.com";
        my $who = $t->register(email => $email);
        move($who, "thief.$how\@example.com")->status_is(200);
        my $token = $mails->token("thief.$how\@example.com", 'verify-email');
        if ($how eq 'change') {
            $t->put_ok('/auth/me/password' => $t->bearer($who) => json =>
                {current_password => $good, new_password => 'a fresh battery for it'})
                ->status_is(204);
        } else {
            $t->post_ok('/auth/forgot-password' => json => {email => $email})->status_is(202);
            $t->post_ok(
                '/auth/reset-password' => json => {token => $mails->token($email, 'reset-password'),
                new_password => 'a fresh battery for it'})->status_is(204);
        }
        verify($token)->problem_is(400, 'invalid_token', $how);
        $t->post_ok(
            '/auth/login' => json => {email => $email, password => 'a fresh battery for it'})
            ->status_is(200)->json_is('/user/pending_email' => undef);
    }
};

subtest 'limits of mails' => sub {
    my $who = $t->register(email => 'often@example.com');
    my $count = sub ($to, $kind) {
        return $t->db->selectrow_array('SELECT count(*) FROM autoflow.outbox WHERE recipient = ?
            AND kind = ?', undef, $to, $kind);
    };
    move($who, 'victim@example.com')->status_is(200) for 1 .. 3;
    is $count->('victim@example.com', 'change_email'), 1, 'one within a minute';
    for my $n (1 .. 8) {
        $mails->elapse('61 seconds');
        move($who, 'victim@example.com')->status_is(200);
    }
    is $count->('victim@example.com', 'change_email'), 5, 'five within an hour';
    is $count->('often@example.com', 'email_changed'), 9, 'the old address is notified each time';
    $t->post_ok('/auth/forgot-password' => json => {email => 'often@example.com'})->status_is(202);
    is $count->('often@example.com', 'reset_password'), 1,
        'which does not keep its owner from a reset';
};

subtest "passwords can't be guessed" => sub {
    $mails->configure(autoflow_attempts => 'account=3/1m account_total=off address=5/1m');
    $t->reload->ready;
    my $who = $t->register(email => 'tried@example.com');
    move($who, "other$_\@example.com", current_password => 'wrong')
        ->problem_is(403, 'wrong_password') for 1 .. 2;
    move($who, 'a@example.com')->status_is(200, 'a right one forgets them');
    move($who, 'a@example.com', current_password => 'wrong')->problem_is(403, 'wrong_password')
        for 1 .. 3;
    move($who, 'a@example.com')->problem_is(429, 'too_many_attempts');
    $t->put_ok('/auth/me/password' => $t->bearer($who) => json => {current_password => $good,
        new_password => 'a fresh battery'})
        ->problem_is(429, 'too_many_attempts', 'with those for the password');
    change($who, {bio => 'x'})->status_is(200, 'what needs no password goes on');
    my $next = $t->register(email => 'next@example.com');
    move($next, "next$_\@example.com")->status_is(200) for 1 .. 2;
    move($next, 'next3@example.com')
        ->problem_is(429, 'too_many_attempts', 'and each is a mail, as anybody may ask for');
    $mails->configure;
    $t->reload->ready;
};

subtest 'without mails' => sub {
    $mails->configure(autoflow_mail => 'off');
    $t->reload->ready;
    my $who = $t->register(email => 'quiet@example.com');
    my ($before) = $t->db->selectrow_array('SELECT count(*) FROM autoflow.outbox');
    move($who, 'silent@example.com')->status_is(200)
        ->json_is('/pending_email' => 'silent@example.com');
    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.outbox'), $before, 'none is written';
};

$t->finish;
done_testing;
