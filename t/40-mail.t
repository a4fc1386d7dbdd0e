# Delivery of mails: to a real mail server, which may be down, hang or reject,
# by workers that may be killed.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json);
use Test::Autoflow;
use Test::Autoflow::Mail;
use Test::More;

my $t    = Test::Autoflow->new(workers => 2, clock => 1);
my $smtp = Test::Autoflow::Mail->new(dir => $t->dir);
my $good = 'correct horse battery staple';

# autoflow_mail with these parameters
sub mail ($parameters) {
    return $t->settings({
        autoflow_mail           => $parameters,
        autoflow_mail_templates => "$Test::Autoflow::root/conf/mail",
        autoflow_link_base      => 'https://example.com/account/',
    });
}

sub secure ($password = $smtp->password) {
    return mail($smtp->url . q{ "from=Example <auth@example.com>" user=} . $smtp->user
        . qq{ "password=$password" starttls=required ca=} . $smtp->ca);
}

# an outbox entry, when its condition is true
sub row ($address, $is) {
    my $row;
    $t->wait_for(sub {
        $row = $t->db->selectrow_hashref(q{SELECT *, due_at > now() AS leased FROM autoflow.outbox
            WHERE recipient = ?}, undef, $address);
        $row && $is->($row);
    });
    return $row;
}

sub sent ($address) { row($address, sub ($row) { $row->{sent_at} }) }
sub arrived ($address) { $t->wait_for(sub { $smtp->mails_to($address) });
    return ($smtp->mails_to($address))[0] }

# as if the time until the next attempt had passed: for waiting ones, as a lease
# is longer; or for all, when the workers that claimed them are gone
sub later ($all = 0) {
    $t->db->do(q{UPDATE autoflow.outbox SET due_at = now() WHERE sent_at IS NULL
        AND failed_at IS NULL
        AND (due_at < now() + interval '1 minute' OR ?)}, undef, $all);
}

# the log may have it a moment after the database
sub logged ($line, $name) { ok $t->wait_for(sub { $t->error_log =~ $line }), $name }

my $kicks = 0;
sub kick {
    $t->ua->post('/auth/forgot-password' => json => {email => 'nobody' . ++$kicks
        . '@example.com'}) }

