-- Deletes an account's copy of a message; its mailbox is locked.  The
-- conversation keeps the account's other messages, or is deleted, too.
--
-- writes
-- columns: id uuid
--
-- :id, :user_id
--
-- id           no row: the account has no such message

WITH entry AS (
    DELETE FROM autoflow.message_entries
     WHERE message_id = :id::uuid
       AND user_id = :user_id::uuid
    RETURNING *
), rest AS MATERIALIZED (
    SELECT entry.*,
           (SELECT e.number
              FROM autoflow.message_entries e
             WHERE e.user_id = entry.user_id
               AND e.conversation_id = entry.conversation_id
               AND e.number <> entry.number
             ORDER BY e.number DESC
             LIMIT 1) AS last_number
      FROM entry
), updated AS (
    UPDATE autoflow.conversations c
       SET last_number = rest.last_number,
           unread_count = c.unread_count - rest.unread::integer
      FROM rest
     WHERE c.user_id = rest.user_id
       AND c.conversation_id = rest.conversation_id
       AND rest.last_number IS NOT NULL
), ended AS (
    DELETE FROM autoflow.conversations c
     USING rest
     WHERE c.user_id = rest.user_id
       AND c.conversation_id = rest.conversation_id
       AND rest.last_number IS NULL
)
SELECT message_id AS id
  FROM rest;
