# 20,000 messages of one account, and as many of others: each request finds what
# it needs by an index.  It reads at most what is counted, before a page; with a
# cursor, or for one message, next to nothing.
# Not under the sanitizers: it is about PostgreSQL's plans.

use Mojo::Base -strict, -signatures;
use Test::Autoflow;
use Test::Autoflow::Mailboxes qw(faults);
use Test::Autoflow::Plans;
use Test::More;

my $t  = Test::Autoflow->new(database => 'pool=1')->start;
my $db = $t->db;

sub account { my $pair = $t->register; return {%$pair, id => $pair->{user}{id}} }
my ($me, $other, $gone, $busy) = map { account() } 1 .. 4;

# A conversation has up to 50 messages; some are replies to the previous one.
# Half of mine were sent, and one in 50 is unread.
$db->do($_) for (
    q{INSERT INTO autoflow.users (email, password_hash)
      SELECT 'many' || n || '@example.com', '' FROM generate_series(1, 20000) AS n},
    q{INSERT INTO autoflow.mailboxes (user_id, last_number)
      SELECT id, 100000 FROM autoflow.users},
);
$db->do(q{
    WITH accounts AS (
        SELECT row_number() OVER (ORDER BY id) - 1 AS n, id
          FROM autoflow.users WHERE email LIKE 'many%'
    ), written AS (
        SELECT m.n,
               CASE m.n % 4 WHEN 0 THEN a.id WHEN 2 THEN $2::uuid ELSE $1::uuid END AS one,
               CASE m.n % 4 WHEN 3 THEN $3::uuid ELSE b.id END AS two
          FROM generate_series(0, 39999) AS m (n)
          JOIN accounts a ON a.n = m.n / 100 % 200
          JOIN accounts b ON b.n = (m.n / 100 + 1) % 200
    )
    INSERT INTO autoflow.messages
           (conversation_id, sender_id, recipient_id, content, read_at, created_at)
    SELECT md5(concat(n / 100, one, two))::uuid,
           CASE WHEN n % 8 < 4 THEN one ELSE two END,
           CASE WHEN n % 8 < 4 THEN two ELSE one END,
           'number ' || n, CASE WHEN n % 100 <> 5 THEN now() END,
           now() + n * interval '1 second'
      FROM written}, {}, $me->{id}, $other->{id}, $gone->{id});
# The busy one has conversations of 2,000: one in which ten messages were sent,
# and then the rest received and read, and a later one, not read yet.
my %with = map { $_ => $db->selectrow_array('SELECT autoflow.uuid7()') } qw(read unread);
$db->do(q{
    INSERT INTO autoflow.messages
           (conversation_id, sender_id, recipient_id, content, read_at, created_at)
    SELECT CASE WHEN n < 2000 THEN $3::uuid ELSE $4::uuid END,
           CASE WHEN n < 10 THEN $1::uuid ELSE $2::uuid END,
           CASE WHEN n < 10 THEN $2::uuid ELSE $1::uuid END,
           'busy ' || n, CASE WHEN n < 2000 THEN now() END, now() + n * interval '1 second'
      FROM generate_series(0, 3999) AS n}, {}, $busy->{id}, $other->{id}, @with{qw(read unread)});
$db->do($_) for (
    q{UPDATE autoflow.messages m
         SET parent_id = before
        FROM (SELECT id, lag(id) OVER (PARTITION BY conversation_id ORDER BY created_at) AS before
                FROM autoflow.messages) AS p
       WHERE m.id = p.id AND content LIKE '%7'},
    q{INSERT INTO autoflow.message_entries
      SELECT party, row_number() OVER (PARTITION BY party ORDER BY created_at), id,
             conversation_id, party = sender_id, party = recipient_id AND read_at IS NULL
        FROM autoflow.messages, unnest(ARRAY[sender_id, recipient_id]) AS party
       ORDER BY created_at},
    q{INSERT INTO autoflow.conversations
      SELECT user_id, e.conversation_id,
             (array_agg(CASE WHEN is_sent THEN recipient_id ELSE sender_id END))[1],
             max(number), count(*) FILTER (WHERE unread)
        FROM autoflow.message_entries e JOIN autoflow.messages m ON m.id = message_id
       GROUP BY user_id, e.conversation_id},
    'VACUUM ANALYZE autoflow.users, autoflow.profiles, autoflow.mailboxes, autoflow.messages,
        autoflow.message_entries, autoflow.conversations',
);
is_deeply [faults($db)], [], 'mailboxes are as they must be';

sub value ($sql, @values) { scalar $db->selectrow_array("SELECT $sql", {}, @values) }
sub entries ($who) { value('count(*) FROM autoflow.message_entries WHERE user_id = ?', $who->{id}) }
cmp_ok entries($me), '>=', 20_000, 'mine are many';

my $plans = Test::Autoflow::Plans->new(test => $t, nested => 'on')->start;

# of the statement that returns the response
sub text_of ($method, $path) {
    return $method eq 'DELETE' ? 'SELECT message_id AS id'
        : $method eq 'GET' && $path !~ m{/messages/} ? "AS next" : 'AS json';
}

