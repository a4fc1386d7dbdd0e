-- Revert autoflow:passkey_accounts from pg
--
-- Accounts that have no password keep their passkeys.

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 29;

DROP FUNCTION autoflow.add_passkey(uuid, text, jsonb);

COMMIT;
