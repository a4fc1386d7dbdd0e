-- Verify autoflow:lockdown on pg

BEGIN;

DO $$
BEGIN
    IF NOT has_function_privilege('autoflow_app', 'autoflow.audit_partitions()',
                                  'EXECUTE')
    THEN
        RAISE EXCEPTION 'autoflow_app lacks a right';
    END IF;

    IF autoflow.schema_version() < 17 THEN
        RAISE EXCEPTION 'schema_version() is less than 17';
    END IF;
END
$$;

ROLLBACK;
