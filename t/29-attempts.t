# autoflow_attempts: too many wrong passwords are refused before any work, and
# nobody can lock somebody else out.  PUT /auth/me/password.

use Mojo::Base -strict, -signatures;
use Test::Autoflow;
use Test::More;
use Time::HiRes qw(sleep);

# clients say where they come from
my $t = Test::Autoflow->new(workers => 2,
    http => 'set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;',
    settings => {autoflow_attempts => 'account=5/3s account_total=20/3s address=40/3s'})->start;

my $good = 'correct horse battery staple';
my %seen;

sub login ($name, $password, $ip = '192.0.2.1') {
    return $t->post_ok('/auth/login' => {'X-Real-IP' => $ip} => json => {email => $name, password => $password});
}

sub register ($name, $ip) {
    $t->post_ok('/auth/register' => {'X-Real-IP' => $ip} => json =>
        {email => "$name\@example.com", username => $name, password => $good})->status_is(201);
    return $t->tx->res->json;
}

sub refused ($why = 'too many attempts') {
    $t->problem_is(429, 'too_many_attempts', $why)->header_like('Retry-After' => qr/^[123]$/);
}

sub events ($where) {
    return $t->db->selectrow_array("SELECT count(*) FROM autoflow.audit_events WHERE $where");
}

# until all windows have ended
sub wait_a_while { sleep 3.1 }

my $ada = register('ada', '192.0.2.77');


subtest 'an account from one address' => sub {
    login('ada', 'wrong')->problem_is(401, 'invalid_credentials') for 1 .. 5;
    login('ada', $_), refused() for 'wrong', $good;
    login('ada@example.com', $good), refused('by another name of it');
    login('ADA', $good), refused('in other letters');
    login('ada', $good, '192.0.2.2')->status_is(200, 'from another address');
    is events(q{action = 'locked_out' AND details->>'limit' = 'account'}), 1, 'audited once';
    is events(q{action = 'login_failed'}), 5, 'what was not looked at is no failure';
    wait_a_while();
    login('ada', $good)->status_is(200, 'later');
};

subtest 'an unknown account' => sub {
    login('nobody', 'wrong', '192.0.2.3')->problem_is(401, 'invalid_credentials') for 1 .. 5;
    login('NOBODY', 'wrong', '192.0.2.3'), refused('is not told from a known one');
    login('nobody2', 'wrong', '192.0.2.3')->problem_is(401, 'invalid_credentials', 'another is counted by itself');
    wait_a_while();
};

subtest 'what is right is not counted' => sub {
    for (1 .. 3) {
        login('ada', 'wrong')->status_is(401);
        login('ada', $good)->status_is(200) for 1 .. 4;
    }
    login('ada', 'wrong')->status_is(401) for 1 .. 2;
    login('ada', $good), refused('the wrong ones are, all of them');
    wait_a_while();
};

subtest 'an account from everywhere' => sub {
    login('ada', 'wrong', "192.0.2.1$_")->status_is(401) for 10 .. 29;
    login('ada', $good, '192.0.2.200'), refused('a stranger');
    is events(q{action = 'locked_out' AND details->>'limit' = 'account_total'}), 1, 'audited once';
    login('ada', $good, '192.0.2.77')->status_is(200, 'its owner, who was there lately');
    login('ada', 'wrong', '192.0.2.77')->status_is(401, 'and may err');
    wait_a_while();

    login('ada', 'wrong', "192.0.2.1$_")->status_is(401) for 30 .. 49;
    login('ada', $good, '192.0.2.77')->status_is(200, 'its owner comes first');
    login('ada', $good, '192.0.2.201'), refused('then a stranger');
    is events(q{action = 'locked_out' AND details->>'limit' = 'account_total'}), 2, 'audited all the same';
    wait_a_while();
};

subtest 'IPv4 by a socket of IPv6' => sub {
    register('bob', '::ffff:192.0.2.66');
    is $t->db->selectrow_array('SELECT host(ip_address) FROM autoflow.sessions ORDER BY created_at DESC LIMIT 1'),
        '192.0.2.66', 'is the same address';
    login('bob', 'wrong', "::ffff:198.51.100.$_")->status_is(401) for 1 .. 20;
    login('bob', $good, '::ffff:198.51.100.200'), refused('a stranger is one');
    login('bob', $good, $_)->status_is(200, "its owner, from $_") for '::ffff:192.0.2.66', '192.0.2.66';
    wait_a_while();
};

subtest 'an address' => sub {
    login("nobody$_", 'wrong', '192.0.2.4')->status_is(401) for 1 .. 40;
    login('nobody41', 'wrong', '192.0.2.4'), refused('for whatever account');
    $t->post_ok('/auth/register' => {'X-Real-IP' => '192.0.2.4'} => json =>
        {email => 'more@example.com', password => $good});
    refused('nor a new one');
    login('ada', $good, '192.0.2.5')->status_is(200, 'from another');

    login("nobody$_", 'wrong', "2001:db8::$_")->status_is(401) for 1 .. 40;
    login('nobody41', 'wrong', '2001:db8::abcd:41'), refused('of IPv6, the first 64 bits');
    login('nobody41', 'wrong', '2001:db8:0:1::41')->status_is(401);
    is events(q{action = 'locked_out' AND details->>'limit' = 'address'}), 2, 'audited once each';
    wait_a_while();
};

