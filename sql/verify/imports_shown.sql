-- Verify autoflow:imports_shown on pg

BEGIN;

DO $$
BEGIN
    IF NOT has_table_privilege('autoflow_app', 'autoflow.imported_accounts',
                               'SELECT')
    THEN
        RAISE EXCEPTION 'autoflow_app lacks a right';
    END IF;

    IF autoflow.schema_version() < 18 THEN
        RAISE EXCEPTION 'schema_version() is less than 18';
    END IF;
END
$$;

ROLLBACK;
