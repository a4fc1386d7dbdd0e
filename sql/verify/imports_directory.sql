-- Verify autoflow:imports_directory on pg

BEGIN;

DO $$
BEGIN
    IF to_regprocedure('autoflow.import_directory(autoflow.import_row[], uuid[])')
       IS NULL
       OR has_function_privilege(
              'autoflow_app',
              'autoflow.import_directory(autoflow.import_row[], uuid[])',
              'EXECUTE')
    THEN
        RAISE EXCEPTION 'import_directory() is missing, or not the owner''s';
    END IF;
END
$$;

ROLLBACK;
