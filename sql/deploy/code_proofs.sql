-- Deploy autoflow:code_proofs to pg
-- requires: half_partitions
--
-- A code is a proof in any session, too, and access tokens say when the last one
-- was given.

BEGIN;

SET LOCAL lock_timeout = '5s';

-- When the second factor was last given, in a session of two: a password alone
-- doesn't make that later.  Whatever makes it one of two has "mfa" (RFC 8176) among
-- its methods.

CREATE FUNCTION autoflow.factor_time(session autoflow.sessions)
RETURNS timestamptz
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    given  timestamptz;
BEGIN
    SELECT max((m ->> 'at')::timestamptz)
      INTO given
      FROM jsonb_array_elements(session.amr) AS m
     WHERE m ->> 'method' = 'mfa';

    -- as in proof_time(), which no proof is later than
    RETURN CASE WHEN given > now() + interval '1 minute' THEN to_timestamp(0)
                WHEN given IS NOT NULL
                THEN least(given, autoflow.proof_time(session)) END;
END
$$;

-- As before, but for that.

CREATE OR REPLACE FUNCTION autoflow.session_claims(account autoflow.users,
    session autoflow.sessions) RETURNS json
LANGUAGE plpgsql VOLATILE PARALLEL SAFE
AS $$
BEGIN
    RETURN json_strip_nulls(row_to_json(claims))
      FROM (SELECT account.id AS sub,
                   session.id AS sid,
                   account.token_epoch AS epoch,
                   account.email,
                   account.email_verified,
                   autoflow.role_names(account.id) AS roles,
                   account.is_superuser,
                   floor(extract(epoch FROM now()))::bigint AS iat,
                   floor(extract(epoch FROM
                       autoflow.proof_time(session)))::bigint AS auth_time,
                   CASE WHEN session.aal >= 2 THEN
                       floor(extract(epoch FROM
                           autoflow.factor_time(session)))::bigint
                   END AS mfa_time,
                   CASE WHEN session.amr IS NULL THEN '["pwd"]'::jsonb
                        ELSE jsonb_path_query_array(session.amr, '$[*].method')
                   END AS amr,
                   coalesce(session.aal, 1) AS aal
           ) AS claims;
END
$$;


-- Uses a code of a factor, or a recovery code, of an account that lock_account has
-- locked: of requests with the same one, the first to get the lock.  Without a row
-- it is good for nothing: it was used, its factor was removed, or others were wrong
-- too often.

CREATE FUNCTION autoflow.use_code(account_id uuid, factor_id uuid,
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
        UPDATE autoflow.recovery_codes c
           SET used_at = now()
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

REVOKE ALL ON FUNCTION
    autoflow.factor_time(autoflow.sessions),
    autoflow.use_code(uuid, uuid, bigint, text, text, boolean)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.factor_time(autoflow.sessions),
    autoflow.use_code(uuid, uuid, bigint, text, text, boolean)
    TO autoflow_app;


CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 27;

COMMIT;
