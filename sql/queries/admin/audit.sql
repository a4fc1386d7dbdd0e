-- A list of audit events, the latest first; or those after a given one, in the
-- order of autoflow.audit_after(), which never passes a transaction that is
-- still running.
--
-- reads
-- custom plan
-- wide
-- stale
-- columns: data json, total bigint, errors json, next text
--
-- :action, :actor_id, :target_id                       may be null
-- :after               the id of an event; all zeros: begin with the first one;
--                      null: the list begins with the latest
-- :position            the id and time to begin with; with :after, the id to
--                      begin after; may be null
-- :page, :size
--
-- data         AuditEvents
-- total        of all matches, counted to 10001; null with a position
-- errors       "after" is no event, or there are filters with it
-- next         the position of the next page, if any

WITH found AS NOT MATERIALIZED (
    SELECT e AS event, at, id
      FROM autoflow.audit_events e
     WHERE :after::uuid IS NULL
       AND (:action::text IS NULL OR action = :action::text)
       AND (:actor_id::uuid IS NULL OR actor_id = :actor_id::uuid)
       AND (:target_id::uuid IS NULL OR target_id = :target_id::uuid)
), latest AS NOT MATERIALIZED (
    SELECT *
      FROM found
     WHERE :position::text IS NULL
           -- on its own, the time selects partitions
        OR (at <= substr(:position::text, 37)::timestamptz
            AND (at, id) <= (substr(:position::text, 37)::timestamptz,
                             left(:position::text, 36)::uuid))
     ORDER BY at DESC, id DESC
     LIMIT :size::bigint + 1 OFFSET (:page::bigint - 1) * :size::bigint
), start AS MATERIALIZED (
    SELECT cluster, xid, id
      FROM autoflow.audit_events
     WHERE :after::uuid IS NOT NULL
       AND id = coalesce(left(:position::text, 36)::uuid, :after::uuid)
     UNION ALL
    SELECT 0, '0', :after::uuid
     WHERE :after::uuid = '00000000-0000-0000-0000-000000000000'
       AND :position::text IS NULL
), page AS MATERIALIZED (
    SELECT event, id || autoflow.rfc3339(at) AS position,
           row_number() OVER () AS place
      FROM latest
     UNION ALL
    SELECT event, (event).id::text, row_number() OVER ()
      FROM start,
           LATERAL (
        SELECT e AS event
          FROM autoflow.audit_after(start.cluster, start.xid, start.id,
                                    :page::bigint * :size::bigint + 1) AS e
        OFFSET (:page::bigint - 1) * :size::bigint) AS followed
)
SELECT (SELECT json_agg(autoflow.audit_json(event) ORDER BY place)
          FROM page
         WHERE place <= :size::bigint) AS data,
       CASE WHEN :position::text IS NULL THEN
           (SELECT count(*) FROM (SELECT FROM found LIMIT 10001) AS few)
           + (SELECT count(*)
                FROM start,
                     autoflow.audit_after(start.cluster, start.xid, start.id,
                                          10001))
       END AS total,
       CASE WHEN :after::uuid IS NULL THEN NULL
            WHEN :action::text IS NOT NULL
                 OR :actor_id::uuid IS NOT NULL
                 OR :target_id::uuid IS NOT NULL
            THEN json_build_array(json_build_object(
                     'field', 'after',
                     'code', 'ambiguous',
                     'message', 'cannot be given together with filters'))
            WHEN NOT EXISTS (SELECT FROM start)
            THEN json_build_array(json_build_object(
                     'field', 'after',
                     'code', 'reference',
                     'message', 'must be an event that is kept')) END AS errors,
       (SELECT max(position)
               FILTER (WHERE place = :size::bigint
                             + CASE WHEN :after::uuid IS NULL THEN 1 ELSE 0 END)
          FROM page
        HAVING count(*) > :size::bigint) AS next;
