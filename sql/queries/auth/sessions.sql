-- An account's active sessions, the most recently used first.  They are few,
-- and sorted each time: if there are more than an account may have, which only
-- someone else can have inserted, only that many are read.
--
-- reads
-- columns: data json, total bigint, next text
--
-- :user_id
-- :session_id          the current one
-- :max_sessions        the maximum per account
-- :session_idle        how long one may be unused, in seconds; 0: unlimited
-- :position            the id and time to begin with; may be null
-- :page, :size
--
-- data         Sessions
-- total        of all; null with a position
-- next         the position of the next page, if any

WITH few AS MATERIALIZED (
    SELECT s
      FROM autoflow.sessions s
     WHERE user_id = :user_id::uuid
       AND ended_at IS NULL
     LIMIT :max_sessions::bigint
), living AS (
    SELECT (s).*, least((s).expires_at, idle_at) AS ends_at
      FROM few,
           LATERAL (SELECT (s).last_used_at
                           + nullif(:session_idle::bigint, 0)
                             * interval '1 second') AS i (idle_at)
     WHERE autoflow.session_lives(s)
       AND coalesce(idle_at > now(), true)
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
                       autoflow.rfc3339(coalesce(authenticated_at, created_at))
                           AS authenticated_at,
                       coalesce(jsonb_path_query_array(amr, '$[*].method'),
                                '["pwd"]') AS amr,
                       coalesce(aal, 1) AS aal,
                       autoflow.rfc3339(ends_at) AS expires_at,
                       id = :session_id::uuid AS is_current
                  FROM page
                 LIMIT :size::bigint) AS session) AS data,
       CASE WHEN :position::text IS NULL THEN
           (SELECT count(*) FROM living)
       END AS total,
       (SELECT id || autoflow.rfc3339(last_used_at)
          FROM page
        OFFSET :size::bigint) AS next;
