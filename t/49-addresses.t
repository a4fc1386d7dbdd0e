# An address identifies a mailbox: whose mails are whose, who may claim an
# address, and what withdraws a pending one.

use Mojo::Base -strict, -signatures;
use utf8;
use Mojo::JSON qw(true false);
use Test::Autoflow;
use Test::Autoflow::Maildir;
use Test::More;

my $good  = 'correct horse battery staple';
my $fresh = 'a fresh battery for the horse';
my $t     = Test::Autoflow->new;
my $mails = Test::Autoflow::Maildir->new(t => $t);
$mails->configure;
$t->start;

sub login ($email, $password = $good) {
    return $t->post_ok('/auth/login' => json => {email => $email, password => $password});
}

sub register ($email, %more) {
    return $t->post_ok('/auth/register' => json => {email => $email, password => $good, %more});
}

sub move ($who, $email) {
    return $t->patch_ok('/auth/me' => $t->bearer($who) => json =>
        {email => $email, current_password => $who->{password}});
}

sub resend ($email, $who = undef) {
    return $t->post_ok('/api/user/verify-email/resend' => ($who ? $t->bearer($who)
        : {}) => json => {email => $email})->status_is(202);
}

sub forgot ($email) { $t->post_ok('/auth/forgot-password' => json => {email => $email})
    ->status_is(202) }
sub verify ($token) { $t->post_ok('/api/user/verify-email' => json => {token => $token}) }

sub reset_with ($token, $password = $fresh) {
    return $t->post_ok(
        '/auth/reset-password' => json => {token => $token, new_password => $password});
}

sub superuser ($email) {
    my $who = $t->register(email => $email);
    $t->db->do('UPDATE autoflow.users SET is_superuser = true WHERE email = ?', undef, $email);
    return {%{login($email)->tx->res->json}, password => $good};
}

# an account in the database
sub row ($who) {
    return $t->db->selectrow_hashref('SELECT * FROM autoflow.users WHERE id = ?', undef,
        $who->{user}{id});
}

# how many mails of a kind were written for an address, and for which accounts
sub mailed ($kind, $recipient) {
    return $t->db->selectcol_arrayref('SELECT user_id FROM autoflow.outbox WHERE kind = ?
        AND recipient = ? ORDER BY created_at',
        undef, $kind, $recipient);
}

# sends without waiting for the response
sub begin ($method, $path, $headers, $body) {
    return $t->client->send(Test::Autoflow::Client::request($method => $path, $headers,
        Mojo::JSON::encode_json($body)));
}


subtest "a change's mail names its account" => sub {
    my $mallory = $t->register(email => 'mallory@evil.example',
        full_name => 'Win money at evil.example');
    verify($mails->token('mallory@evil.example', 'verify-email'))->status_is(204);
    my $victim = $t->register(email => 'old.address@victim.com');

    move($mallory, 'new@victim.com')->status_is(200);
    $mails->token('new@victim.com', 'verify-email');
    $mails->elapse('2 minutes');
    move($victim, 'new@victim.com')->status_is(200);
    $mails->token('new@victim.com', 'verify-email', 2);
    $mails->elapse('2 minutes');

    resend('new@victim.com');
    $mails->all_sent;
    is $mails->to('new@victim.com'), 2, 'who asks without a token has nothing sent';
    resend('new@victim.com', $victim);
    $mails->token('new@victim.com', 'verify-email', 3);
    is_deeply mailed('change_email', 'new@victim.com'),
        [map { $_->{user}{id} } $mallory, $victim, $victim], 'who asks again gets their own';

    my @mails = $mails->read('new@victim.com');
    my ($his) = grep { /account m\xe2\x80\xa6\@e\xe2\x80\xa6, made on \d{4}-\d\d-\d\d/ } @mails;
    ok $his, 'a mail identifies the account, mostly masked';
    unlike $his, qr/mallory|evil|money/i, 'and nothing that a stranger may choose';
    like $his, qr/If this is not your account, ignore this mail: somebody else asked/,
        'nor leaves one alone with it';
    my @hers = grep { /account o\xe2\x80\xa6\@v\xe2\x80\xa6\.com, made on/ } @mails;
    is @hers, 2, 'hers are hers';
    my ($token) = map { m{verify-email\?token=([\w-]+)$}m } $hers[-1];
    verify($token)->status_is(204);
    is row($victim)->{email}, 'new@victim.com', 'which gives it to her';
    isnt row($mallory)->{email}, 'new@victim.com', 'and not to the attacker';
    ($token) = map { m{verify-email\?token=([\w-]+)$}m } $his;
    verify($token)->problem_is(409, 'email_taken');
};

