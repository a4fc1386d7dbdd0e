-- Verify autoflow:audit on pg

BEGIN;

-- the text of expressions in the catalog depends on it
SET LOCAL search_path = pg_catalog;

SELECT id, at, actor_id, action, target_id, ip_address, user_agent, request_id,
       details
  FROM autoflow.audit_events WHERE false;

DO $$
BEGIN
    IF NOT EXISTS (SELECT
                     FROM pg_partitioned_table
                    WHERE partrelid = 'autoflow.audit_events'::regclass
                      AND partdefid = 'autoflow.audit_events_default'::regclass)
    THEN
        RAISE EXCEPTION 'audit_events has no default partition';
    END IF;

    IF NOT EXISTS (SELECT
                     FROM pg_inherits
                    WHERE inhparent = 'autoflow.audit_events'::regclass
                      AND inhrelid <> 'autoflow.audit_events_default'::regclass)
    THEN
        RAISE EXCEPTION 'audit_events has no monthly partition';
    END IF;

    IF NOT EXISTS (SELECT
                     FROM pg_constraint
                    WHERE conrelid = 'autoflow.audit_events'::regclass
                      AND conname = 'audit_events_pkey')
    THEN
        RAISE EXCEPTION 'missing constraint: audit_events_pkey';
    END IF;

    IF NOT (SELECT prosecdef
                   AND proconfig @> '{"search_path=pg_catalog, pg_temp"}'
              FROM pg_proc
             WHERE oid = 'autoflow.audit_maintain(interval)'::regprocedure)
    THEN
        RAISE EXCEPTION 'audit_maintain() must be a safe SECURITY DEFINER';
    END IF;

    IF NOT has_table_privilege('autoflow_app', 'autoflow.audit_events',
                               'SELECT')
       OR NOT has_column_privilege('autoflow_app', 'autoflow.audit_events',
                                   'action', 'INSERT')
       OR has_column_privilege('autoflow_app', 'autoflow.audit_events',
                               'at', 'INSERT')
    THEN
        RAISE EXCEPTION 'autoflow_app lacks rights';
    END IF;

    IF has_table_privilege('autoflow_app', 'autoflow.audit_events',
                           'UPDATE, DELETE, TRUNCATE, TRIGGER')
       OR has_any_column_privilege('autoflow_app', 'autoflow.audit_events',
                                   'UPDATE')
    THEN
        RAISE EXCEPTION 'audit_events must be append-only for autoflow_app';
    END IF;

    IF autoflow.schema_version() < 1 THEN
        RAISE EXCEPTION 'schema_version() is less than 1';
    END IF;
END
$$;

ROLLBACK;