# waits until all are sent: each worker has a kick
sub all_sent {
    $t->wait_for(sub {
        later();
        kick();
        !$t->db->selectrow_array('SELECT count(*) FROM autoflow.outbox WHERE sent_at IS NULL
            AND failed_at IS NULL');
    });
}

$smtp->with_tls->start;
secure();
$t->start;


subtest 'a mail is sent immediately' => sub {
    $t->register(email => 'ada@example.com');
    my $mail = arrived('ada@example.com');
    is $mail->{sender}, 'auth@example.com', 'from the address that is configured';
    is_deeply $mail->{recipients}, ['ada@example.com'], 'to that of the account';
    ok $mail->{tls}, 'by TLS';
    ok $mail->{user}, 'by a user who has logged in';
    is_deeply $mail->{defects}, [], 'another parser finds no fault';
    is $mail->{bare}, 0, 'nor a bare line end';
    cmp_ok $mail->{longest}, '<', 998, 'nor a line too long';
    is_deeply $mail->{types}, [qw(multipart/alternative text/plain text/html)], 'text and HTML';

    my %headers;
    push @{$headers{$_->[0]}}, $_->[1] for @{$mail->{headers}};
    my $row = sent('ada@example.com');
    is_deeply [sort keys %headers],
        [sort qw(Date From To Subject Message-ID Auto-Submitted MIME-Version
        Content-Type)], 'the headers';
    is_deeply [grep { @$_ != 1 } values %headers], [], 'each of them once';
    is $headers{From}[0], 'Example <auth@example.com>', 'From';
    is $headers{'Message-ID'}[0], "<$row->{id}\@example.com>", 'a name that stays the same';
    is $headers{'Auto-Submitted'}[0], 'auto-generated', 'nobody shall answer';

    my $page = qr{https://example\.com/account/verify-email};
    my ($token) = $mail->{text} =~ /^$page\?token=([\w-]{70})$/m;
    ok $token, 'a link on a line of its own';
    like $mail->{html}, qr{<a href="$page\?token=$token">},
        'the same in HTML';
    unlike $t->error_log, qr/ada\@|$token|mail server's/,
        'the log holds no address, token or password';
};

subtest 'a worker keeps its connection open' => sub {
    $t->hold;                   # no worker looks by chance
    $t->register(email => "many$_\@example.com") for 1 .. 10;
    sent("many$_\@example.com") for 1 .. 10;
    my %peers = map { $_->{peer} => 1 } $smtp->mails;
    cmp_ok keys %peers, '<=', $t->workers, 'one for each';
    $t->go;
};

subtest 'a non-ASCII domain' => sub {
    $t->register(email => "ada\@b\x{fc}cher.example");
    my $mail = arrived('ada@xn--bcher-kva.example');
    my ($to) = map { $_->[1] } grep { $_->[0] eq 'To' } @{$mail->{headers}};
    is $to, "ada\@b\x{fc}cher.example", 'goes to the server as DNS has it';
};

subtest 'the server is down' => sub {
    $smtp->stop;
    my @addresses = map { "down$_\@example.com" } 1 .. 6;
    $t->register(email => $_) for @addresses;
    my $row = row($addresses[0], sub ($row) { $row->{last_error} });
    like $row->{last_error}, qr/connect/i, 'the row says why it was not sent';
    ok $row->{leased} && !$row->{failed_at}, 'and is tried again later';
    logged(qr/\[warn\].*could not send mail $row->{id} \(verify_email\) yet: /, 'so does the log');

    $smtp->start;
    all_sent();
    is $smtp->mails_to($_), 1, "$_ has one" for @addresses;
    $t->register(email => 'up@example.com');
    arrived('up@example.com');
};

subtest 'the server hangs' => sub {
    $smtp->stop;
    my $hole = $smtp->black_hole;
    $t->hold;                   # so that nobody gives up
    $t->register(email => "deaf$_\@example.com") for 1 .. 4;
    row('deaf1@example.com', sub ($row) { $row->{attempts} });
    $t->post_ok('/auth/login' => json => {email => 'ada@example.com', password => $good})
        ->status_is(200, 'logins wait for no mail') for 1 .. 11;
    ok !grep({ $_->{recipients}[0] =~ /deaf/ } $smtp->mails), 'of which none can be sent';

    # the worker that waits for the response is killed
    kill KILL => $t->process->processes;
    $t->process->ended;
    $t->wait_for(sub { !$t->process->processes });
    close $hole;
    $smtp->start;
    my ($taken) = $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.outbox
        WHERE sent_at IS NULL AND due_at > now() + interval '1 minute'});
    cmp_ok $taken, '>=', 1, 'workers were killed that had taken mails';
    $t->start;
    $t->register(email => 'later@example.com');
    sent('later@example.com');
    is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.outbox WHERE sent_at IS NULL
        AND due_at > now()}), $taken, 'which nobody else takes while these may be at it';
    later(1);
    all_sent();
    is $smtp->mails_to("deaf$_\@example.com"), 1, 'delivered later, once' for 1 .. 4;
};