subtest 'limits of changes' => sub {
    my ($one, $two) = map { $t->register(email => "limit$_\@example.com") } 1, 2;
    my $count = sub ($to = 'wish@example.com') { scalar @{mailed('change_email', $to)} };
    for (1 .. 7) {
        move($one, 'wish@example.com')->status_is(200);
        resend('wish@example.com', $one);
        $mails->elapse('61 seconds');
    }
    is $count->(), 5, 'five an hour for an account, however it asks';
    move($one, 'another@example.com')->status_is(200);
    is $count->('another@example.com'), 0, 'for whatever address';
    move($two, 'wish@example.com')->status_is(200);
    is $count->(), 6, 'which takes nothing from another account';
    $t->register(email => 'wish@example.com');
    forgot('wish@example.com');
    is @{mailed('reset_password', 'wish@example.com')}, 1, 'nor from the owner of the address';
    $mails->elapse('60 minutes');
    move($one, 'another@example.com')->status_is(200);
    is $count->('another@example.com'), 1, 'more later';
};

subtest 'an unverified address can be claimed' => sub {
    my $squatter = $t->register(email => 'claim@example.com', username => 'squatter');
    move($squatter, 'squatter@example.com')->status_is(200);
    my $change = $mails->token('squatter@example.com', 'verify-email');

    register('Claim@example.com')->problem_is(409, 'email_taken');
    my $token = $mails->token('claim@example.com', 'reset-password');
    my ($mail) = grep { /reset-password/ } $mails->to('claim@example.com');
    like $mail, qr/^Subject: Your address has an account that was never confirmed$/m,
        'its owner is told';
    unlike $mail, qr/squatter/, 'nothing of who has it';
    register('claim@example.com')->problem_is(409, 'email_taken');
    is @{mailed('claim_account', 'claim@example.com')}, 1, 'once a minute';

    verify($token)->problem_is(400, 'invalid_token');
    reset_with($token, 'password')->problem_is(422, 'validation_failed');
    reset_with($token)->status_is(204);
    login('claim@example.com')->status_is(401, 'the previous password');
    $t->get_ok('/auth/me' => $t->bearer($squatter))->problem_is(401, 'token_revoked');
    $t->post_ok('/auth/refresh' => json => {refresh_token => $squatter->{refresh_token}})
        ->problem_is(401, 'invalid_token');
    verify($change)->problem_is(400, 'invalid_token');
    login('claim@example.com', $fresh)->status_is(200)->json_is('/user/pending_email' => undef)
        ->json_is('/user/email_verified' => true);
    reset_with($token)->problem_is(400, 'invalid_token');

    $mails->elapse('2 minutes');
    register('claim@example.com')->problem_is(409, 'email_taken');
    is @{mailed('claim_account', 'claim@example.com')}, 1, 'no more: it is verified';
};

subtest "one that was verified once can't be claimed" => sub {
    my $who = $t->register(email => 'once@example.com');
    verify($mails->token('once@example.com', 'verify-email'))->status_is(204);
    ok row($who)->{verified_at}, 'it is kept that it was';
    $t->db->do(q{UPDATE autoflow.users SET email = 'later@example.com', email_verified = false
        WHERE id = ?}, undef, $who->{user}{id});
    register('later@example.com')->problem_is(409, 'email_taken');
    is_deeply mailed('claim_account', 'later@example.com'), [], 'whatever its address is now';
};

