-- Revert autoflow:failed_attempts from pg

BEGIN;

SET LOCAL lock_timeout = '5s';

DROP FUNCTION autoflow.count_failure(uuid, text, bigint);
DROP FUNCTION autoflow.failures(uuid, text);
DROP FUNCTION autoflow.purge_failures();
DROP TABLE autoflow.failed_attempts;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 18;

COMMIT;
