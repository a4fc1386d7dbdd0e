-- Deploy autoflow:password_notices to pg
-- requires: notices
--
-- The owner of an account is told that it has another password.

BEGIN;

SET LOCAL lock_timeout = '5s';

CREATE OR REPLACE FUNCTION autoflow.is_notice(kind text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE kind
        WHEN 'verify_email'     THEN false
        WHEN 'reset_password'   THEN false
        WHEN 'change_email'     THEN false
        WHEN 'claim_account'    THEN false
        WHEN 'invitation'       THEN false
        WHEN 'email_changed'    THEN true
        WHEN 'factor_added'     THEN true
        WHEN 'factor_removed'   THEN true
        WHEN 'recovery_codes'   THEN true
        WHEN 'passkey_cloned'   THEN true
        WHEN 'new_device'       THEN true
        WHEN 'password_changed' THEN true END;
END
$$;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 33;

COMMIT;
