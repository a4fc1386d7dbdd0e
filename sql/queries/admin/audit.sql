-- A list of events, the latest first.
--
-- planned anew
--
-- :action, :actor_id, :target_id                       may be null
-- :page, :size
--
-- json         a list of AuditEvents

WITH found AS NOT MATERIALIZED (
    SELECT *
      FROM autoflow.audit_events
     WHERE (:action::text IS NULL OR action = :action::text)
       AND (:actor_id::uuid IS NULL OR actor_id = :actor_id::uuid)
       AND (:target_id::uuid IS NULL OR target_id = :target_id::uuid)
), page AS (
    SELECT id,
           autoflow.rfc3339(at) AS at,
           actor_id,
           action,
           target_id,
           host(ip_address) AS ip_address,
           user_agent,
           request_id,
           details
      FROM found
     ORDER BY found.at DESC, id DESC
     LIMIT :size::bigint OFFSET (:page::bigint - 1) * :size::bigint
)
SELECT autoflow.list_json(
           (SELECT json_agg(row_to_json(page)) FROM page),
           (SELECT count(*) FROM found),
           :page::bigint, :size::bigint) AS json;
