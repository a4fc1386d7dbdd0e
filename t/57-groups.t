# Reads of accounts that arrive at once share a transaction, but neither errors
# nor anything else: each client gets what it would have got alone.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(decode_json);
use Test::Autoflow;
use Test::More;

# a worker with one connection
my $t = Test::Autoflow->new(workers => 1, database => 'pool=1 timeout=30s')->start;
my @pairs = map { $t->register } 1 .. 20;
my @ids   = map { $_->{user}{id} } @pairs;

# an account's only role is the time when the transaction began
my $body = $t->db->selectrow_array(q{SELECT pg_get_functiondef('autoflow.role_names'::regproc)});
sub roles ($before = '') {
    $t->db->do($body =~ s/BEGIN.*END/BEGIN
        $before
        RETURN ARRAY[clock_timestamp()::text, transaction_timestamp()::text];
    END/sr);
}
sub fails ($n, $sqlstate) {
    roles("IF account_id = '$ids[$n]' THEN
        RAISE EXCEPTION 'in the way' USING ERRCODE = '$sqlstate'; END IF;");
}
my $lock = 4712;
sub waits ($n) {
    roles("IF account_id = '$ids[$n]' THEN PERFORM pg_advisory_xact_lock_shared($lock); END IF;");
    my $db = $t->postgresql->connect;
    $db->do("SELECT pg_advisory_lock($lock)");
    return $db;
}

# requests that arrive in one piece; their streams
sub at_once ($client, @requests) {
    my $octets = '';
    no warnings qw(redefine once);
    local *Test::Autoflow::HTTP2::send = sub ($self, $more) { $octets .= $more; $self };
    my @streams = map {
        my ($method, $path, $pair, $json) = @$_;
        my $stream = $client->headers($method, $path, {%{$t->bearer($pair)},
            $json ? ('Content-Type' => 'application/json') : ()}, !$json);
        $client->data($stream, $json, 1) if $json;
        $stream;
    } @requests;
    $client->Test::Autoflow::Client::send($octets);
    return @streams;
}
sub me (@pairs) { map { ['GET', '/auth/me', $_] } @pairs }

# the status of each, and who it is
sub whose ($client, @streams) {
    return map {
        my $answer = $client->answer($_);
        $answer->{status} == 200 ? decode_json($answer->{body})->{id} : $answer->{status};
    } @streams;
}

# how many were in each transaction, as they began
sub transactions ($client, @streams) {
    my %n;
    for (@streams) {
        my $answer = $client->answer($_);
        $n{decode_json($answer->{body})->{roles}[1]}++ if $answer->{status} == 200;
    }
    return map { $n{$_} } sort keys %n;
}

# a client that was served, so that its next octets are read at once
sub client {
    my $client = $t->client_h2;
    $client->answer($client->headers(GET => '/health/live', {}, 1));
    return $client;
}

subtest 'a group' => sub {
    roles();
    my $client = client();
    my @streams = at_once($client, me(@pairs));
    is_deeply [whose($client, @streams)], \@ids, 'everybody gets the own account';
    is_deeply [transactions($client, @streams)], [16, 4], 'in two transactions';

    @streams = at_once($client, me($pairs[0]));
    is_deeply [whose($client, @streams)], [$ids[0]], 'one alone';
};

for (['P0001', 500], ['57014', 503], ['40001', 503]) {
    my ($sqlstate, $status) = @$_;
    subtest "an error, $sqlstate" => sub {
        fails(3, $sqlstate);
        my $client = client();
        my @streams = at_once($client, me(@pairs[0 .. 9]));
        is_deeply [whose($client, @streams)], [@ids[0 .. 2], $status, @ids[4 .. 9]], 'is of one';
        is_deeply [transactions($client, @streams)], [3, (1) x 6], 'those behind it are sent again';
    };
}

subtest 'errors of the first and the last' => sub {
    for my $n (0, 9) {
        fails($n, 'P0001');
        my $client = client();
        my @expected = @ids[0 .. 9];
        $expected[$n] = 500;
        is_deeply [whose($client, at_once($client, me(@pairs[0 .. 9])))], \@expected, "number $n";
    }
};

subtest 'other requests between them' => sub {
    roles();
    my $client = client();
    my @streams = at_once($client, me(@pairs[0 .. 2]),
        ['PATCH', '/auth/me', $pairs[3], '{"bio":"x"}'], me(@pairs[3 .. 5]),
        ['GET', '/auth/me', $pairs[6]], ['GET', '/db-test', $pairs[7]]);
    my $last = pop @streams;
    is_deeply [whose($client, @streams)], [@ids[0 .. 3], @ids[3 .. 6]], 'are answered, too';
    is $client->status($last), 200, 'all of them';
};

subtest 'a write behind them' => sub {
    roles();
    my $db = $t->postgresql->connect;
    $db->begin_work;
    my $session = $db->selectrow_array(
        'SELECT id FROM autoflow.sessions WHERE user_id = ? FOR UPDATE', {}, $ids[19]);
    my $client = client();
    my @streams = at_once($client, me(@pairs[0 .. 2]),
        ['DELETE', "/auth/sessions/$session", $pairs[19]]);
    $t->wait_for(sub { $t->blocked });
    is_deeply [whose($client, @streams[0 .. 2])], [@ids[0 .. 2]],
        'waits for a lock: they are answered meanwhile';
    $db->rollback;
    is $client->status($streams[3]), 204, 'then it is';
};

subtest 'canceled requests' => sub {
    my $db = waits(0);
    my $client = client();
    my @streams = at_once($client, me(@pairs[0 .. 9]));
    $t->wait_for(sub { $t->blocked });
    $client->cancel($streams[$_]) for 0, 4, 9;
    is $client->status($client->headers(GET => '/health/live', {}, 1)), 200, 'they are gone';
    $db->disconnect;
    is_deeply [whose($client, @streams[1 .. 3, 5 .. 8])], [@ids[1 .. 3, 5 .. 8]],
        'do not shift the others';
};

subtest 'canceled requests behind an error' => sub {
    my $db = waits(0);
    my $client = client();
    my @streams = at_once($client, me(@pairs[0 .. 9]));
    $t->wait_for(sub { $t->blocked });
    fails(3, 'P0001');
    $client->cancel($streams[$_]) for 3, 4, 9;
    is $client->status($client->headers(GET => '/health/live', {}, 1)), 200, 'they are gone';
    $db->disconnect;
    is_deeply [whose($client, @streams[0 .. 2, 5 .. 8])], [@ids[0 .. 2, 5 .. 8]],
        'the others are answered';
};

subtest 'a lost connection' => sub {
    my $db = waits(5);
    my $client = client();
    my @streams = at_once($client, me(@pairs[0 .. 9]));
    $t->wait_for(sub { $t->blocked });
    roles();
    $t->db->do(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock'});
    is_deeply [whose($client, @streams)], [@ids[0 .. 9]], 'all are sent again';
    $db->disconnect;
};

subtest 'clients that disconnect' => sub {
    my $db = waits(0);
    my ($client, $other) = (client(), client());
    at_once($client, me(@pairs[0 .. 4]));
    my @streams = at_once($other, me(@pairs[5 .. 9]));
    $t->wait_for(sub { $t->blocked });
    $client->reset;
    is $other->status($other->headers(GET => '/health/live', {}, 1)), 200, 'one is gone';
    $db->disconnect;
    is_deeply [whose($other, @streams)], [@ids[5 .. 9]], 'the other is answered';
};

$t->db->do($body);
$t->finish;
done_testing;