# A request, as someone, that reads at most so many rows: everything that its
# connection made the database do, including foreign keys and triggers, up to
# the statement that returns the response.
sub reads ($max, $who, $method, $path, @body) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $tx = $t->ua->build_tx($method => "/api/v1$path" => $t->bearer($who),
        @body ? (json => $body[0]) : ());
    my $logged = $plans->logged(text_of($method, $path), sub { $t->tx($t->ua->start($tx)) });
    my @lines  = split /^(?=\d{4}-)/m, $logged;
    my ($pid)  = $lines[-1] =~ /(\[\d+\])/;
    my $plan   = join '', grep { index($_, $pid) > 0 } @lines;
    my $rows   = $plans->rows_read($plan);
    like $tx->res->code, qr/^20[014]$/, "$method $path" or diag $tx->res->body;
    cmp_ok $rows, '<=', $max, 'reads few rows' or diag $plan;
    is_deeply [$plan =~ /(Seq Scan on \w+)/g], [], 'by indexes' or diag $plan;
    note sprintf '%6.1f ms, %6d rows: %s %s', $lines[-1] =~ /duration: ([\d.]+) ms/,
        $rows, $method, $path;
    return $tx->res->json;
}

# one of my entries: its message and conversation
sub mine ($order, $offset) {
    return $db->selectrow_array("SELECT message_id, conversation_id
        FROM autoflow.message_entries WHERE user_id = ? AND NOT is_sent
        ORDER BY number $order OFFSET $offset LIMIT 1", {}, $me->{id});
}

subtest 'the list' => sub {
    my (undef, $conversation) = mine('', 5000);
    my ($early) = mine('',     10);
    my ($late)  = mine('DESC', 10);
    my $c = "conversation_id=$conversation";
    for (['', 10_100], ['page=900', 19_100], ['box=inbox', 10_100], ['box=sent', 10_100],
        ['unread=true', 600], ['unread=false', 10_600], [$c, 150], ["$c&box=sent", 150],
        ['box=inbox&unread=true', 600], ["after=$late", 60], ["after=$early", 10_100],
        ["after=$late&box=inbox", 60], ["after=$early&unread=true", 600])
    {
        my ($query, $max) = @$_;
        my $page = reads($max, $me, GET => "/messages?$query");
        my $next = $page->{next} // next;
        my $filters = $query =~ s/^(?=.)/&/r =~ s/&page=900//r;
        reads(60, $me, GET => "/messages?cursor=$next$filters");
    }
    is reads(100, $other, GET => "/messages?$c")->{total}, 0, 'of someone else';
};

subtest 'the list with filters that find many each, but few together' => sub {
    for (["conversation_id=$with{read}&box=sent", 10, 40], ['box=sent&unread=true', 0, 0],
        ["conversation_id=$with{read}&unread=true", 0, 10],
        ['box=inbox&unread=false', 1990, 2100])
    {
        my ($query, $total, $max) = @$_;
        is reads($max, $busy, GET => "/messages?$query")->{total}, $total, 'all are found';
    }
};

subtest 'conversations' => sub {
    my $page = reads(1000, $me, GET => '/conversations');
    cmp_ok $page->{total}, '>=', 500, 'they are many';
    reads(150, $me, GET => "/conversations?cursor=$page->{next}");
};

# often, so that PostgreSQL uses a generic plan
subtest 'a message' => sub {
    for my $round (1 .. 8) {
        my ($message, $conversation) = mine('', 5000);
        my %to = (content => 'Hello', recipient_id =>
            value('sender_id FROM autoflow.messages WHERE id = ?', $message));
        reads(10, $me, GET => "/messages/$message");
        reads(30, $me, POST => '/messages', \%to);
        reads(30, $me, POST => '/messages', {%to, parent_id => $message});
        my $sent = reads(30, $me, POST => '/messages', {%to, conversation_id => $conversation});
        $db->do('UPDATE autoflow.message_entries SET unread = true
            WHERE message_id = ? AND user_id = ?', {}, $message, $me->{id});
        $db->do('UPDATE autoflow.conversations SET unread_count = unread_count + 1
            WHERE user_id = ? AND conversation_id = ?', {}, $me->{id}, $conversation);
        reads(30, $me, PUT => "/messages/$message/read");
        reads(30, $me, DELETE => "/messages/$message");
        $db->do('DELETE FROM autoflow.message_entries WHERE message_id = ? AND user_id <> ?',
            {}, $sent->{id}, $me->{id});
        reads(40, $me, DELETE => "/messages/$sent->{id}");
        is value('count(*) FROM autoflow.messages WHERE id = ?', $sent->{id}), 0, 'the message too';
    }
};

subtest 'the mailbox of a deleted account' => sub {
    my $entries = entries($gone);
    cmp_ok $entries, '>', 5000, 'has many';
    $t->delete_ok('/auth/me' => $t->bearer($gone))->status_is(204);
    my $logged = $plans->logged('', sub {
        $t->jobs_due('messages');
        $t->wait_for(sub { !value('count(*) FROM autoflow.mailboxes
            WHERE user_id = ?', $gone->{id}) });
    });
    my $batch   = qr/duration: ([\d.]+) ms  plan:\n\s*Query Text: SELECT autoflow.purge_mailboxes/;
    my @batches = $logged =~ /$batch/g;
    cmp_ok scalar @batches, '>=', $entries / 1000, 'goes in batches';
    note "of @batches ms";
};

$t->finish;
done_testing;
