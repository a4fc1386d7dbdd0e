-- Verify autoflow:factor_imports on pg

BEGIN;

DO $$
BEGIN
    IF to_regprocedure('autoflow.import_factors(uuid, jsonb)') IS NULL
       OR has_function_privilege('autoflow_app',
                                 'autoflow.import_factors(uuid, jsonb)',
                                 'EXECUTE')
       OR to_regprocedure('autoflow.export_factors(uuid)') IS NULL
    THEN
        RAISE EXCEPTION 'import_factors() is missing, or not the owner''s';
    END IF;
END
$$;

SELECT factors FROM autoflow.imports WHERE false;

ROLLBACK;
