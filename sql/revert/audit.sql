-- Revert autoflow:audit from pg

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 0;

DROP FUNCTION autoflow.audit_maintain(interval);
DROP TABLE autoflow.audit_events;

COMMIT;
