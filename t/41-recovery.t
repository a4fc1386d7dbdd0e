# Password resets, and verification of addresses: with tokens from mails, which
# only their recipients have, are valid once and for a limited time.

use Mojo::Base -strict, -signatures;
use MIME::Base64 qw(decode_base64url encode_base64url);
use Mojo::File qw(path);
use Mojo::JSON;
use Test::Autoflow;
use Test::Autoflow::Maildir;
use Test::More;

my $good  = 'correct horse battery staple';
my $fresh = 'a fresh battery for the horse';
my $t     = Test::Autoflow->new(clock => 1);
my $mails = Test::Autoflow::Maildir->new(t => $t);
my $dir   = $mails->dir;

sub mail (%settings) { $mails->configure(%settings) }
sub mails_to ($address) { $mails->to($address) }
sub token (@about) { $mails->token(@about) }
sub elapse ($interval) { $mails->elapse($interval) }

sub forgot ($email) {
    return $t->post_ok('/auth/forgot-password' => json => {email => $email})->status_is(202);
}

sub resend ($email, $who = undef) {
    return $t->post_ok('/api/user/verify-email/resend' => ($who ? $t->bearer($who)
        : {}) => json => {email => $email})->status_is(202);
}

sub reset_with ($token, $password = $fresh) {
    return $t->post_ok(
        '/auth/reset-password' => json => {token => $token, new_password => $password});
}

sub verify ($token) { $t->post_ok('/api/user/verify-email' => json => {token => $token}) }

sub login ($email, $password) {
    return $t->post_ok('/auth/login' => json => {email => $email, password => $password});
}

sub user ($email) {
    return $t->db->selectrow_hashref('SELECT * FROM autoflow.users WHERE email = ?', undef, $email);
}

# an account with a token of each kind
my $accounts = 0;
sub account {
    my $email = 'reader' . ++$accounts . '@example.com';
    $t->register(email => $email);
    forgot($email);
    return ($email, token($email, 'reset-password'), token($email, 'verify-email'));
}

mail();
$t->start;

subtest 'a forgotten password' => sub {
    my $ada = $t->register(email => 'Ada@example.com', username => 'countess');
    forgot('ada@EXAMPLE.com')->json_like('/message' => qr/mail/)
        ->header_is('Content-Type' => 'application/json');
    my $token = token('Ada@example.com', 'reset-password');

    $t->get_ok("/auth/reset-password?token=$token")->status_is(405);
    reset_with($token, 'countess')->problem_is(422, 'validation_failed')
        ->errors_are({new_password => 'password_too_similar'});
    reset_with($token, 'password')->errors_are({new_password => 'password_too_weak'});
    login('ada@example.com', $good)->status_is(200);

    $t->get_ok('/auth/me' => $t->bearer($ada))->status_is(200);
    reset_with($token)->status_is(204)->content_is('');
    $t->get_ok('/auth/me' => $t->bearer($ada))->problem_is(401, 'token_revoked');
    $t->post_ok('/auth/refresh' => json => {refresh_token => $ada->{refresh_token}})
        ->status_is(401);
    login('ada@example.com', $fresh)->status_is(200)
        ->json_is('/user/email_verified' => Mojo::JSON->true);
    login('ada@example.com', $good)->status_is(401);
    reset_with($token)->problem_is(400, 'invalid_token');

    my ($living) = $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.sessions
        WHERE user_id = ? AND ended_at IS NULL}, undef, $ada->{user}{id});
    is $living, 1, 'every session of before has ended';
    $mails->all_sent;
    is scalar(grep { /has a new password/ } $mails->read('Ada@example.com')), 1,
        'and the owner is told';
};