subtest "the server's reply to a recipient" => sub {
    $t->register(email => 'nobody@refused.example');
    my $row = row('nobody@refused.example', sub ($row) { $row->{failed_at} });
    like $row->{last_error}, qr/550 5\.1\.1 <\*+>: nobody of this name/, 'for ever: given up';
    is $row->{attempts}, 1, 'at once';
    logged(qr/\[error\].*gave up mail $row->{id} \(verify_email\): .*550/, 'logged');

    $t->register(email => "Nobody\@b\x{fc}cher.refused.example");
    $row = row("Nobody\@b\x{fc}cher.refused.example", sub ($row) { $row->{failed_at} });
    like $row->{last_error}, qr/550 5\.1\.1 <\*+>: nobody of this name/,
        'whatever it makes of the address';
    unlike $t->error_log, qr/nobody\@/i, 'but not whom the server repeats';

    $t->register(email => 'busy@later.example');
    $row = row('busy@later.example', sub ($row) { $row->{last_error} });
    like $row->{last_error}, qr/451 4\.7\.1 come back later/, 'for now: tried again';
    ok !$row->{failed_at}, 'not given up';

    $t->db->do(q{UPDATE autoflow.outbox SET due_at = now(), created_at = now() - interval '25 hours'
        WHERE recipient = 'busy@later.example'});
    kick();
    $row = row('busy@later.example', sub ($row) { $row->{failed_at} });
    like $row->{last_error}, qr/in time.*451/, 'but after a day';
    logged(qr/\[error\].*gave up mail $row->{id} .*in time/, 'logged');
};

subtest 'obsolete mails are not sent' => sub {
    $smtp->stop;
    $t->register(email => 'gone@example.com');
    row('gone@example.com', sub ($row) { $row->{last_error} });
    $t->db->do(q{UPDATE autoflow.users SET email = 'new@example.com'
        WHERE email = 'gone@example.com'});
    $smtp->start;
    all_sent();
    is $smtp->mails_to('gone@example.com'), 0, 'the address is another one';
};

