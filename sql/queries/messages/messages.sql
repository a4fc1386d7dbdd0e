-- A list of an account's messages, the latest first; or those after a given
-- one, the earliest first.
--
-- The order is that of the mailbox's numbers, which are taken under its lock:
-- later messages have greater numbers.
--
-- reads
-- custom plan
-- wide
-- stale
-- columns: data json, total bigint, next text, errors json
--
-- :user_id
-- :box                 "inbox", "sent"; "all" or null: both
-- :conversation_id, :unread                            may be null
-- :after               the id of a message; null: the list begins with the last
-- :position            the number to begin with; may be null
-- :page, :size
--
-- data         Messages
-- total        of all matches, counted to 10001; null with a position
-- next         the position of the next page, if any
-- errors       "after" is not one of the account's messages

WITH start AS MATERIALIZED (
    SELECT number
      FROM autoflow.message_entries
     WHERE message_id = :after::uuid
       AND user_id = :user_id::uuid
), found AS NOT MATERIALIZED (
    SELECT number, message_id
      FROM autoflow.message_entries
     WHERE user_id = :user_id::uuid
       AND (coalesce(:box::text, 'all') = 'all'
            OR is_sent = (:box::text = 'sent'))
       AND (:conversation_id::uuid IS NULL
            OR conversation_id = :conversation_id::uuid)
       AND (:unread::boolean IS NULL OR unread = :unread::boolean)
       -- there are none: what was sent isn't unread
       AND (:unread::boolean IS DISTINCT FROM true
            OR :box::text IS DISTINCT FROM 'sent')
       AND (:after::uuid IS NULL
            OR :position::text IS NOT NULL
            OR number > (SELECT number FROM start))
), page AS (
    SELECT *
      FROM found
     WHERE :position::text IS NULL
        OR CASE WHEN :after::uuid IS NULL
                THEN number <= :position::bigint
                ELSE number >= :position::bigint END
     ORDER BY CASE WHEN :after::uuid IS NULL THEN number END DESC, number
     LIMIT :size::bigint + 1 OFFSET (:page::bigint - 1) * :size::bigint
)
SELECT (SELECT json_agg(message)
          FROM (SELECT (SELECT autoflow.message_json(m)
                          FROM autoflow.messages m
                         WHERE m.id = message_id) AS message
                  FROM page
                 LIMIT :size::bigint) AS shown) AS data,
       CASE WHEN :position::text IS NULL THEN
           (SELECT count(*) FROM (SELECT FROM found LIMIT 10001) AS few)
       END AS total,
       (SELECT number::text
          FROM page
        OFFSET :size::bigint) AS next,
       CASE WHEN :after::uuid IS NOT NULL
                 AND :position::text IS NULL
                 AND NOT EXISTS (SELECT FROM start)
            THEN json_build_array(json_build_object(
                     'field', 'after',
                     'code', 'reference',
                     'message', 'must be a message of yours')) END AS errors;
