-- An account's living sessions, the one used last first.
--
-- :user_id
-- :session_id          of the one who asks
-- :page, :size
--
-- json         a list of Sessions

WITH living AS (
    SELECT *
      FROM autoflow.sessions s
     WHERE user_id = :user_id::uuid
       AND autoflow.session_lives(s)
), page AS (
    SELECT id,
           device_info,
           host(ip_address) AS ip_address,
           autoflow.rfc3339(created_at) AS created_at,
           autoflow.rfc3339(last_used_at) AS last_used_at,
           autoflow.rfc3339(expires_at) AS expires_at,
           id = :session_id::uuid AS is_current
      FROM living
     ORDER BY living.last_used_at DESC, id DESC
     LIMIT :size::bigint OFFSET (:page::bigint - 1) * :size::bigint
)
SELECT autoflow.list_json(
           (SELECT json_agg(row_to_json(page)) FROM page),
           (SELECT count(*) FROM living),
           :page::bigint, :size::bigint) AS json;
