# One mailbox is one account, however its domain is written.

use Mojo::Base -strict, -signatures;
use utf8;
use Encode qw(encode_utf8);
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

sub register ($email) {
    $t->post_ok('/auth/register' => json => {email => $email, password => $good}) }

sub move ($who, $email) {
    return $t->patch_ok('/auth/me' => $t->bearer($who) => json => {email => $email,
        current_password => $good});
}

sub forgot ($email) { $t->post_ok('/auth/forgot-password' => json => {email => $email})
    ->status_is(202) }

# an account in the database
sub row ($who) {
    return $t->db->selectrow_hashref('SELECT * FROM autoflow.users WHERE id = ?', undef,
        $who->{user}{id});
}


subtest 'one domain, however it is written' => sub {
    my $ada = $t->register(email => 'Ada@bücher.de', username => 'ada');
    is $ada->{user}{email}, 'Ada@bücher.de', 'shown as typed';
    is row($ada)->{email_key}, 'ada@xn--bcher-kva.de', 'compared in its ASCII form';
    for my $same ('ada@BÜCHER.de', 'ADA@xn--bcher-kva.de', "ada\@bu\x{308}cher.de",
        'ada@XN--BCHER-KVA.DE') {
        login($same)->status_is(200);
        register($same)->problem_is(409, 'email_taken');
    }
    login($_)->problem_is(401, 'invalid_credentials') for 'ada@bucher.de', 'ada@i❤.ws', 'ada@ü',
        "ada\@\x{fc}" . 'x' x 300;

    forgot('ada@xn--bcher-kva.de');
    my $token = $mails->token(encode_utf8('Ada@bücher.de'), 'reset-password');
    forgot('ada@BÜCHER.de');
    is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.outbox
        WHERE kind = 'reset_password'}), 1, 'limits count by the mailbox';
    $t->post_ok('/auth/reset-password' => json => {token => $token, new_password => $fresh})
        ->status_is(204);
    login('ada@xn--bcher-kva.de', $fresh)->status_is(200);

    register($_)->problem_is(422, 'validation_failed')->errors_are({email => 'format'}, $_)
        for 'ada@i❤.ws', 'ada@ex＠mple.ü.com', 'ada@ü_a.de', 'a@' . 'ü' x 60 . '.de';
    $t->register(email => 'ada@faß.de');
    isnt row($t->register(email => 'ada@fass.de'))->{email_key}, 'ada@xn--fa-hia.de',
        'another domain than it was in 2003';
};

subtest 'another spelling' => sub {
    my $who = $t->register(email => 'eve@xn--mller-kva.de');
    move($who, 'eve@müller.de')->status_is(200)->json_is('/pending_email' => 'eve@müller.de');
    $mails->elapse('2 minutes');
    move($who, 'Eve@MÜLLER.de')->json_is('/pending_email' => 'Eve@MÜLLER.de');
    $t->post_ok(
        '/api/user/verify-email' => json => {token => $mails->token(encode_utf8('Eve@MÜLLER.de'),
            'verify-email')})->status_is(204);
    is_deeply [@{row($who)}{qw(email email_key pending_email_key)}],
        ['Eve@MÜLLER.de', 'eve@xn--mller-kva.de', undef], 'by its owner';

    my $root = $t->register(email => 'root@example.com');
    $t->db->do(q{UPDATE autoflow.users SET is_superuser = true WHERE email = 'root@example.com'});
    $root = login('root@example.com')->tx->res->json;
    my $put = sub ($fields) {
        $t->patch_ok("/auth/users/$who->{user}{id}" => $t->bearer($root) => json => $fields)
            ->status_is(200) };
    $put->({email => 'eve@müller.de'})->json_is('/email_verified' => true, 'or by a superuser');
    is row($who)->{email_key}, 'eve@xn--mller-kva.de';
    $put->({email => 'eve@mueller.de'})
        ->json_is('/email_verified' => false, 'another one is not verified');
    is row($who)->{email_key}, 'eve@mueller.de';
    $put->({full_name => 'Eve'});
    is row($who)->{email_key}, 'eve@mueller.de', 'what is not named stays';
};

# manual changes, and those of a version without keys
subtest 'without a key' => sub {
    my $who = $t->register(email => 'hand@example.com');
    my $set = sub ($fields) {
        eval { $t->db->do("UPDATE autoflow.users SET $fields WHERE id = ?", undef,
            $who->{user}{id}); 1 } ? '' : $@ };
    is $set->(q{email = 'HAND@Example.com', pending_email = 'Other@Example.com'}), '', 'ASCII';
    is_deeply [@{row($who)}{qw(email_key pending_email_key)}],
        ['hand@example.com', 'other@example.com'], 'has its own';
    like $set->(q{email = 'hand@müller.de'}), qr/users_email_check/, 'others have none';
    like $set->(q{pending_email = 'hand@müller.de'}), qr/users_pending_email_check/,
        'nor to wait for';
    is $set->(q{pending_email = NULL}), '';
    $who = {%$who, %{login('hand@example.com')->tx->res->json}};
    $who = login('hand@example.com')->tx->res->json;    # another address has revoked its token
    move($who, 'hand@müller.de')->status_is(200);
    is $set->(q{email = pending_email, pending_email = NULL}), '',
        'but what has waited brings it along';
    is row($who)->{email_key}, 'hand@xn--mller-kva.de';
    like $set->(q{email = 'hand@jäger.de'}), qr/users_email_check/, 'which is no other one\'s';
    ok !eval { $t->db->do(q{INSERT INTO autoflow.users (email, password_hash)
        VALUES ('new@müller.de', 'x')}) }, 'nor may there be a new one';
};


