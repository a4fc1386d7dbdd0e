-- A list of an account's conversations, the one with the latest message first.
--
-- Others are shown as their profiles show them to everyone: without the
-- username, which is a login name.
--
-- reads
-- custom plan
-- wide
-- stale
-- columns: data json, total bigint, next text
--
-- :user_id
-- :position            the number to begin with; may be null
-- :page, :size
--
-- data         Conversations
-- total        of all, counted to 10001; null with a position
-- next         the position of the next page, if any

WITH found AS NOT MATERIALIZED (
    SELECT *
      FROM autoflow.conversations
     WHERE user_id = :user_id::uuid
), page AS (
    SELECT *
      FROM found
     WHERE :position::text IS NULL
        OR last_number <= :position::bigint
     ORDER BY last_number DESC
     LIMIT :size::bigint + 1 OFFSET (:page::bigint - 1) * :size::bigint
)
SELECT (SELECT json_agg(row_to_json(conversation))
          FROM (SELECT conversation_id,
                       (SELECT json_agg(json_build_object(
                                   'id', party,
                                   'first_name', p.first_name,
                                   'last_name', p.last_name,
                                   'is_deleted', u.id IS NULL)
                                   ORDER BY party <> :user_id::uuid)
                          FROM unnest(ARRAY[page.user_id, other_id]) AS party
                          LEFT JOIN autoflow.users u
                            ON u.id = party AND u.deleted_at IS NULL
                          LEFT JOIN autoflow.profiles p
                            ON p.user_id = u.id
                           AND (p.user_id = :user_id::uuid
                                OR (p.is_public AND p.is_active))
                       ) AS participants,
                       (SELECT autoflow.message_json(m)
                          FROM autoflow.message_entries e
                          JOIN autoflow.messages m ON m.id = e.message_id
                         WHERE e.user_id = page.user_id
                           AND e.number = page.last_number) AS last_message,
                       unread_count AS unread
                  FROM page
                 LIMIT :size::bigint) AS conversation) AS data,
       CASE WHEN :position::text IS NULL THEN
           (SELECT count(*) FROM (SELECT FROM found LIMIT 10001) AS few)
       END AS total,
       (SELECT last_number::text
          FROM page
        OFFSET :size::bigint) AS next;