# a login that has opened its session when the others are about to be ended
subtest 'a login that overlaps a reset' => sub {
    my ($email, $reset) = account();
    my $request = sub ($path, $body) {
        $t->client->send(
            Test::Autoflow::Client::request(POST => $path, {}, Mojo::JSON::encode_json($body)));
    };
    my $lock  = $t->locked;
    my $login = $request->('/auth/login', {email => $email, password => $good});
    $t->wait_for(sub { $t->blocked == 1 });
    my $end = $request->('/auth/reset-password', {token => $reset, new_password => $fresh});
    $t->wait_for(sub { $t->blocked == 2 });
    $lock->rollback;
    is $end->status, 204;
    my $pair = Mojo::JSON::decode_json($login->answer->{body});
    $t->get_ok('/auth/me' => $t->bearer($pair))
        ->problem_is(401, 'token_revoked', 'its session has ended, too');
    $t->post_ok('/auth/refresh' => json => {refresh_token => $pair->{refresh_token}})
        ->problem_is(401, 'invalid_token');
};

subtest 'an address to verify' => sub {
    $t->register(email => 'bob@example.com');
    my $token = token('bob@example.com', 'verify-email');
    ok !user('bob@example.com')->{email_verified}, 'not yet';
    $t->get_ok("/api/user/verify-email?token=$token")->status_is(405);
    verify($token)->status_is(204)->content_is('');
    ok user('bob@example.com')->{email_verified}, 'now';
    verify($token)->problem_is(400, 'invalid_token');

    elapse('2 minutes');
    resend('bob@example.com');
    $mails->all_sent;
    is mails_to('bob@example.com'), 1, 'which needs no further mail';
};

