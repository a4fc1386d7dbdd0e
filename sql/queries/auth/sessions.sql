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
    SELECT *
      FROM living
     ORDER BY last_used_at DESC, id DESC
     LIMIT :size::bigint OFFSET (:page::bigint - 1) * :size::bigint
)
SELECT autoflow.list_json(
           (SELECT json_agg(json_build_object(
                       'id', id,
                       'device_info', device_info,
                       'ip_address', host(ip_address),
                       'created_at', autoflow.rfc3339(created_at),
                       'last_used_at', autoflow.rfc3339(last_used_at),
                       'expires_at', autoflow.rfc3339(expires_at),
                       'is_current', id = :session_id::uuid)
                       ORDER BY last_used_at DESC, id DESC)
              FROM page),
           (SELECT count(*) FROM living),
           :page::bigint, :size::bigint) AS json;
