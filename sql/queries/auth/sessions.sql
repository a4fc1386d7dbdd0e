-- An account's living sessions, the one used last first.  They are few, and
-- sorted each time: of more than an account may have, which somebody else must
-- have put there, only so many are looked at.
--
-- reads
-- columns: data json, total bigint, next text
--
-- :user_id
-- :session_id          of the one who asks
-- :max_sessions        as many as it may have
-- :position            an id and a time, to begin with; may be null
-- :page, :size
--
-- data         Sessions
-- total        of all; null with a position
-- next         the position of the page behind this one, if there is one

WITH few AS MATERIALIZED (
    SELECT s
      FROM autoflow.sessions s
     WHERE user_id = :user_id::uuid
       AND ended_at IS NULL
     LIMIT :max_sessions::bigint
), living AS (
    SELECT (s).*
      FROM few
     WHERE autoflow.session_lives(s)
), page AS (
    SELECT *
      FROM living
     WHERE :position::text IS NULL
        OR (last_used_at, id) <= (substr(:position::text, 37)::timestamptz,
                                  left(:position::text, 36)::uuid)
     ORDER BY last_used_at DESC, id DESC
     LIMIT :size::bigint + 1 OFFSET (:page::bigint - 1) * :size::bigint
)
SELECT (SELECT json_agg(row_to_json(session))
          FROM (SELECT id,
                       device_info,
                       host(ip_address) AS ip_address,
                       autoflow.rfc3339(created_at) AS created_at,
                       autoflow.rfc3339(last_used_at) AS last_used_at,
                       autoflow.rfc3339(expires_at) AS expires_at,
                       id = :session_id::uuid AS is_current
                  FROM page
                 LIMIT :size::bigint) AS session) AS data,
       CASE WHEN :position::text IS NULL THEN
           (SELECT count(*) FROM living)
       END AS total,
       (SELECT id || autoflow.rfc3339(last_used_at)
          FROM page
        OFFSET :size::bigint) AS next;