# signals a worker, which must not exit before the mail is answered
sub signal_while_held ($signal) {
    my @workers = $t->worker_pids;
    $t->process->signal($signal);
    for my $pid (@workers) {
        $t->wait_for(sub { $t->error_log =~ /\] $pid#$pid: gracefully shutting down/ });
    }
    $smtp->let_go;
    return @workers;
}

subtest 'fast and graceful shutdown' => sub {
    $smtp->hold;
    $t->register(email => 'slow@example.com');
    arrived('slow@example.com');
    my @old = signal_while_held('HUP');
    sent('slow@example.com');
    logged(qr/worker process $_ exited with code 0/, "worker $_ waited for it") for @old;
    all_sent();
    is $smtp->mails_to('slow@example.com'), 1, 'and the new ones did not send it again';

    $t->ready;
    $smtp->hold;
    $t->register(email => 'last@example.com');
    row('last@example.com', sub ($row) { $row->{attempts} });
    signal_while_held('QUIT');
    is $t->process->ended, 0, 'nginx quits';
    ok sent('last@example.com'), 'not before the mail is sent';
    $t->start;
};

subtest 'late results' => sub {
    $smtp->stop;
    my $hole = $smtp->black_hole;
    $t->register(email => 'tardy@example.com');
    my $row = row('tardy@example.com', sub ($row) { $row->{attempts} == 1 });
    $t->db->do(q{UPDATE autoflow.outbox SET attempts = 2, due_at = now() + interval '2 minutes'
        WHERE id = ?}, undef, $row->{id});
    close $hole;
    logged(qr/could not send mail $row->{id} /, 'a mail that another worker has taken meanwhile');
    $row = row('tardy@example.com', sub { 1 });
    is $row->{last_error}, undef, 'is its own';
    is $t->db->selectrow_array(q{SELECT due_at > now() + interval '1 minute' FROM autoflow.outbox
        WHERE id = ?}, undef, $row->{id}),
        1, 'which has its two minutes';
    $smtp->start;
    later(1);
    all_sent();
};

subtest 'the database goes down while a mail is being sent' => sub {
    $smtp->hold;
    $t->register(email => 'way@example.com');
    arrived('way@example.com');
    $t->handle->disconnect;
    $t->postgresql->stop;
    $smtp->let_go;
    $t->wait_for(sub { $smtp->has_answered('way@example.com') });
    $t->postgresql->start;
    $t->recovered;
    sent('way@example.com');
    all_sent();
    is $smtp->mails_to('way@example.com'), 1,
        'the worker tells it later, and the mail went out once';
};

subtest 'many workers, many mails' => sub {
    $smtp->stop;
    $t->db->do(q{INSERT INTO autoflow.users (email, password_hash)
        SELECT 'crowd' || n || '@example.com', 'x' FROM generate_series(1, 200) AS n});
    $t->db->do(q{INSERT INTO autoflow.outbox (kind, user_id, recipient)
        SELECT 'verify_email', id, email FROM autoflow.users WHERE email LIKE 'crowd%'});
    $smtp->start;
    $t->at_once(
        map { [POST => '/auth/forgot-password' => json => {email => "x$_\@example.com"}] } 1 .. 8);
    all_sent();
    my %count;
    $count{$_->{recipients}[0]}++ for $smtp->mails;
    is_deeply [grep { ($count{"crowd$_\@example.com"} // 0) != 1 } 1 .. 200], [],
        'each of 200 was sent once';
};

subtest 'a server that does not offer TLS' => sub {
    $smtp->stop->options([])->start;
    $t->register(email => 'plain@example.com');
    my $row = row('plain@example.com', sub ($row) { $row->{last_error} });
    like $row->{last_error}, qr/STARTTLS|TLS|SSL/i, 'gets nothing where TLS is required';
    is $smtp->mails_to('plain@example.com'), 0, 'not a mail';

    mail($smtp->url . ' from=auth@example.com');
    $t->reload->ready;
    all_sent();
    my $mail = arrived('plain@example.com');
    ok !$mail->{tls}, 'but does where it is not';
};

subtest 'a server with an untrusted certificate' => sub {
    $smtp->stop->with_tls->start;
    secure();
    mail($smtp->url . ' from=auth@example.com user=' . $smtp->user . ' "password=' . $smtp->password
        . '" starttls=required');
    $t->reload->ready;
    $t->register(email => 'stranger@example.com');
    like row('stranger@example.com', sub ($row) { $row->{last_error} })->{last_error},
        qr/certificate/, 'gets nothing';
};

subtest 'a wrong password' => sub {
    secure('wrong');
    $t->reload->ready;
    $t->register(email => 'wrong@example.com');
    my $row = row('wrong@example.com', sub ($row) { $row->{last_error} });
    like $row->{last_error}, qr/535/, 'reported by the server';
    ok !$row->{failed_at}, 'it may be mended';
    secure();
    $t->reload->ready;
    all_sent();
    is $smtp->mails_to($_), 1, "$_ has one in the end" for 'stranger@example.com',
        'wrong@example.com';
};

subtest 'old rows are deleted' => sub {
    $t->db->do(q{UPDATE autoflow.outbox SET created_at = now() - interval '31 days'
        WHERE recipient LIKE 'crowd%'});
    is $t->db->selectrow_array('SELECT autoflow.mail_maintain()'), 200, 'after 30 days';

    $t->db->do(q{INSERT INTO autoflow.outbox (kind, user_id, recipient, sent_at)
        SELECT 'verify_email', (SELECT id FROM autoflow.users LIMIT 1), n || '@example.com', now()
          FROM generate_series(1, 20000) AS n});
    $t->db->do('ANALYZE autoflow.outbox');
    is $t->db->selectrow_array('SELECT autoflow.mail_maintain()'), 0, 'none is left';
    my ($json) = $t->db->selectrow_array('EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)
        SELECT autoflow.mail_maintain()');
    my $plan = decode_json($json)->[0]{Plan};
    cmp_ok $plan->{'Shared Hit Blocks'} + $plan->{'Shared Read Blocks'}, '<', 50,
        'and the others are not read to find that';
};

$t->finish;
$smtp->stop;
done_testing;