subtest 'the audit is away' => sub {
    login('ada', 'wrong', '192.0.2.8')->status_is(401) for 1 .. 5;
    $t->db->do(q{ALTER TABLE autoflow.audit_events ADD CONSTRAINT away CHECK (action <> 'locked_out') NOT VALID});
    login('ada', 'wrong', '192.0.2.8'), refused('refused is refused');
    is scalar @{$t->tx->res->headers->every_header('Retry-After')}, 1, 'and says once for how long';
    $t->db->do('ALTER TABLE autoflow.audit_events DROP CONSTRAINT away');
    wait_a_while();
};

subtest 'at once' => sub {
    my $before = events(q{action = 'login_failed'});
    my %status;
    $status{$_->res->code}++ for $t->at_once((['POST', '/auth/login', {'X-Real-IP' => '192.0.2.6'},
        json => {email => 'ada', password => 'wrong'}]) x 60);
    is_deeply \%status, {401 => 5, 429 => 55}, 'no more than are allowed';
    is events(q{action = 'login_failed'}) - $before, 5, 'were hashed';
    wait_a_while();
};

subtest 'a reload forgets nothing' => sub {
    login('ada', 'wrong')->status_is(401) for 1 .. 5;
    $t->reload->ready;
    login('ada', $good), refused();
    wait_a_while();
};

subtest 'another password' => sub {
    my $change = sub ($who, %body) {
        $t->put_ok('/auth/me/password' => $t->bearer($who) => json => {%body});
    };
    my $better = 'a better horse, a newer battery';
    my ($here, $there) = map { login('ada', $good)->tx->res->json } 1, 2;

    $change->($here, current_password => 'wrong', new_password => $better)->problem_is(403, 'wrong_password');
    $change->($here, current_password => $good, new_password => 'password1')->problem_is(422, 'validation_failed')
        ->errors_are({new_password => 'password_too_weak'});
    $change->($here, current_password => $good, new_password => 'ada@example.com')
        ->errors_are({new_password => 'password_too_similar'});
    $change->($here, new_password => 'short')->errors_are({current_password => 'required', new_password => 'length'});
    $t->put_ok('/auth/me/password' => json => {})->problem_is(401, 'token_required');

    $change->($here, current_password => $good, new_password => $better)->status_is(204)->content_is('');
    $t->get_ok('/auth/me' => $t->bearer($here))->status_is(200, 'who changed it goes on');
    $t->get_ok('/auth/me' => $t->bearer($there))->problem_is(401, 'token_revoked', 'every other session has ended');
    $t->post_ok('/auth/refresh' => json => {refresh_token => $there->{refresh_token}})->problem_is(401, 'invalid_token');
    $t->post_ok('/auth/refresh' => json => {refresh_token => $here->{refresh_token}})->status_is(200);
    login('ada', $good)->problem_is(401, 'invalid_credentials');
    login('ada', $better)->status_is(200);
    is events(q{action = 'password_changed'}), 1, 'audited';

    wait_a_while();
    $change->($here, current_password => 'wrong', new_password => $better)->status_is(403) for 1 .. 5;
    $change->($here, current_password => $better, new_password => $good), refused('guesses are counted here, too');
    wait_a_while();

    my %status;
    $status{$_->res->code}++ for $t->at_once(map { ['PUT', '/auth/me/password', $t->bearer($here),
        json => {current_password => $better, new_password => "number $_ of four passwords"}] } 1 .. 4);
    is_deeply \%status, {204 => 1, 403 => 3}, 'several at once: one of them changes it';
};

subtest 'off' => sub {
    $t->settings({autoflow_attempts => 'account=off account_total=off address=off'})->reload->ready;
    login('ada', 'wrong')->status_is(401) for 1 .. 30;
};

subtest '10,000 attempts' => sub {
    $t->settings({autoflow_attempts => 'account=10/15m address=off'})->reload->ready;
    my ($before, $out) = (events(q{action = 'login_failed'}), events(q{action = 'locked_out'}));
    my %status;
    for (1 .. 50) {
        $status{$_->res->code}++ for $t->at_once((['POST', '/auth/login', {'X-Real-IP' => '192.0.2.9'},
            json => {email => 'ada', password => 'wrong'}]) x 200);
    }
    is_deeply \%status, {401 => 10, 429 => 9990}, 'at one account, from one address';
    is events(q{action = 'login_failed'}) - $before, 10, 'ten were hashed';
    is events(q{action = 'locked_out'}) - $out, 1, 'one event says so';
};

$t->finish;

$t = Test::Autoflow->new(
    main => 'thread_pool autoflow_hash threads=1 max_queue=2;
             thread_pool autoflow_io threads=1 max_queue=8;',
    settings => {autoflow_attempts => 'account=10/1m address=off', autoflow_password => undef})->start;
my $eve = $t->register(email => 'eve@example.com');

subtest 'what was not looked at is not counted' => sub {
    my %status;
    my ($login, $change) = (
        ['POST', '/auth/login', {}, json => {email => 'eve@example.com', password => $good}],
        ['PUT', '/auth/me/password', $t->bearer($eve), json => {current_password => $good, new_password => 'password1'}],
    );
    $status{$_->res->code}++ for $t->at_once(($login) x 30, $change, ($login) x 30);
    delete $status{422};       # the change, if it was in time
    is_deeply [sort keys %status], [200, 503], 'with the queue of hashes full' or diag explain \%status;
    cmp_ok $status{503}, '>', 20, 'most came too late';
    $t->post_ok('/auth/login' => json => {email => 'eve@example.com', password => $good})->status_is(200);
};

$t->finish;
done_testing;
