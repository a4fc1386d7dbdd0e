-- Revert autoflow:imports_shown from pg

BEGIN;

REVOKE SELECT ON autoflow.imported_accounts FROM autoflow_app;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 17;

COMMIT;