subtest "an account's pending address" => sub {
    my $email  = 'old@example.com';
    my $bob    = $t->register(email => $email);
    my $change = sub ($new) { $t->db->do('UPDATE autoflow.users SET pending_email = ?
        WHERE email = ?', undef, $new, $email) };

    $change->('new1@example.com');
    resend('NEW1@example.com');
    $mails->all_sent;
    is mails_to('new1@example.com'), 0, 'which is for nobody else to ask for';
    resend('NEW1@example.com', $bob);
    my $first = token('new1@example.com', 'verify-email');
    $change->('new2@example.com');
    resend('new2@example.com', $bob);
    my $second = token('new2@example.com', 'verify-email');
    verify($first)->problem_is(400, 'invalid_token');
    $t->get_ok('/auth/me' => $t->bearer($bob))->json_is('/email' => $email)
        ->json_is('/pending_email' => 'new2@example.com');
    verify($second)->status_is(204);
    $t->get_ok('/auth/me' => $t->bearer($bob))->problem_is(401, 'token_revoked');
    my $pair = $t->ua->post('/auth/refresh' => json => {refresh_token => $bob->{refresh_token}})
        ->res->json;
    $t->get_ok('/auth/me' => $t->bearer($pair))->status_is(200)
        ->json_is('/email' => 'new2@example.com');
    my $user = user('new2@example.com');
    is_deeply [@$user{qw(pending_email email_verified token_epoch)}], [undef, 1, 1],
        'has taken the place of the other';
    $email = 'new2@example.com';

    $t->register(email => 'taken@example.com');
    $change->('later@example.com');
    resend('later@example.com', $pair);
    my $late = token('later@example.com', 'verify-email');
    $t->db->do(q{UPDATE autoflow.users SET email = 'later@example.com'
        WHERE email = 'taken@example.com'});
    verify($late)->problem_is(409, 'email_taken');
};

subtest 'invalid tokens' => sub {
    my ($email, $reset, $verify) = account();
    my $octets = decode_base64url($reset);
    my $id = '00000000-0000-4000-8000-000000000000';

    $t->post_ok('/auth/reset-password' => json => {token => $_, password => $fresh})
        ->problem_is(400, 'invalid_token')
        for 'x', $reset . 'A', substr($reset, 0, 69), 'A' x 64, 'A' x 70, $verify,
            map { encode_base64url($_) } unpack('A4', $octets) . "\0" x 16 . substr($octets, 20),
            "\0" x 4 . substr $octets, 4;
    verify($_)->problem_is(400, 'invalid_token') for $reset,
        $verify =~ s/(.)$/$1 eq '_' ? '-' : '_'/er, "$verify=", 'x' x 1024;

    $t->post_ok('/auth/reset-password' => json => {})->problem_is(422, 'validation_failed')
        ->errors_are({token => 'required', new_password => 'required'});
    $t->post_ok('/auth/reset-password' => json => {token => 'x', new_password => $fresh,
        password => $fresh})
        ->errors_are({password => 'ambiguous'});
    $t->post_ok('/auth/reset-password' => json => {token => 'x', password => 'short'})
        ->errors_are({password => 'length'});
    $t->post_ok('/auth/forgot-password' => json => {email => 'nobody'})
        ->errors_are({email => 'format'});

    $t->post_ok('/auth/reset-password' => json => {token => $reset, password => $fresh})
        ->status_is(204);
};

subtest 'tokens become invalid with their purpose' => sub {
    my @changes = (
        ['the password', q{password_hash = 'x'}, 0, 0],
        ['every session', 'token_epoch = token_epoch + 1', 0, 0],
        ['a reset, which is both', q{password_hash = 'x', token_epoch = token_epoch + 1}, 1, 0],
        ['the address', q{email = 'moved' || email}, 1, 1],
        ['verified', 'email_verified = true', 0, 1],
        ['something else', q{full_name = 'Ada', bio = 'x', last_login_at = now()}, 0, 0],
        ['disabled', 'is_active = false', 1, 1],
        ['deleted', 'deleted_at = now()', 1, 1],
    );
    for (@changes) {
        my ($name, $change, $reset_ends, $verify_ends) = @$_;
        my ($email, $reset, $verify) = account();
        $t->db->do("UPDATE autoflow.users SET $change WHERE email = ?", undef, $email);
        verify($verify)->status_is($verify_ends ? 400 : 204, "$name: verify");
        reset_with($reset)->status_is($reset_ends ? 400 : 204, "$name: reset");
    }
};

subtest 'and expire' => sub {
    my ($email, $reset, $verify) = account();
    elapse('59 minutes');
    reset_with($reset, 'password')->status_is(422);
    elapse('1 minute');
    reset_with($reset)->problem_is(400, 'invalid_token');
    elapse('22 hours 59 minutes');
    my ($other, undef, $late) = account();
    verify($verify)->status_is(204);
    elapse('24 hours');
    verify($late)->problem_is(400, 'invalid_token');
};

subtest 'concurrently' => sub {
    my ($email, $reset, $verify) = account();
    my @txs = $t->at_once(map { [POST => '/auth/reset-password' => json =>
        {token => $reset, password => "$fresh number $_"}] } 1 .. 8);
    is_deeply [sort map { $_->res->code } @txs], [204, (400) x 7], 'a token counts once';
    my ($winner) = grep { $txs[$_ - 1]->res->code == 204 } 1 .. 8;
    login($email, "$fresh number $winner")->status_is(200);
};

subtest 'secret rotation' => sub {
    my ($email, $reset) = account();
    my $former = encode_base64url(substr decode_base64url($reset), 4);
    mail(autoflow_secret => 'hex:' . 'a1' x 32 . '; autoflow_secret hex:' . '0f' x 32);
    $t->reload->ready;
    reset_with($reset, 'password')->status_is(422);
    reset_with($former, 'password')
        ->status_is(422, 'a token without a key id, of a mail from before');
    elapse('2 minutes');
    forgot($email);
    my $new = token($email, 'reset-password', 2);
    mail(autoflow_secret => 'hex:' . 'a1' x 32);
    $t->reload->ready;
    my @both = map { m{/reset-password\?token=([\w-]+)$}m ? $1 : () } mails_to($email);
    my @good = grep {
        $t->ua->post('/auth/reset-password' => json => {token => $_, password => 'password'})
            ->res->code == 422 } @both;
    is @both, 2, 'two tokens';
    reset_with($former, 'password')->problem_is(400, 'invalid_token');
    is @good, 1, 'that of the secret that is gone counts no more';
    isnt $good[0], $reset, 'the other one does';
    mail();
    $t->reload->ready;
};

subtest 'a database dump has no usable tokens' => sub {
    my ($email, $reset) = account();
    my $dump = do {
        open my $out, '-|', 'pg_dump', '--data-only', '-d', $t->postgresql->url('autoflow') or die;
        local $/;
        <$out>;
    };
    my $octets = decode_base64url($reset);
    my ($key, $id, $code) = unpack 'H8 H32 H64', $octets;
    my $uuid = join '-', unpack 'A8 A4 A4 A4 A12', $id;
    like $dump, qr/$uuid/, 'it has the row';
    for ($reset, $code, substr($reset, 27), encode_base64url(pack 'H*', $code)) {
        unlike $dump, qr/\Q$_/i, 'and nothing of the rest';
    }
    for my $made (map({ encode_base64url(pack 'H*', "$_$id" . '00' x 32) } $key, ''), $id, $uuid) {
        reset_with($made)->problem_is(400, 'invalid_token');
    }
    reset_with($reset)->status_is(204);
};

subtest "accounts can't be enumerated" => sub {
    $t->register(email => 'known@example.com');
    $t->db->do(q{INSERT INTO autoflow.users (email, password_hash, is_active)
        VALUES ('off@example.com', 'x', false)});
    for my $path ('/auth/forgot-password', '/api/user/verify-email/resend') {
        my @answers = map {
            my $res = $t->ua->post($path => json => {email => $_})->res;
            my %headers = %{$res->headers->to_hash};
            delete @headers{qw(Date X-Request-ID)};
            {code => $res->code, body => $res->body, headers => \%headers};
        } map { "$_\@example.com" } qw(known unknown off known unknown);
        is $answers[0]{code}, 202, $path;
        is_deeply $_, $answers[0], 'the same answer for all' for @answers;
    }
    $mails->all_sent;
    is mails_to("$_\@example.com"), 0, "no mail to $_" for qw(unknown off);
    is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.outbox WHERE recipient IN
        ('unknown@example.com', 'off@example.com')}), 0, 'nor a row';
};

