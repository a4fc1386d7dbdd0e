-- Deploy autoflow:passkey_accounts to pg
-- requires: factor_bounds
--
-- An account may be registered with a passkey, and no password: what adds one to an
-- account is a function.

BEGIN;

-- Of the new credential: "credential_id", "public_key" and "user_handle", in hex,
-- and other columns by their names.

CREATE FUNCTION autoflow.add_passkey(account uuid, name text, credential jsonb)
RETURNS SETOF autoflow.factors
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    INSERT INTO autoflow.factors AS f
           (user_id, kind, name, confirmed_at, last_used_at, credential_id,
            public_key, algorithm, counter, transports, user_verified,
            backup_eligible, backed_up, discoverable, attestation, aaguid,
            user_handle)
    SELECT add_passkey.account, 'webauthn', add_passkey.name, now(), now(),
           decode(c.credential_id, 'hex'), decode(c.public_key, 'hex'),
           c.algorithm, c.counter, c.transports, c.user_verified,
           c.backup_eligible, c.backed_up, c.discoverable, c.attestation,
           c.aaguid, decode(c.user_handle, 'hex')
      FROM jsonb_to_record(credential)
               AS c (credential_id text, public_key text, user_handle text,
                     algorithm integer, counter bigint, transports text[],
                     user_verified boolean, backup_eligible boolean,
                     backed_up boolean, discoverable boolean,
                     attestation text, aaguid uuid)
    RETURNING f.*;
END
$$;

REVOKE ALL ON FUNCTION autoflow.add_passkey(uuid, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION autoflow.add_passkey(uuid, text, jsonb)
    TO autoflow_app;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 30;

COMMIT;
