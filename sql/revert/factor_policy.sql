-- Revert autoflow:factor_policy from pg

BEGIN;

SET LOCAL lock_timeout = '5s';

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 27;

DROP FUNCTION autoflow.lacks_factor(autoflow.users, integer, text[]);

COMMIT;
