-- Deploy autoflow:ways_in to pg
-- requires: passkey_accounts
--
-- An account that has no password keeps a passkey to log in with, and all of its
-- passkeys have one user handle.  Every login remembers in which language it was,
-- and recovery codes are gone once they are used.
--
-- Each transaction locks one table exclusively, so that it can't deadlock with a
-- statement that uses both.  After a failure the whole file may be run again.

BEGIN;

SET LOCAL lock_timeout = '5s';

ALTER TABLE autoflow.users ADD COLUMN IF NOT EXISTS user_handle bytea;

COMMENT ON COLUMN autoflow.users.user_handle IS
    'the account, as authenticators know it: random; null: it had no passkey yet';

GRANT INSERT (id, user_handle), UPDATE (user_handle)
    ON autoflow.users TO autoflow_app;

COMMIT;


BEGIN;

SET LOCAL lock_timeout = '5s';

-- The handle of an account, which gets one if it has none: that of its first
-- passkey from before, if it is of this length.  An authenticator replaces a passkey by
-- another one of the same handle, so an account never has two: of requests at
-- once the second one waits for the first one's.

CREATE OR REPLACE FUNCTION autoflow.handle_of(account autoflow.users)
RETURNS bytea
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    handle  bytea := account.user_handle;
BEGIN
    IF handle IS NULL THEN
        UPDATE autoflow.users u
           SET user_handle = coalesce(
                   u.user_handle,
                   (SELECT f.user_handle
                      FROM autoflow.factors f
                     WHERE f.user_id = u.id
                       AND octet_length(f.user_handle) = 16
                     ORDER BY f.id
                     LIMIT 1),
                   substr(autoflow.session_random(), 1, 16))
         WHERE u.id = account.id
        RETURNING u.user_handle
          INTO handle;
    END IF;

    RETURN handle;
END
$$;


-- Why a session may not add a factor: the code of a problem, or null.  Without a
-- session it is the first one that is added.  That its owner has proved lately who
-- they are is looked for before.
--
-- is_fresh() and passkey_problem() are of nodes that looked for it here.

CREATE OR REPLACE FUNCTION autoflow.factor_problem(account uuid, session uuid)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE WHEN NOT autoflow.may_change_factors(account, session)
                THEN 'reauthentication_required'
                WHEN (SELECT count(*)
                        FROM autoflow.factors f
                       WHERE f.user_id = account
                         AND (f.confirmed_at IS NOT NULL
                              OR f.created_at
                                 >= now() - interval '1 hour')) >= 20
                THEN 'limit_reached' END;
END
$$;

-- Whether a factor logs its owner in alone, without a password.

CREATE OR REPLACE FUNCTION autoflow.signs_in(factor autoflow.factors)
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN factor.kind = 'webauthn'
       AND factor.confirmed_at IS NOT NULL
       AND factor.user_verified
       AND factor.discoverable;
END
$$;


-- As before, but a recovery code is gone once it is used: an account has ten at
-- most.

CREATE OR REPLACE FUNCTION autoflow.use_code(account_id uuid, factor_id uuid,
    code_step bigint, recovery_hash text, newer_seal text, mail boolean)
RETURNS TABLE (used_factor uuid, used_kind text)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF factor_id IS NOT NULL THEN
        UPDATE autoflow.factors f
           SET last_step = code_step,
               sealed_seed = coalesce(newer_seal, f.sealed_seed),
               last_used_at = now()
         WHERE f.id = factor_id
           AND f.user_id = account_id
           AND f.confirmed_at IS NOT NULL
           AND coalesce(f.last_step, -1) < code_step
           AND autoflow.code_seconds_left(account_id) IS NULL
        RETURNING f.id, f.kind
          INTO used_factor, used_kind;
    ELSE
        DELETE FROM autoflow.recovery_codes c
         WHERE c.user_id = account_id
           AND c.hash = decode(recovery_hash, 'hex')
           AND c.used_at IS NULL
        RETURNING 'recovery_code'
          INTO used_kind;
    END IF;

    IF used_kind IS NULL THEN
        RETURN;
    END IF;

    PERFORM autoflow.forget_code_failures(account_id);

    INSERT INTO autoflow.outbox (kind, user_id, recipient, recipient_key)
    SELECT 'recovery_codes', u.id, u.email, u.email_key
      FROM autoflow.users u
     WHERE u.id = account_id
       AND used_factor IS NULL
       AND mail;

    RETURN NEXT;
