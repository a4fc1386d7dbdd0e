-- Revert autoflow:lockdown from pg

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 16;

DROP FUNCTION autoflow.audit_partitions();

GRANT EXECUTE ON FUNCTION autoflow.audit_maintain(interval) TO autoflow_app;

COMMIT;
