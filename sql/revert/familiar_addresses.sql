-- Revert autoflow:familiar_addresses from pg

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 5;

DROP TRIGGER users_forget_addresses ON autoflow.users;
DROP TRIGGER sessions_used_address ON autoflow.sessions;

DROP FUNCTION autoflow.purge_addresses();
DROP FUNCTION autoflow.users_forget_addresses();
DROP FUNCTION autoflow.sessions_used_address();
DROP FUNCTION autoflow.use_address(uuid, inet);
DROP TABLE autoflow.user_addresses;
DROP FUNCTION autoflow.network_of(inet);

COMMIT;
