-- Deploy autoflow:audit_following to pg
-- requires: directory
--
-- Whoever follows the audit log misses no event, in whichever order transactions
-- are committed; and events have the id of the trace that they belong to.
--
-- Events are ordered by the transactions that wrote them.  All transactions
-- before the oldest one that is running have ended (pg_snapshot_xmin()), so
-- nothing can be added any more to the events before it, and only those are
-- shown to who follows.  That makes no writer wait; instead, events wait for
-- the transactions that write anywhere in the cluster, and began before.
--
-- Transactions are numbered by each cluster on its own.  An event therefore
-- says which cluster's transaction it is of: what was restored into another one
-- (or is there after pg_upgrade) comes before everything written there.  A
-- standby that is promoted continues the numbers.
--
-- Not one transaction, so that events can be written meanwhile.  After a failure
-- it may be deployed again.

-- audit_maintain() does nothing meanwhile
SELECT pg_advisory_lock('autoflow.audit_events'::regclass::oid::bigint);


BEGIN;

-- better to fail than to make everyone wait for the end of a dump
SET LOCAL lock_timeout = '5s';

-- pg_control_system() may be executed by anyone
CREATE OR REPLACE FUNCTION autoflow.cluster_id() RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT system_identifier FROM pg_control_system());
END
$$;

REVOKE ALL ON FUNCTION autoflow.cluster_id() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION autoflow.cluster_id() TO autoflow_app;

-- 0: before there were these columns.  Constants aren't written to the rows.
ALTER TABLE autoflow.audit_events
    ADD COLUMN IF NOT EXISTS trace_id text,
    ADD COLUMN IF NOT EXISTS cluster bigint NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS xid xid8 NOT NULL DEFAULT '0';

-- only the database sets these two
ALTER TABLE autoflow.audit_events
    ALTER COLUMN cluster SET DEFAULT autoflow.cluster_id(),
    ALTER COLUMN xid SET DEFAULT pg_current_xact_id();

COMMENT ON COLUMN autoflow.audit_events.trace_id IS
    'of the request: trace-id of W3C Trace Context';
COMMENT ON COLUMN autoflow.audit_events.cluster IS
    'the system identifier of the cluster that it was written in; 0: unknown';
COMMENT ON COLUMN autoflow.audit_events.xid IS
    'the transaction that wrote it';

GRANT INSERT (trace_id) ON autoflow.audit_events TO autoflow_app;

-- what a failed attempt has left
DROP INDEX IF EXISTS autoflow.audit_events_followed_idx,
                     autoflow.audit_events_id_idx;

COMMIT;


SELECT format('DROP INDEX CONCURRENTLY IF EXISTS autoflow.%I',
              relname || suffix)
  FROM pg_inherits
  JOIN pg_class ON pg_class.oid = inhrelid,
       unnest(ARRAY['_followed_idx', '_by_id_idx']) AS suffix
 WHERE inhparent = 'autoflow.audit_events'::regclass
\gexec

SELECT format('CREATE INDEX CONCURRENTLY %I ON autoflow.%I (%s)',
              relname || suffix, relname, fields)
  FROM pg_inherits
  JOIN pg_class ON pg_class.oid = inhrelid,
       (VALUES ('_followed_idx', 'cluster, xid, id'),
               ('_by_id_idx', 'id')) AS indexes (suffix, fields)
 WHERE inhparent = 'autoflow.audit_events'::regclass
\gexec


BEGIN;

SET LOCAL lock_timeout = '5s';

CREATE INDEX audit_events_followed_idx
    ON ONLY autoflow.audit_events (cluster, xid, id);
CREATE INDEX audit_events_id_idx ON ONLY autoflow.audit_events (id);

SELECT format('ALTER INDEX autoflow.%I ATTACH PARTITION autoflow.%I',
              parent, relname || suffix)
  FROM pg_inherits
  JOIN pg_class ON pg_class.oid = inhrelid,
       (VALUES ('audit_events_followed_idx', '_followed_idx'),
               ('audit_events_id_idx', '_by_id_idx'))
           AS indexes (parent, suffix)
 WHERE inhparent = 'autoflow.audit_events'::regclass
\gexec


-- An event as the API shows it.

CREATE OR REPLACE FUNCTION autoflow.audit_json(event autoflow.audit_events)
RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
RETURN json_build_object(
    'id', (event).id,
    'at', autoflow.rfc3339((event).at),
    'actor_id', (event).actor_id,
    'action', (event).action,
    'target_id', (event).target_id,
    'ip_address', host((event).ip_address),
    'user_agent', (event).user_agent,
    'request_id', (event).request_id,
    'trace_id', (event).trace_id,
    'details', (event).details);