# existing accounts, whose addresses were compared as written
subtest 'migration from the previous schema' => sub {
    $t->db->do('DELETE FROM autoflow.users');
    $t->handle->disconnect;
    is $t->stop, 0;
    $t->postgresql->sqitch_ok('revert', '-y', '--to', 'addresses^');

    my $n = 0;
    my $add = sub ($email, $verified, $days, %more) {
        $t->db->do('INSERT INTO autoflow.users (email, username, password_hash, email_verified,
            created_at, pending_email, deleted_at)
            SELECT ?, ?, ?, ?, now() - ? * interval \'1 day\', ?, ?',
            undef, $email, 'user' . ++$n, 'x', $verified, $days, @more{qw(pending deleted)});
    };
    $add->('Ascii@Example.com', 0, 9, pending => 'Wish@Bücher.example');
    $add->('a@bücher.de', 0, 9);
    $add->('a@BÜCHER.de', 1, 1);
    $add->('A@xn--bcher-kva.de', 0, 5);
    $add->('a@Bücher.de', 0, 1, deleted => 'now()');
    $add->('b@xn--mller-kva.de', 0, 5);
    $add->('b@müller.de', 0, 6);
    $add->('c@почта.рф', 0, 1);
    $add->('c@faß.例え.ΣΑΣ。com', 1, 1);
    $add->('once@example.com', 0, 1);
    $t->db->do(q{INSERT INTO autoflow.audit_events (action, target_id)
        SELECT 'password_reset', id FROM autoflow.users WHERE email = 'once@example.com'});
    $t->db->do(q{INSERT INTO autoflow.users (email, password_hash)
        SELECT 'many' || n || '@example.com', 'x' FROM generate_series(1, 5000) AS n});
    $t->db->do(q{INSERT INTO autoflow.outbox (kind, user_id, recipient) SELECT 'verify_email', id,
        email FROM autoflow.users WHERE username = 'user8'});
    $t->handle->disconnect;

    # a dump, whose end nobody may have to wait for
    my $dump = $t->postgresql->connect;
    $dump->begin_work;
    $dump->selectrow_array('SELECT count(*) FROM autoflow.users');
    my $failed = $t->postgresql->sqitch('deploy');
    isnt $?, 0, 'during a dump it fails';
    like $failed, qr/lock timeout/, 'for want of a lock';
    $dump->rollback;

    # the remains of an index that could not be built
    $t->db->do('CREATE UNIQUE INDEX users_address_key ON autoflow.users (id) WHERE false');
    $t->postgresql->connect('postgres')->do(q{UPDATE pg_index SET indisvalid = false
        WHERE indexrelid = 'autoflow.users_address_key'::regclass});

    my $text = $t->postgresql->sqitch_ok('deploy', '--to', 'addresses', '--verify');
    is +(() = $text =~ /have one address/g), 3, 'collisions are reported';

    # all of it again, as after a failure at its end
    $t->postgresql->sqitch_ok('revert', '-y', '--log-only', '--to', 'addresses^');
    unlike $t->postgresql->sqitch_ok('deploy', '--verify'), qr/have one address/,
        'which is told once';

    my %row = %{$t->db->selectall_hashref('SELECT *, email_key = id::text AS lost
        FROM autoflow.users WHERE username IS NOT NULL', 'username')};
    is_deeply [map { $row{"user$_"}{lost} ? 'lost' : $row{"user$_"}{email_key} } 1 .. $n], [
        'ascii@example.com', 'lost', 'a@xn--bcher-kva.de', 'lost', 'a@xn--bcher-kva.de', 'lost',
            'b@xn--mller-kva.de',
        'c@xn--80a1acny.xn--p1ai', 'c@xn--fa-hia.xn--r8jz45g.xn--mxa9ab.com', 'once@example.com',
    ], 'the verified one, or else the oldest, has the address';
    is $row{user1}{pending_email_key}, 'wish@xn--bcher-kva.example', 'one that waits';
    is_deeply [map { $row{"user$_"}{verified_at} ? 1 : 0 } 3, 9, 10, 8], [1, 1, 1, 0],
        'who was ever verified';
    is $t->db->selectrow_array(q{SELECT recipient_key FROM autoflow.outbox}),
        'c@xn--80a1acny.xn--p1ai', 'a mail of just now';
    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.users WHERE email_key IS NULL'), 0,
        'nobody is left without';
    is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.users WHERE email_key NOT LIKE '%@%'
        AND deleted_at IS NULL}), 3, 'losers can be found';

    # the module agrees with the migration
    $t->start_nginx->ready;
    $t->db->do('UPDATE autoflow.users SET password_hash = (SELECT password_hash FROM autoflow.users
        WHERE id = ?)', undef,
        $t->register(email => 'hash@example.com')->{user}{id});
    my @same = (['a@bücher.de', 'user3'], ['B@MÜLLER.de', 'user7'],
        ['c@ПОЧТА.рф', 'user8'], ['c@FAß.例え.σασ.com', 'user9']);
    login($_->[0])->status_is(200)->json_is('/user/username' => $_->[1]) for @same;
    login('user2')->status_is(200, 'who lost the address is found by the username')
        ->json_is('/user/email' => 'a@bücher.de');
};

$t->finish;
done_testing;
