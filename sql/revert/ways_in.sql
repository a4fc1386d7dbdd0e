-- Revert autoflow:ways_in from pg
--
-- Recovery codes that were used are gone.

BEGIN;

SET LOCAL lock_timeout = '5s';

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 30;

DROP FUNCTION autoflow.open_session(uuid, text[], integer, bigint, bigint, bigint,
                                    inet, text, text, bigint, text);

CREATE FUNCTION autoflow.open_session(account_id uuid,
    methods text[], assurance integer, max_sessions bigint,
    refresh_ttl bigint, access_ttl bigint, client_address inet,
    client_agent text, dialect text, node_time bigint DEFAULT NULL)
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
    autoflow.open_session(uuid, text[], integer, bigint, bigint, bigint, inet,
                          text, text, bigint)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.open_session(uuid, text[], integer, bigint, bigint, bigint, inet,
                          text, text, bigint)
    TO autoflow_app;

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

COMMENT ON COLUMN autoflow.recovery_codes.used_at IS NULL;

DROP FUNCTION
    autoflow.signs_in(autoflow.factors),
    autoflow.factor_problem(uuid, uuid),
    autoflow.handle_of(autoflow.users);

ALTER TABLE autoflow.users DROP COLUMN user_handle;
REVOKE INSERT (id) ON autoflow.users FROM autoflow_app;

COMMIT;
