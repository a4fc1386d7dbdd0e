-- Verify autoflow:imports on pg

BEGIN;

SELECT id, source, digest, file, options, position, created, known, skipped,
       refused, superusers, started_by, started_at, updated_at, finished_at
  FROM autoflow.imports WHERE false;
SELECT source, source_id, user_id
  FROM autoflow.imported_accounts WHERE false;

DO $$
DECLARE
    wrong text;
BEGIN
    -- hashes and privileges are not the module's to read or to write in bulk
    SELECT string_agg(proname, ', ')
      INTO wrong
      FROM pg_proc
     WHERE pronamespace = 'autoflow'::regnamespace
       AND proname ~ '^(im|ex)port_'
       AND has_function_privilege('autoflow_app', oid, 'EXECUTE');

    IF wrong IS NOT NULL
       OR has_table_privilege('autoflow_app', 'autoflow.imports',
                              'SELECT, INSERT, UPDATE, DELETE')
    THEN
        RAISE EXCEPTION 'autoflow_app may import or export: %', wrong;
    END IF;
END
$$;

ROLLBACK;