subtest 'nor by timing' => sub {
    $t->db->do(q{INSERT INTO autoflow.users (email, password_hash)
        SELECT 'timed' || n || '@example.com', 'x' FROM generate_series(1, 5) AS n});
    my ($delay) = path("$Test::Autoflow::root/src/api/recovery.c")->slurp
        =~ /^#define ANSWER_DELAY +(\d+)$/m;
    my $done = sub {
        my $idle = $t->connections(q{AND state = 'idle' AND wait_event = 'ClientRead'});
        return $idle == 2 && 5 == $t->db->selectrow_array(
            q{SELECT count(*) FROM autoflow.outbox WHERE recipient LIKE 'timed%'});
    };
    $t->hold;
    my @clients = map {
        $t->client->send(Test::Autoflow::Client::request(POST => '/auth/forgot-password', {},
            Mojo::JSON::encode_json({email => "$_\@example.com"})))
    } map { ("timed$_", "untimed$_") } 1 .. 5;
    my $waiting = sub { scalar grep { !$_->waits } @clients };
    $t->all_read;
    $t->wait_for($done);
    is $waiting->(), 10, 'all is done, and nobody is answered';
    $t->pass(($delay - 1) / 1000)->timed;
    is $waiting->(), 10, 'before a certain time';
    $t->pass(0.001);
    is_deeply [map { $_->status } @clients], [(202) x 10], 'when all are';
    $t->go;
};

subtest 'limits of mails' => sub {
    $t->db->do(q{INSERT INTO autoflow.users (email, password_hash)
        VALUES ('often@example.com', 'x')});
    my $count = sub { $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.outbox
        WHERE recipient = 'often@example.com'}) };
    $t->at_once(
        map { [POST => '/auth/forgot-password' => json => {email => 'often@example.com'}] } 1 .. 8);
    is $count->(), 1, 'one, however many ask at once';
    forgot('often@example.com');
    is $count->(), 1, 'none within a minute';
    resend('often@example.com');
    is $count->(), 2, 'but one of another kind';
    for (1 .. 5) {
        elapse('61 seconds');
        forgot('Often@Example.com');
    }
    is $count->(), 5, 'five within an hour';
    elapse('55 minutes');
    forgot('often@example.com');
    is $count->(), 6, 'more later';
};

