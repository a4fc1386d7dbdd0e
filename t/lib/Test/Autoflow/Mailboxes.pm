package Test::Autoflow::Mailboxes;

# The invariants of mailboxes that are not being changed.
#
#     is_deeply [faults($db)], [], 'consistent';

use Mojo::Base -strict, -signatures;
use Exporter qw(import);

our @EXPORT_OK = qw(faults);

my %rules = (
    'a conversation counts what it has' => q{
        FROM (SELECT user_id, conversation_id, max(number) AS number,
                     count(*) FILTER (WHERE unread) AS unread
                FROM autoflow.message_entries
               GROUP BY user_id, conversation_id) AS entries
        FULL JOIN autoflow.conversations USING (user_id, conversation_id)
       WHERE (number, unread) IS DISTINCT FROM (last_number, unread_count)},
    'a message has entries, of its parties' => q{
        FROM autoflow.messages m
        LEFT JOIN autoflow.message_entries e ON e.message_id = m.id
       WHERE e.user_id IS DISTINCT FROM CASE WHEN is_sent THEN sender_id ELSE recipient_id END
          OR unread IS DISTINCT FROM (NOT is_sent AND read_at IS NULL)
          OR e.conversation_id <> m.conversation_id},
    'a number is none that is still to come' => q{
        FROM autoflow.message_entries JOIN autoflow.mailboxes USING (user_id)
       WHERE number > last_number},
    'a later message has a greater number' => q{
        FROM (SELECT created_at < lag(created_at) OVER (PARTITION BY user_id
        ORDER BY number) AS earlier
                FROM autoflow.message_entries
                JOIN autoflow.messages m ON m.id = message_id) AS entries
       WHERE earlier},
);

# the invariants that are violated
sub faults ($db) {
    return grep { $db->selectrow_array("SELECT count(*) $rules{$_}") } sort keys %rules;
}

1;
