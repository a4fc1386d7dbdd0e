# What failed because of another transaction is retried, once; what may have
# been done already is not.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json encode_json true);
use Test::Autoflow;
use Test::More;

my $t = Test::Autoflow->new(workers => 2, database => 'timeout=20s')->start;
my $ada = $t->register(email => 'ada@example.com');
my $id  = $ada->{user}{id};

sub change ($bio) {
    return $t->client->send(Test::Autoflow::Client::request(
        PATCH => '/auth/me', $t->bearer($ada), encode_json({bio => $bio})));
}

sub bio { $t->db->selectrow_array('SELECT bio FROM autoflow.users WHERE id = ?', {}, $id) }
sub updates { $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.audit_events
    WHERE action = 'updated'}) }

# changes of accounts fail so many times, when they are executed or committed;
# how often they were tried since then
$t->db->do('CREATE SEQUENCE autoflow.tries');
sub fails ($times, $sqlstate, $when = 'AFTER', $then = 'NULL') {
    my $deferred = $when eq 'AFTER' ? '' : 'DEFERRABLE INITIALLY DEFERRED';
    $t->db->do($_) for (
        'SET client_min_messages = warning',
        qq{CREATE OR REPLACE FUNCTION autoflow.fail() RETURNS trigger
           LANGUAGE plpgsql SECURITY DEFINER AS \$\$
           BEGIN
               IF nextval('autoflow.tries') <= $times THEN
                   RAISE EXCEPTION 'in the way' USING ERRCODE = '$sqlstate';
               END IF;
               PERFORM $then;
               RETURN NULL;
           END \$\$},
        'DROP TRIGGER IF EXISTS fails ON autoflow.users',
        "CREATE CONSTRAINT TRIGGER fails AFTER UPDATE ON autoflow.users $deferred
         FOR EACH ROW EXECUTE FUNCTION autoflow.fail()",
        'ALTER SEQUENCE autoflow.tries RESTART');
}
sub tries { $t->db->selectrow_array('SELECT CASE WHEN is_called THEN last_value ELSE 0 END
    FROM autoflow.tries') }
sub fails_no_more { $t->db->do('DROP TRIGGER fails ON autoflow.users') }

my $n = 0;

for my $when ('AFTER', 'COMMIT') {
    my $name = $when eq 'AFTER' ? 'an error' : 'an error of the commit';

    for my $sqlstate ('40001', '40P01') {
        subtest "$name, $sqlstate" => sub {
            my $before = updates();
            fails(1, $sqlstate, $when);
            is change('number ' . ++$n)->status, 200, 'the second time is the right one';
            is tries(), 2, 'there was one';
            is bio(), "number $n", 'it is done';
            is updates(), $before + 1, 'once';

            fails(2, $sqlstate, $when);
            my $answer = change('twice')->answer;
            is_deeply [$answer->{status}, decode_json($answer->{body})->{code},
                $answer->{headers}{'retry-after'}],
                [503, 'unavailable', 1], 'it fails twice';
            is tries(), 2, 'and there is no third time';
            is bio(), "number $n", 'nothing is done';
            is updates(), $before + 1, 'nor told as done';
        };
    }

    subtest "$name that is no reason" => sub {
        for (['40000', 503], ['40002', 503], ['40003', 503], ['57014', 503], ['P0001', 500]) {
            my ($sqlstate, $status) = @$_;
            fails(1, $sqlstate, $when);
            is change('no')->status, $status, "$sqlstate is answered $status";
            is tries(), 1, 'and is not tried again';
            is bio(), "number $n", 'nothing is done';
        }
    };
}

subtest 'several statements in one transaction' => sub {
    $t->db->do('UPDATE autoflow.users SET is_superuser = true');
    my $root = $t->ua->post($t->url('/auth/login') => json => {email => 'ada@example.com',
        password => 'correct horse battery staple'})->res->json;
    my $eve  = $t->register(email => 'eve@example.com');
    fails(1, '40P01');
    $t->put_ok("/auth/users/$eve->{user}{id}/superuser" => $t->bearer($root) => json => {
        is_superuser => true})
        ->status_is(200)->json_is('/is_superuser' => true);
    is tries(), 2, 'all of it again';
    $ada = $root;
};

fails_no_more();

# a connection that keeps deadlocking
sub rival {
    my $db = $t->postgresql->connect('postgres');
    $db->do(q{SET deadlock_timeout = '1h'});
    return $db;
}

subtest 'a deadlock' => sub {
    $t->locked->rollback;
    my $rival = rival();
    $rival->begin_work;
    $rival->do('SELECT pg_advisory_xact_lock(4711)');

    my $client = change('after the deadlock');
    $t->wait_for(sub { $t->blocked });
    # until the module's transaction is terminated; the retry waits for a lock
    # of the table, before it has locked a row
    $rival->do('LOCK TABLE autoflow.users IN EXCLUSIVE MODE');
    $rival->do(q{UPDATE autoflow.users SET full_name = 'Ada' WHERE id = ?}, {}, $id);
    $rival->commit;
    my $answer = $client->answer;
    is $answer->{status}, 200, 'is survived' or diag explain $answer;
    is_deeply [@{decode_json($answer->{body})}{qw(full_name bio)}], ['Ada', 'after the deadlock'],
        'both are done';
    like path($t->postgresql->log)->slurp, qr/deadlock detected/, 'according to PostgreSQL';
};

subtest 'a serialization failure' => sub {
    $t->db->do(q{ALTER ROLE autoflow_app SET default_transaction_isolation = 'repeatable read'});
    $t->reload->ready;
    my $rival = rival();
    $rival->begin_work;
    $rival->do(q{UPDATE autoflow.users SET full_name = 'Ada L.' WHERE id = ?}, {}, $id);
    my $client = change('after the rival');
    $t->wait_for(sub { $t->blocked });
    $rival->commit;
    my $answer = $client->answer;
    is $answer->{status}, 200, 'is survived';
    is_deeply [@{decode_json($answer->{body})}{qw(full_name bio)}], ['Ada L.', 'after the rival'],
        'both are done';
};

subtest "within the request's timeout" => sub {
    $t->db->do('ALTER ROLE autoflow_app RESET default_transaction_isolation');
    $t->database('timeout=1s')->reload->ready;
    fails(1, '40001', 'AFTER', 'pg_sleep(4)');
    my $answer = change('late')->answer;
    is_deeply [$answer->{status}, decode_json($answer->{body})->{detail}],
        [503, 'the database is too slow'], 'the timer runs on';
    is tries(), 2, 'while it is done again';
};

$t->finish;
done_testing;
