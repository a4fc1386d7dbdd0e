-- Verify autoflow:audit_following on pg

BEGIN;

SELECT trace_id, cluster, xid FROM autoflow.audit_events WHERE false;
SELECT position FROM autoflow.jobs WHERE false;
SELECT * FROM autoflow.audit_after(0, '0', '00000000-0000-0000-0000-000000000000',
                                   1);

DO $$
DECLARE
    wrong text;
BEGIN
    -- valid only if each partition has one
    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['audit_events_followed_idx',
                        'audit_events_id_idx']) AS name
     WHERE NOT EXISTS (SELECT
                         FROM pg_index
                        WHERE indexrelid = to_regclass('autoflow.' || name)
                          AND indisvalid);

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'missing indexes: %', wrong;
    END IF;

    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY[
          'autoflow.cluster_id()',
          'autoflow.audit_json(autoflow.audit_events)',
          'autoflow.audit_after(bigint, xid8, uuid, bigint)',
          'autoflow.claim_address(text, text, inet, text, text, text)'])
          AS name
     WHERE NOT has_function_privilege('autoflow_app', name, 'EXECUTE');

    IF wrong IS NOT NULL
       OR NOT has_column_privilege('autoflow_app', 'autoflow.audit_events',
                                   'trace_id', 'INSERT')
       OR NOT has_column_privilege('autoflow_app', 'autoflow.jobs',
                                   'position', 'UPDATE')
    THEN
        RAISE EXCEPTION 'autoflow_app lacks rights: %', wrong;
    END IF;

    IF has_column_privilege('autoflow_app', 'autoflow.audit_events', 'cluster',
                            'INSERT')
       OR has_column_privilege('autoflow_app', 'autoflow.audit_events', 'xid',
                               'INSERT')
    THEN
        RAISE EXCEPTION 'autoflow_app may set the order of events';
    END IF;

    IF autoflow.schema_version() < 15 THEN
        RAISE EXCEPTION 'schema_version() is less than 15';
    END IF;
END
$$;

ROLLBACK;
