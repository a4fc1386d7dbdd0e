-- Revert autoflow:base from pg

BEGIN;

DROP FUNCTION autoflow.is_email(text);
DROP FUNCTION autoflow.is_text(text, integer, integer);
DROP FUNCTION autoflow.rfc3339(timestamptz);
DROP FUNCTION autoflow.uuid7();
DROP FUNCTION autoflow.schema_version();
DROP SCHEMA autoflow;

DO $$
BEGIN
    DROP ROLE IF EXISTS autoflow_app;
EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN
    NULL;   -- another database needs it, or an administrator made it
END
$$;

COMMIT;
