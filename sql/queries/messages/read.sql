-- Marks a message as read by its recipient, whose mailbox is locked.
--
-- writes
-- columns: json json
--
-- :id
-- :user_id             the recipient
--
-- json         a Message, possibly read before; no row: the account has not
--              received it, or has deleted it

WITH entry AS MATERIALIZED (
    SELECT *
      FROM autoflow.message_entries
     WHERE message_id = :id::uuid
       AND user_id = :user_id::uuid
       AND NOT is_sent
), read AS (
    UPDATE autoflow.message_entries e
       SET unread = false
      FROM entry
     WHERE e.user_id = entry.user_id
       AND e.number = entry.number
       AND e.unread
    RETURNING e.*
), counted AS (
    UPDATE autoflow.conversations c
       SET unread_count = unread_count - 1
      FROM read
     WHERE c.user_id = read.user_id
       AND c.conversation_id = read.conversation_id
), after AS (
    UPDATE autoflow.messages m
       SET read_at = clock_timestamp()
      FROM read
     WHERE m.id = read.message_id
    RETURNING m AS message
)
SELECT autoflow.message_json(coalesce(after.message, m)) AS json
  FROM entry
  JOIN autoflow.messages m ON m.id = entry.message_id
  LEFT JOIN after ON true;