subtest 'changing to a taken address' => sub {
    $t->register(email => 'mine@example.com');
    my $owner = $t->register(email => 'owner@example.com');
    move($owner, 'MINE@example.com')->problem_is(409, 'email_taken');
    my $token = $mails->token('mine@example.com', 'reset-password');
    $mails->elapse('59 minutes');
    reset_with($token, 'password')->status_is(422);
    $mails->elapse('1 minute');
    reset_with($token)->problem_is(400, 'invalid_token', 'for an hour');
    $t->db->do(q{UPDATE autoflow.users SET is_active = false WHERE email = 'mine@example.com'});
    $mails->elapse('1 hour');
    move($owner, 'mine@example.com')->problem_is(409, 'email_taken');
    is @{mailed('claim_account', 'mine@example.com')}, 1, 'a disabled account is not mailed to';
};


subtest 'what withdraws a pending address' => sub {
    my $root = superuser('root2@example.com');
    my $as_root = $t->bearer($root);
    my %ends = (
        'disabled and enabled' => sub ($who, $id) {
            $t->put_ok("/auth/users/$id/$_" => $as_root)->status_is(200) for 'disable', 'enable';
        },
        'logout-all' => sub ($who, $id) { $t->post_ok('/auth/logout-all' => $t->bearer($who))
        ->status_is(204) },
        'a password' => sub ($who, $id) {
            $t->put_ok('/auth/me/password' => $t->bearer($who) => json => {
                current_password => $good, new_password => $fresh})->status_is(204);
        },
        'a reset' => sub ($who, $id) {
            forgot($who->{user}{email});
            reset_with($mails->token($who->{user}{email}, 'reset-password'))->status_is(204);
        },
        "a superuser's change" => sub ($who, $id) {
            $t->patch_ok(
                "/auth/users/$id" => $as_root => json => {email => "super.$who->{user}{email}"})
                    ->status_is(200);
        },
        'manually: disabled'  => sub ($who, $id) { by_hand($id, 'is_active = false');
        by_hand($id, 'is_active = true') },
        'manually: logged out' => sub ($who, $id) { by_hand($id, 'token_epoch = token_epoch + 1') },
        'manually: a password' => sub ($who, $id) { by_hand($id, q{password_hash = 'x'}) },
        'manually: deleted'   => sub ($who, $id) { by_hand($id, 'deleted_at = now()') },
    );
    my %keeps = (
        'a role' => sub ($who, $id) {
            $t->put_ok("/auth/users/$id/roles" => $as_root => json => {roles => ['waiting']})
                ->status_is(200);
        },
        'a superuser' => sub ($who, $id) {
        $t->put_ok("/auth/users/$id/superuser" => $as_root => json => {is_superuser => true})
            ->status_is(200) },
        'a hash that is upgraded' => sub ($who, $id) {
        by_hand($id, q{password_hash = 'x', last_login_at = now()}) },
        'a name' => sub ($who, $id) {
        $t->patch_ok('/auth/me' => $t->bearer($who) => json => {full_name => 'x'})
            ->status_is(200) },
    );
    $t->post_ok('/auth/roles' => $as_root => json => {name => 'waiting'})->status_is(201);

    my $n;
    for my $name (sort(keys %ends), sort keys %keeps) {
        my $who = $t->register(email => 'waits' . ++$n . '@example.com');
        move($who, "wish$n\@example.com")->status_is(200);
        my $token = $mails->token("wish$n\@example.com", 'verify-email');
        ($ends{$name} // $keeps{$name})->($who, $who->{user}{id});
        is row($who)->{pending_email}, $ends{$name} ? undef : "wish$n\@example.com", $name;
        verify($token)->status_is($ends{$name} ? 400 : 204, $name);
    }
};

sub by_hand ($id, $fields) { $t->db->do("UPDATE autoflow.users SET $fields WHERE id = ?",
    undef, $id) }

# an intruder who knows the password can't keep the owner out
subtest "what doesn't invalidate a reset" => sub {
    my $who = $t->register(email => 'owner2@example.com');
    forgot('owner2@example.com');
    my $token = $mails->token('owner2@example.com', 'reset-password');
    $t->put_ok('/auth/me/password' => $t->bearer($who) => json => {current_password => $good,
        new_password => 'the password of an intruder'})->status_is(204);
    $t->post_ok('/auth/logout-all' => $t->bearer($who))->status_is(204);
    $mails->elapse('2 minutes');
    forgot('owner2@example.com');
    my $other = $mails->token('owner2@example.com', 'reset-password', 2);
    reset_with($token)->status_is(204);
    reset_with($_, "$fresh again")->problem_is(400, 'invalid_token') for $token, $other;

    $who = $t->register(email => 'owner3@example.com');
    forgot('owner3@example.com');
    $token = $mails->token('owner3@example.com', 'reset-password');
    by_hand($who->{user}{id}, "is_active = $_") for 'false', 'true';
    reset_with($token)->problem_is(400, 'invalid_token', 'but not that it was disabled');
};

# a change ended by someone else is noticed after waiting for the lock
subtest 'a verification while it becomes obsolete' => sub {
    my $n;
    for my $path ('/auth/logout-all', '/auth/me/password') {
        my $who = $t->register(email => 'beside' . ++$n . '@example.com');
        move($who, "wishes$n\@example.com")->status_is(200);
        my $token = $mails->token("wishes$n\@example.com", 'verify-email');
        my $id = $who->{user}{id};

        my $db = $t->postgresql->connect;
        $db->begin_work;
        $db->do('SELECT FROM autoflow.users WHERE id = ? FOR UPDATE', undef, $id);
        my $end = $path =~ /password/
            ? begin(PUT => $path, $t->bearer($who),
            {current_password => $good, new_password => $fresh})
            : begin(POST => $path, $t->bearer($who), {});
        $t->wait_for(sub { $t->blocked == 1 });
        my $verify = begin(POST => '/api/user/verify-email', {}, {token => $token});
        $t->wait_for(sub { $t->blocked == 2 });
        $db->rollback;
        is $end->status, 204, $path;
        is $verify->status, 400, 'comes too late';
        is row($who)->{email}, "beside$n\@example.com";
    }
};

subtest 'a verification while another account takes the address' => sub {
    my $who = $t->register(email => 'slow@example.com');
    move($who, 'raced@example.com')->status_is(200);
    my $token = $mails->token('raced@example.com', 'verify-email');
    my $lock  = $t->locked;
    my $register = begin(POST => '/auth/register', {},
        {email => 'Raced@example.com', password => $good});
    $t->wait_for(sub { $t->blocked == 1 });
    my $verify = begin(POST => '/api/user/verify-email', {}, {token => $token});
    $t->wait_for(sub { $t->blocked == 2 });
    $lock->rollback;
    is $register->status, 201;
    my $answer = $verify->answer;
    is $answer->{status}, 409, 'one of them has it';
    like $answer->{body}, qr/email_taken/;
    is row($who)->{email}, 'slow@example.com';
};

subtest 'two concurrent registrations' => sub {
    my $lock = $t->locked;
    my ($first, $second) = map { my $email = $_; my $client = begin(POST => '/auth/register', {},
        {email => $email, password => $good});
        $t->wait_for(
            sub { $t->blocked == ($email =~ /^T/ ? 2 : 1) }); $client } 'twice@example.com',
                'Twice@example.com';
    $lock->rollback;
    is $first->status, 201;
    is $second->status, 409, 'the second finds the first';
    $mails->token('twice@example.com', 'reset-password');
    is @{mailed('claim_account', 'twice@example.com')}, 1, 'whose owner is mailed a claim, too';
};

$t->finish;
done_testing;