subtest 'limits of requests' => sub {
    mail(autoflow_attempts => 'address=5/1m');
    $t->reload->ready;
    my ($email, $reset, $verify) = account();    # three of them: to register, to forget, and
    verify($verify)->status_is(204);             # one that was right, which does not count
    verify($verify)->status_is(400);
    resend($email);
    reset_with('x')->status_is(400);
    for my $path ('/auth/forgot-password', '/auth/reset-password', '/api/user/verify-email',
        '/api/user/verify-email/resend') {
        $t->post_ok($path => json => {email => $email, token => $reset, new_password => $fresh})
            ->problem_is(429, 'too_many_attempts')->header_like('Retry-After' => qr/^\d+$/);
    }
    mail();
    $t->reload->ready;
    reset_with($reset)->status_is(204);
};

subtest 'harmless names' => sub {
    my $templates = $t->dir . '/templates';
    path($templates)->make_path;
    chmod 0755, $templates;
    $_->copy_to($templates) for path("$Test::Autoflow::root/conf/mail")->list->each;
    path($templates, "$_.subject")->spurt("For {{name}}\n")
        for qw(reset_password verify_email change_email);
    path($templates, 'reset_password.html')->spurt('<p title="{{name}}">{{link}}</p>');
    mail(autoflow_mail_templates => $templates);
    $t->reload->ready;

    $t->db->do(q{INSERT INTO autoflow.users (email, password_hash, full_name, email_verified)
        VALUES ('eve@example.com', 'x', E'Eve\nBcc: x@example.com', true),
               ('mallory@example.com', 'x', '"><script>alert(1)</script>', true),
               ('anne@example.com', 'x', 'Änne 漢字', true),
               ('stranger@example.com', 'x', 'Win money at evil.example', false)});
    my %mail = map { my $to = "$_\@example.com"; forgot($to); $t->wait_for(sub { mails_to($to) });
        ($_ => (mails_to("$_\@example.com"))[0]) }
        qw(eve mallory anne stranger);
    unlike $mail{eve} =~ s/\n\n.*//sr, qr/^Bcc/mi, 'no header';
    like $mail{eve}, qr/^Subject: For Eve Bcc: x\@example\.com$/m, 'but a part of one';
    like $mail{mallory}, qr/^<p title="&quot;&gt;&lt;script&gt;alert\(1\)&lt;\/script&gt;">/m,
        'no markup';
    like $mail{anne}, qr/^Subject: =\?UTF-8\?B\?/m, 'UTF-8 as an encoded word';
    like $mail{stranger}, qr/^Subject: For stranger\@example\.com$/m,
        'nothing of a stranger who may not own the address';

    $t->db->do(q{UPDATE autoflow.users SET pending_email = 'victim@example.com'
        WHERE email = 'mallory@example.com'});
    $t->db->do(q{INSERT INTO autoflow.outbox (kind, user_id, recipient)
        SELECT 'change_email', id, pending_email FROM autoflow.users
        WHERE email = 'mallory@example.com'});
    forgot('nobody@example.com');
    token('victim@example.com', 'verify-email');
    like +(mails_to('victim@example.com'))[0], qr/^Subject: For victim\@example\.com$/m,
        'nor of one who would like to have it';
    mail();
    $t->reload->ready;
};

subtest 'in a Maildir' => sub {
    my ($file) = $mails->files;
    is +(stat $file)[2] & 0777, 0600, 'nobody else can read a mail';
    unlike $file->slurp, qr/\r/, 'lines end as in files';
    is path("$dir/tmp")->list->size, 0, 'nothing is left in tmp';
    is_deeply [sort map { $_->basename } path($dir)->list({dir => 1})->each], [qw(cur new tmp)],
        'its folders';
};

subtest 'without mails' => sub {
    mail(autoflow_mail => 'off');
    $t->reload->ready;
    my ($before) = $t->db->selectrow_array('SELECT count(*) FROM autoflow.outbox');
    $t->register(email => 'quiet@example.com');
    forgot('quiet@example.com');
    resend('quiet@example.com');
    verify('A' x 64)->problem_is(400, 'invalid_token');
    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.outbox'), $before, 'none is written';
};

$t->finish;
done_testing;
