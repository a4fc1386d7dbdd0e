-- Revert autoflow:lists from pg

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 4;

DROP FUNCTION autoflow.role_id(text);
DROP INDEX autoflow.roles_by_name_idx;
DROP INDEX autoflow.users_by_last_login_at_idx;
DROP INDEX autoflow.users_by_username_idx;

COMMIT;
