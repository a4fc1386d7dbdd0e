-- Deploy autoflow:openings to pg
-- requires: jobs
--
-- One function opens all sessions, limits their number and records how their
-- owner was authenticated.  An account may lack a password; but while there are
-- nodes of version 0.1, which expects one, nothing may create such an account.
--
-- Each transaction locks one table exclusively, or it could deadlock with
-- requests that use both.  After a failure all of this may be deployed again.

BEGIN;

-- better to fail than to make everyone wait for the end of a dump
SET LOCAL lock_timeout = '5s';

ALTER TABLE autoflow.sessions
    ADD COLUMN IF NOT EXISTS amr jsonb,
    ADD COLUMN IF NOT EXISTS aal smallint;

COMMENT ON COLUMN autoflow.sessions.amr IS
    'how its owner was authenticated: [{"method","at"}], methods as of RFC 8176; null: unknown';
COMMENT ON COLUMN autoflow.sessions.aal IS
    'the authenticator assurance level that this makes (NIST SP 800-63B); null: unknown';

COMMIT;


BEGIN;

SET LOCAL lock_timeout = '5s';

ALTER TABLE autoflow.users ALTER COLUMN password_hash DROP NOT NULL;

COMMENT ON COLUMN autoflow.users.password_hash IS
    'a PHC string; null: the account has no password';


-- As before, but a password may be null before and after.

CREATE OR REPLACE TRIGGER users_address_withdrawn
    BEFORE UPDATE ON autoflow.users FOR EACH ROW
    WHEN (NEW.pending_email IS NOT NULL
          AND ((OLD.is_active AND NOT NEW.is_active)
               OR (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
               OR OLD.token_epoch <> NEW.token_epoch
               OR (OLD.password_hash IS DISTINCT FROM NEW.password_hash
                   AND OLD.last_login_at
                       IS NOT DISTINCT FROM NEW.last_login_at)))
    EXECUTE FUNCTION autoflow.users_address_withdrawn();

CREATE OR REPLACE FUNCTION autoflow.end_mail_tokens() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE autoflow.outbox
       SET used_at = now()
     WHERE user_id = NEW.id
       AND used_at IS NULL
       AND expires_at > now()
       AND CASE
           WHEN kind IN ('reset_password', 'claim_account') THEN
               (NEW.password_hash IS DISTINCT FROM OLD.password_hash
                AND NEW.token_epoch <> OLD.token_epoch
                AND NEW.tokens_stale_at IS NOT DISTINCT FROM
                    OLD.tokens_stale_at)
               OR NEW.email <> OLD.email
               OR NOT NEW.is_active
               OR NEW.deleted_at IS NOT NULL
           WHEN kind = 'change_email' THEN
               recipient IS DISTINCT FROM NEW.pending_email
           WHEN kind = 'verify_email' THEN
               NEW.deleted_at IS NOT NULL
               OR (recipient IS DISTINCT FROM NEW.pending_email
                   AND (recipient <> NEW.email OR NEW.email_verified))
           END;
    RETURN NULL;
END
$$;


-- Opens a session for an account that is locked or new, so that no one else is
-- ending or opening sessions of it.  Excess sessions are ended, the least
-- recently used first.
--
-- The first row is the session, with the contents of a token pair.  "revoked"
-- has, in separate rows, each session that was ended; or, in the first row, the
-- account, if there were many.  "excess" is their number.

CREATE FUNCTION autoflow.open_session(account_id uuid, methods text[],
    assurance integer, max_sessions bigint, refresh_ttl bigint,
    access_ttl bigint, client_address inet, client_agent text)
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
                access_expires_at, amr, aal)
        SELECT id, client_agent, client_address, 1,
               now() + refresh_ttl * interval '1 second',
               now() + access_ttl * interval '1 second',
               (SELECT jsonb_agg(jsonb_build_object(
                                     'method', method,
                                     'at', autoflow.rfc3339(now())))
                  FROM unnest(methods) AS method),
               assurance
          FROM account
        RETURNING *
    )
    SELECT autoflow.user_json(account),
           autoflow.claims_json(account, session.id),
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


-- Someone tried to register an account's address.  If it was never verified,
-- its owner is mailed a token with which they can set a password and take the
-- account over: whoever created it may have mistyped, or may be malicious.  If
-- it was verified, nothing happens, whatever its address is now.

CREATE FUNCTION autoflow.claim_address(wanted text, wanted_key text,
    client_address inet, client_agent text, request text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    WITH account AS MATERIALIZED (
        SELECT id, email
          FROM autoflow.users
         WHERE email_key = wanted_key
           AND verified_at IS NULL
           AND is_active
           AND deleted_at IS NULL
    ), mail AS MATERIALIZED (
        SELECT autoflow.request_mail(
                   'claim_account',
                   (SELECT id FROM account),
                   coalesce((SELECT email FROM account), wanted),
                   wanted_key) AS id
    )
    INSERT INTO autoflow.audit_events
           (action, target_id, ip_address, user_agent, request_id)
    SELECT 'claim_mailed', account.id, client_address, client_agent, request
      FROM account, mail
     WHERE mail.id IS NOT NULL;
END
$$;


-- The response to requests for a mail: the same with or without an account.

CREATE FUNCTION autoflow.mailed_json() RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN json_build_object('message', 'If the address is one of ours, a mail is '
                                    'under way.');


-- The problem for a verdict of refresh_verdict(), or null.

CREATE FUNCTION autoflow.refresh_problem(verdict text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE verdict
    WHEN 'reused' THEN 'token_reused'
    WHEN 'ended' THEN 'invalid_token'
    WHEN 'expired' THEN 'token_expired'
END;


REVOKE ALL ON FUNCTION
    autoflow.mailed_json(),
    autoflow.refresh_problem(text),
    autoflow.open_session(uuid, text[], integer, bigint, bigint, bigint, inet,
                          text),
    autoflow.claim_address(text, text, inet, text, text)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.mailed_json(),
    autoflow.refresh_problem(text),
    autoflow.open_session(uuid, text[], integer, bigint, bigint, bigint, inet,
                          text),
    autoflow.claim_address(text, text, inet, text, text)
    TO autoflow_app;


CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 11;

COMMIT;
