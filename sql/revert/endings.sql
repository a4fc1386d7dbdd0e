-- Revert autoflow:endings from pg

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 20;

DROP FUNCTION autoflow.session_verdict(autoflow.users, autoflow.sessions,
    bigint, bytea, boolean, bigint, bigint, bigint);
DROP FUNCTION autoflow.end_sessions(uuid, uuid, boolean, text, uuid, inet, text,
    text, text);

COMMIT;
