-- The next events for autoflow_audit_log.  What the previous batch had is done
-- with: its position is kept.
--
-- The log begins with the events after the job was first done.
--
-- writes
-- columns: lines text, position text, more boolean
--
-- :position    of what was written to the file; null: nothing since the job was
--              claimed
--
-- lines        of JSON, at most 500; null: there are none
-- position     of the last one
-- more         whether there were any

WITH kept AS MATERIALIZED (
    SELECT coalesce(:position::text, position,
                    autoflow.cluster_id() || ':'
                    || pg_snapshot_xmin(pg_current_snapshot())
                    || ':00000000-0000-0000-0000-000000000000') AS position
      FROM autoflow.jobs
     WHERE name = 'audit_log'
), moved AS (
    UPDATE autoflow.jobs
       SET position = kept.position
      FROM kept
     WHERE name = 'audit_log'
       AND jobs.position IS DISTINCT FROM kept.position
), events AS MATERIALIZED (
    SELECT e AS event, row_number() OVER () AS place
      FROM kept,
           autoflow.audit_after(split_part(kept.position, ':', 1)::bigint,
                                split_part(kept.position, ':', 2)::xid8,
                                split_part(kept.position, ':', 3)::uuid,
                                500) AS e
)
SELECT string_agg(autoflow.audit_json(event)::text || E'\n', ''
                  ORDER BY place) AS lines,
       (SELECT (event).cluster || ':' || (event).xid || ':' || (event).id
          FROM events
         ORDER BY place DESC
         LIMIT 1) AS position,
       count(*) > 0 AS more
  FROM events;
