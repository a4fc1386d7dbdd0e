-- Sends a message.  Both mailboxes are locked: their last numbers are those of
-- the message's entries, and what is checked can't change.  Without a parent
-- and a conversation it starts a new one.
--
-- writes
-- columns: json json, errors json
--
-- :user_id             the sender
-- :recipient_id, :content
-- :parent_id, :conversation_id                         may be null
--
-- json, errors         a Message; or validation errors, and nothing was sent;
--                      no row: the sender is disabled or deleted

WITH parties AS MATERIALIZED (
    SELECT id, last_number AS number
      FROM autoflow.users
      JOIN autoflow.mailboxes ON user_id = id
     WHERE id IN (:user_id::uuid, :recipient_id::uuid)
       AND is_active
       AND deleted_at IS NULL
), parent AS MATERIALIZED (
    SELECT message_id, conversation_id
      FROM autoflow.message_entries
      JOIN autoflow.conversations USING (user_id, conversation_id)
     WHERE message_id = :parent_id::uuid
       AND user_id = :user_id::uuid
       AND other_id = :recipient_id::uuid
), conversation AS MATERIALIZED (
    SELECT conversation_id
      FROM autoflow.conversations
     WHERE user_id = :user_id::uuid
       AND conversation_id = :conversation_id::uuid
       AND other_id = :recipient_id::uuid
), checked AS MATERIALIZED (
    SELECT json_agg(json_build_object('field', field, 'code', 'reference',
                                      'message', message))
               FILTER (WHERE wrong) AS errors
      FROM (VALUES
          ('recipient_id', 'must be another account, which is active',
           NOT EXISTS (SELECT
                         FROM parties
                        WHERE id = :recipient_id::uuid
                          AND id <> :user_id::uuid)),
          ('parent_id', 'must be a message of yours and the recipient''s',
           :parent_id::uuid IS NOT NULL AND NOT EXISTS (SELECT FROM parent)),
          ('conversation_id', 'must be a conversation of yours and the '
                              'recipient''s, and that of parent_id',
           :conversation_id::uuid IS NOT NULL
           AND (NOT EXISTS (SELECT FROM conversation)
                OR :conversation_id::uuid <> (SELECT conversation_id
                                                FROM parent))))
           AS f (field, message, wrong)
), message AS (
    INSERT INTO autoflow.messages
           (conversation_id, sender_id, recipient_id, content, parent_id)
    SELECT coalesce(parent.conversation_id, conversation.conversation_id,
                    autoflow.uuid7()),
           :user_id::uuid, :recipient_id::uuid, :content::text,
           parent.message_id
      FROM checked
      JOIN parties ON parties.id = :user_id::uuid
      LEFT JOIN parent ON true
      LEFT JOIN conversation ON true
     WHERE errors IS NULL
    RETURNING *
), entry AS (
    INSERT INTO autoflow.message_entries
           (user_id, number, message_id, conversation_id, is_sent, unread)
    SELECT parties.id, number, message.id, conversation_id,
           parties.id = sender_id, parties.id = recipient_id
      FROM message, parties
    RETURNING *
), updated AS (
    INSERT INTO autoflow.conversations AS c
           (user_id, conversation_id, other_id, last_number, unread_count)
    SELECT user_id, entry.conversation_id,
           CASE WHEN is_sent THEN recipient_id ELSE sender_id END,
           number, unread::integer
      FROM entry, message
        ON CONFLICT (user_id, conversation_id) DO UPDATE
       SET last_number = excluded.last_number,
           unread_count = c.unread_count + excluded.unread_count
)
SELECT autoflow.message_json(message) AS json, errors
  FROM parties
 CROSS JOIN checked
  LEFT JOIN message ON true
 WHERE parties.id = :user_id::uuid;
