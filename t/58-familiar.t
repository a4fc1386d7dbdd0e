# Familiar addresses: attacks on an account from elsewhere don't lock out
# clients at them, and their number is bounded.

use Mojo::Base -strict, -signatures;
use File::Temp;
use Test::Autoflow;
use Test::Autoflow::Maildir;
use Test::More;
use Time::HiRes qw(time);

my $good  = 'correct horse battery staple';
my $fresh = 'a fresh battery for the horse';
my $t     = Test::Autoflow->new(http => 'set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;');
my $mails = Test::Autoflow::Maildir->new(t => $t);
$mails->configure(autoflow_attempts => 'account=3/1h account_total=6/1h address=off changes=off');
$t->start;

# an unused address
my $addresses = 0;
sub address { sprintf '198.18.%d.%d', ++$addresses / 250, 1 + $addresses % 250 }

sub ask ($ip, $path, $body) { $t->post_ok($path => {'X-Real-IP' => $ip} => json => $body) }

sub login ($who, $ip, $password = $good) {
    return ask($ip, '/auth/login', {email => $who->{user}{email}, password => $password});
}

# an account registered from an address
sub account ($ip = address()) {
    my $email = 'familiar' . ++$addresses . '@example.com';
    return ask($ip, '/auth/register', {email => $email, password => $good})->status_is(201)
        ->tx->res->json;
}

# invalid passwords from everywhere, until unfamiliar addresses are refused
sub attack ($who) {
    login($who, address(), 'wrong')->status_is(401) for 1 .. 6;
    login($who, address())->problem_is(429, 'too_many_attempts', 'strangers are too many');
}

# ends all sessions
sub end_sessions ($who) {
    $t->db->do('UPDATE autoflow.sessions SET ended_at = now() WHERE user_id = ?', {},
        $who->{user}{id});
}

# advances the time for an account's addresses
sub elapse ($who, $days) {
    $t->db->do(q{UPDATE autoflow.user_addresses
        SET used_on = (now() AT TIME ZONE 'UTC')::date - ?::integer
        WHERE user_id = ?}, {}, $days, $who->{user}{id});
}