END
$$;

DELETE FROM autoflow.recovery_codes WHERE used_at IS NOT NULL;

COMMENT ON COLUMN autoflow.recovery_codes.used_at IS
    'null: codes that were used are deleted';


-- As before, and the account's language is that of its last login.

DROP FUNCTION IF EXISTS
    autoflow.open_session(uuid, text[], integer, bigint, bigint, bigint, inet,
                          text, text, bigint),
    autoflow.open_session(uuid, text[], integer, bigint, bigint, bigint, inet,
                          text, text, bigint, text);

CREATE FUNCTION autoflow.open_session(account_id uuid,
    methods text[], assurance integer, max_sessions bigint,
    refresh_ttl bigint, access_ttl bigint, client_address inet,
    client_agent text, dialect text, node_time bigint DEFAULT NULL,
    accepted_language text DEFAULT NULL)
RETURNS TABLE ("user" json, claims json, session_id uuid, user_id uuid,
               number bigint, random text, excess bigint, revoked text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH surplus AS MATERIALIZED (
        SELECT s.id
          FROM autoflow.sessions s
         WHERE s.user_id = account_id
           AND s.ended_at IS NULL
         ORDER BY autoflow.session_lives(s) DESC, s.last_used_at DESC,
                  s.id DESC
        OFFSET max_sessions - 1
    ), many AS MATERIALIZED (
        SELECT autoflow.sessions_are_many(count(*)) AS many
          FROM surplus
    ), account AS (
        UPDATE autoflow.users u
           SET last_login_at = now(),
               language = coalesce(accepted_language, u.language),
               tokens_stale_at = CASE WHEN many THEN clock_timestamp()
                                      ELSE u.tokens_stale_at END
          FROM many
         WHERE u.id = account_id
        RETURNING u.*
    ), ended AS (
        UPDATE autoflow.sessions s
           SET ended_at = now(),
               access_expires_at = CASE WHEN many THEN '-infinity'
                                        ELSE s.access_expires_at END
          FROM account, many, surplus
         WHERE s.id = surplus.id
           AND s.ended_at IS NULL
        RETURNING CASE WHEN NOT many
                       THEN autoflow.session_revocation(s) END AS revoked
    ), session AS (
        INSERT INTO autoflow.sessions
               (user_id, device_info, ip_address, number, expires_at,
                access_expires_at, authenticated_at, amr, aal)
        SELECT id, client_agent, client_address, 1,
               now() + refresh_ttl * interval '1 second',
               greatest(now(), to_timestamp(node_time))
               + access_ttl * interval '1 second',
               least(now(), to_timestamp(node_time)),
               autoflow.methods_json(methods),
               assurance
          FROM account
        RETURNING *
    )
    SELECT autoflow.user_as(dialect, account),
           autoflow.session_claims(account, session),
           session.id, session.user_id, session.number,
           encode(session.random, 'hex'),
           (SELECT count(*) FROM ended),
           CASE WHEN many THEN autoflow.account_revocation(account) END
      FROM account, session, many
     UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, ended.revoked
      FROM ended
     WHERE ended.revoked IS NOT NULL
     ORDER BY 3;   -- nulls come last
END
$$;


REVOKE ALL ON FUNCTION
    autoflow.handle_of(autoflow.users),
    autoflow.factor_problem(uuid, uuid),
    autoflow.signs_in(autoflow.factors),
    autoflow.open_session(uuid, text[], integer, bigint, bigint, bigint, inet,
                          text, text, bigint, text)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.handle_of(autoflow.users),
    autoflow.factor_problem(uuid, uuid),
    autoflow.signs_in(autoflow.factors),
    autoflow.open_session(uuid, text[], integer, bigint, bigint, bigint, inet,
                          text, text, bigint, text)
    TO autoflow_app;


CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 31;

COMMIT;