-- The first `many` events after a position in the order of following: by
-- cluster, transaction and id.  Clusters are in the order of their first events,
-- the current one being the last; 0, before all of them, has the order of its
-- ids, which is that of time.
--
-- What a caller may rely on: nothing is ever added before an event that a call
-- has returned, whatever is committed later.  So whoever passes on the position
-- of the last event of each call misses none, and gets none twice.  Rows of
-- another cluster are those that were restored: nothing is added to them.
--
-- It reads `many` rows at most of each partition, by an index.

CREATE OR REPLACE FUNCTION autoflow.audit_after(after_cluster bigint,
    after_xid xid8, after_id uuid, many bigint)
RETURNS SETOF autoflow.audit_events
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    here   CONSTANT bigint := autoflow.cluster_id();
    final  CONSTANT xid8 := pg_snapshot_xmin(pg_current_snapshot());
BEGIN
    RETURN QUERY
    WITH RECURSIVE found (cluster) AS (
        SELECT min(cluster)
          FROM autoflow.audit_events
         UNION ALL
        SELECT (SELECT min(e.cluster)
                  FROM autoflow.audit_events e
                 WHERE e.cluster > found.cluster)
          FROM found
         WHERE found.cluster IS NOT NULL
    ), clusters AS MATERIALIZED (
        SELECT c.cluster,
               row_number() OVER (
                   ORDER BY c.cluster <> 0,
                            c.cluster = here,
                            (SELECT e.id
                               FROM autoflow.audit_events e
                              WHERE e.cluster = c.cluster
                              ORDER BY e.xid, e.id
                              LIMIT 1) NULLS FIRST) AS place
          FROM (SELECT cluster FROM found WHERE cluster IS NOT NULL
                 UNION
                SELECT after_cluster) AS c (cluster)
    ), begun AS MATERIALIZED (
        SELECT place FROM clusters WHERE cluster = after_cluster
    )
    SELECT (next.event).*
      FROM begun,
           clusters c,
           LATERAL (
        SELECT e AS event, e.xid, e.id
          FROM autoflow.audit_events e
         WHERE e.cluster = c.cluster
           AND (e.xid, e.id) >
               (CASE WHEN c.place = begun.place THEN after_xid ELSE '0' END,
                CASE WHEN c.place = begun.place THEN after_id
                     ELSE '00000000-0000-0000-0000-000000000000' END)
           AND e.xid < CASE WHEN c.cluster = here THEN final
                            ELSE '18446744073709551615' END
         ORDER BY e.xid, e.id
         LIMIT many) AS next
     WHERE c.place >= begun.place
     ORDER BY c.place, next.xid, next.id
     LIMIT many;
END
$$;

REVOKE ALL ON FUNCTION
    autoflow.audit_json(autoflow.audit_events),
    autoflow.audit_after(bigint, xid8, uuid, bigint)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.audit_json(autoflow.audit_events),
    autoflow.audit_after(bigint, xid8, uuid, bigint)
    TO autoflow_app;


-- As that of "openings", with the trace.  Nodes that don't know it use the
-- former one.

CREATE OR REPLACE FUNCTION autoflow.claim_address(wanted text, wanted_key text,
    client_address inet, client_agent text, request text, trace text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    WITH account AS MATERIALIZED (
        SELECT id, email
          FROM autoflow.users
         WHERE email_key = wanted_key
           AND verified_at IS NULL
           AND is_active
           AND deleted_at IS NULL
    ), mail AS MATERIALIZED (
        SELECT autoflow.request_mail(
                   'claim_account',
                   (SELECT id FROM account),
                   coalesce((SELECT email FROM account), wanted),
                   wanted_key) AS id
    )
    INSERT INTO autoflow.audit_events
           (action, target_id, ip_address, user_agent, request_id, trace_id)
    SELECT 'claim_mailed', account.id, client_address, client_agent, request,
           trace
      FROM account, mail
     WHERE mail.id IS NOT NULL;
END
$$;

REVOKE ALL ON FUNCTION
    autoflow.claim_address(text, text, inet, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.claim_address(text, text, inet, text, text, text) TO autoflow_app;


-- How far a job has come.

ALTER TABLE autoflow.jobs ADD COLUMN IF NOT EXISTS position text;

COMMENT ON COLUMN autoflow.jobs.position IS
    'how far it has come; of audit_log: cluster, transaction and id of the last event written';

GRANT UPDATE (position) ON autoflow.jobs TO autoflow_app;


CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 15;

COMMIT;

SELECT pg_advisory_unlock('autoflow.audit_events'::regclass::oid::bigint);