sub known ($who) {
    return $t->db->selectcol_arrayref('SELECT network FROM autoflow.user_addresses WHERE user_id = ?
        ORDER BY used_on, network', {}, $who->{user}{id});
}


subtest 'a reset' => sub {
    my $ada = account();
    my $email = $ada->{user}{email};
    my $here = address();
    login($ada, $here, 'forgotten')->status_is(401) for 1 .. 3;
    login($ada, $here)->problem_is(429, 'too_many_attempts');
    login($ada, address(), 'wrong')->status_is(401) for 1 .. 3;
    login($ada, my $stranger = address())->problem_is(429, 'too_many_attempts');

    ask($here, '/auth/forgot-password', {email => $email})->status_is(202);
    ask($here, '/auth/reset-password', {token => $mails->token($email, 'reset-password'),
        new_password => $fresh})->status_is(204);
    login($ada, $here, 'not that one')->status_is(401, 'what failed there is forgotten') for 1 .. 2;
    login($ada, $here, $fresh)->status_is(200, 'and the attack is no matter');
    login($ada, $stranger, $fresh)->problem_is(429, 'too_many_attempts', 'which goes on elsewhere');
};

subtest 'for 30 days' => sub {
    my $ada = account(my $home = address());
    end_sessions($ada);
    attack($ada);
    elapse($ada, 31);
    login($ada, $home)->problem_is(429, 'too_many_attempts', 'and no longer');
    elapse($ada, 30);
    login($ada, $home)->status_is(200);

    my $next = $home =~ s/(\d+)$/$1 + 1/er;
    login($ada, $next)
        ->problem_is(429, 'too_many_attempts', 'the next address of IPv4 is another one');
};

subtest 'IPv6' => sub {
    my $ada = account('2001:db8:1:2:3:4:5:6');
    is_deeply known($ada), ['2001:db8:1:2::/64'];
    end_sessions($ada);
    attack($ada);
    login($ada, '2001:db8:1:3::1')->problem_is(429, 'too_many_attempts');
    login($ada, '2001:db8:1:2::1')->status_is(200, 'the first 64 bits are one');
};

subtest 'where a session was refreshed' => sub {
    my $ada = account();
    my $place = address();
    attack($ada);
    login($ada, $place)->problem_is(429, 'too_many_attempts', 'a stranger');
    ask($place, '/auth/refresh', {refresh_token => $ada->{refresh_token}})->status_is(200);
    is scalar @{known($ada)}, 1, 'which is written nowhere else';
    login($ada, $place, 'wrong')->status_is(401, 'not any more');

    my $expires = sub ($interval) {
        $t->db->do('UPDATE autoflow.sessions SET expires_at = now() + ?::interval
            WHERE user_id = ?', {}, $interval, $ada->{user}{id});
    };
    $expires->('-1 second');
    login($ada, $place)->problem_is(429, 'too_many_attempts', 'as long as it lives');
    $expires->('1 hour');
    end_sessions($ada);
    login($ada, $place)->problem_is(429, 'too_many_attempts');
};

subtest 'once a day' => sub {
    my $ada = account(my $home = address());
    my $written = sub { $t->db->selectrow_array('SELECT xmin FROM autoflow.user_addresses
        WHERE user_id = ?', {}, $ada->{user}{id}) };
    my $first = $written->();
    login($ada, $home)->status_is(200) for 1 .. 2;
    is $written->(), $first, 'it is written';
    elapse($ada, 1);
    login($ada, $home)->status_is(200);
    is $t->db->selectrow_array(q{SELECT used_on = (now() AT TIME ZONE 'UTC')::date
        FROM autoflow.user_addresses
        WHERE user_id = ?}, {}, $ada->{user}{id}), 1, 'the next day again';
};

subtest 'at most 32' => sub {
    my $ada = account(my $home = address());
    elapse($ada, 2);
    login($ada, address())->status_is(200) for 1 .. 31;
    is scalar @{known($ada)}, 32;
    is known($ada)->[0], "$home/32", 'the first one is the 32nd';
    login($ada, my $last = address())->status_is(200);
    is scalar @{known($ada)}, 32;
    is scalar(grep { $_ eq "$home/32" } @{known($ada)}), 0, 'and goes for a new one';
    is scalar(grep { $_ eq "$last/32" } @{known($ada)}), 1;
    login($ada, address())->status_is(200) for 1 .. 8;
    is scalar @{known($ada)}, 32, 'however many come in a day';
};

subtest 'every way to open a session' => sub {
    $t->postgresql->privileges_ok(previous => 1);
    my $ada = account();
    my $app = $t->postgresql->connect('autoflow_app');
    $app->do(q{INSERT INTO autoflow.sessions (user_id, ip_address, token_hash, expires_at,
        access_expires_at)
        VALUES (?, '203.0.113.1', sha256(''), now() + interval '1 day', now())}, {},
        $ada->{user}{id});
    is scalar(grep { $_ eq '203.0.113.1/32' } @{known($ada)}), 1, 'has been there';
};

subtest 'deleted and expired' => sub {
    my ($ada, $eve) = (account(), account());
    elapse($ada, 31);
    elapse($eve, 30);
    is $t->db->selectrow_array('SELECT autoflow.purge_addresses()'), 0, 'nothing is left to do';
    is_deeply [map { scalar @{known($_)} } $ada, $eve], [0, 1], 'after 30 days';

    $t->delete_ok('/auth/me' => $t->bearer($eve))->status_is(204);
    is_deeply known($eve), [], 'with its account';
};

$t->finish;


# on a database in use
my $dir = File::Temp->newdir;
chmod 0755, $dir;
my $postgresql = Test::Autoflow::PostgreSQL->new(dir => "$dir/postgresql")->start;
my $owner = $postgresql->connect;

subtest '300,000 sessions of one account' => sub {
    $postgresql->sqitch_ok('revert', '-y', '--to', 'familiar_addresses^');
    my ($many) = $owner->selectrow_array(q{INSERT INTO autoflow.users (email, password_hash)
        VALUES ('many@example.com', 'x') RETURNING id});
    my ($gone) = $owner->selectrow_array(q{INSERT INTO autoflow.users (email, password_hash,
        is_active, deleted_at)
        VALUES ('gone@example.com', 'x', false, now()) RETURNING id});
    my $insert = sub ($user, $n) {
        $owner->do(q{INSERT INTO autoflow.sessions (user_id, ip_address, token_hash, last_used_at,
            expires_at, access_expires_at)
            SELECT ?, '10.0.0.0'::inet + i, sha256(''), now() - i * interval '10 seconds', now(),
            now()
              FROM generate_series(1, ?) AS i}, {}, $user, $n);
    };
    $insert->($many, 300_000);
    $insert->($gone, 3);

    my $began = time;
    $postgresql->sqitch_ok('deploy');
    note sprintf 'deployed in %.1f s', time - $began;
    is_deeply $owner->selectcol_arrayref('SELECT user_id, network FROM autoflow.user_addresses
        ORDER BY used_on DESC, network', {Columns => [2]}),
        [map { "10.0.0.$_/32" } 1 .. 32], 'the latest 32 are kept';

    $owner->do(q{SELECT autoflow.use_address(?, '192.0.2.1')}, {}, $many);
    is $owner->selectrow_array('SELECT count(*) FROM autoflow.user_addresses'), 32,
        'and one more is one in place of another';
};

$owner->disconnect;
$postgresql->stop;
done_testing;
