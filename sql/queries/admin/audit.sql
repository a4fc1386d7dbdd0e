-- A list of audit events, the latest first.
--
-- reads
-- custom plan
-- wide
-- columns: data json, total bigint, next text
--
-- :action, :actor_id, :target_id                       may be null
-- :position            the id and time to begin with; may be null
-- :page, :size
--
-- data         AuditEvents
-- total        of all matches, counted to 10001; null with a position
-- next         the position of the next page, if any

WITH found AS NOT MATERIALIZED (
    SELECT *
      FROM autoflow.audit_events
     WHERE (:action::text IS NULL OR action = :action::text)
       AND (:actor_id::uuid IS NULL OR actor_id = :actor_id::uuid)
       AND (:target_id::uuid IS NULL OR target_id = :target_id::uuid)
), page AS (
    SELECT *
      FROM found
     WHERE :position::text IS NULL
           -- on its own, the time selects partitions
        OR (at <= substr(:position::text, 37)::timestamptz
            AND (at, id) <= (substr(:position::text, 37)::timestamptz,
                             left(:position::text, 36)::uuid))
     ORDER BY at DESC, id DESC
     LIMIT :size::bigint + 1 OFFSET (:page::bigint - 1) * :size::bigint
)
SELECT (SELECT json_agg(row_to_json(event))
          FROM (SELECT id,
                       autoflow.rfc3339(at) AS at,
                       actor_id,
                       action,
                       target_id,
                       host(ip_address) AS ip_address,
                       user_agent,
                       request_id,
                       details
                  FROM page
                 LIMIT :size::bigint) AS event) AS data,
       CASE WHEN :position::text IS NULL THEN
           (SELECT count(*) FROM (SELECT FROM found LIMIT 10001) AS few)
       END AS total,
       (SELECT id || autoflow.rfc3339(at)
          FROM page
        OFFSET :size::bigint) AS next;
