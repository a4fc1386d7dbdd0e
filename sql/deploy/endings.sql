-- Deploy autoflow:endings to pg
-- requires: registration
--
-- What a refresh token is worth, and how an account's sessions end together, are
-- each in one place.

BEGIN;

SET LOCAL lock_timeout = '5s';

-- The verdict of refresh_verdict(), which is also "expired" if the session is
-- older than its lifetime, or has been unused for too long; both are in seconds,
-- 0: unlimited.  In a cookie a former token remains good until its successor is
-- first presented, as the response that had the successor may have been lost:
-- that is when the session was used after the exchange.

CREATE FUNCTION autoflow.session_verdict(account autoflow.users,
    session autoflow.sessions, presented bigint, presented_hash bytea,
    by_cookie boolean, grace bigint, idle bigint, lifetime bigint)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    verdict  text := autoflow.refresh_verdict(account, session, presented,
                                              presented_hash, grace);
BEGIN
    IF verdict = 'reused' AND by_cookie
       AND presented = session.number - 1
       AND session.last_used_at <= session.rotated_at
    THEN
        verdict := 'former';
    END IF;

    IF verdict IN ('current', 'former')
       AND least(session.created_at
                     + nullif(lifetime, 0) * interval '1 second',
                 session.last_used_at
                     + nullif(idle, 0) * interval '1 second') <= now()
    THEN
        verdict := 'expired';
    END IF;

    RETURN verdict;
END
$$;


-- Ends the living sessions of an account, which is locked, but for the one to be
-- kept, if any.  With "together" the statement has raised the account's epoch,
-- which has revoked their tokens; otherwise only if they are many.  Unless the
-- action is null, that is an event.
--
-- Returns the revocation of the account, which may be null; or those of the
-- sessions, if it is not revoked.

CREATE FUNCTION autoflow.end_sessions(account_id uuid, kept uuid,
    together boolean, action text, actor uuid, client_address inet,
    client_agent text, request text, trace text)
RETURNS SETOF text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    IF NOT together
       AND autoflow.sessions_are_many(
               (SELECT count(*)
                  FROM autoflow.sessions s
                 WHERE s.user_id = account_id
                   AND s.id IS DISTINCT FROM kept
                   AND autoflow.session_lives(s)))
    THEN
        UPDATE autoflow.users
           SET tokens_stale_at = clock_timestamp()
         WHERE id = account_id;

        together := true;
    END IF;

    RETURN QUERY
    WITH ended AS (
        UPDATE autoflow.sessions s
           SET ended_at = now(),
               access_expires_at = CASE WHEN together THEN '-infinity'
                                        ELSE s.access_expires_at END
         WHERE s.user_id = account_id
           AND s.id IS DISTINCT FROM kept
           AND autoflow.session_lives(s)
        RETURNING CASE WHEN NOT together
                       THEN autoflow.session_revocation(s) END AS revoked
    ), event AS (
        INSERT INTO autoflow.audit_events AS e
               (actor_id, action, target_id, ip_address, user_agent,
                request_id, trace_id, details)
        SELECT actor, action, account_id, client_address, client_agent,
               request, trace,
               jsonb_build_object('scope', CASE WHEN kept IS NULL THEN 'all'
                                                ELSE 'others' END,
                                  'count', (SELECT count(*) FROM ended))
         WHERE action IS NOT NULL
    )
    SELECT revoked
      FROM ended
     WHERE NOT together
     UNION ALL
    SELECT autoflow.account_revocation(u)
      FROM autoflow.users u
     WHERE u.id = account_id
       AND together;
END
$$;


REVOKE ALL ON FUNCTION
    autoflow.session_verdict(autoflow.users, autoflow.sessions, bigint, bytea,
                             boolean, bigint, bigint, bigint),
    autoflow.end_sessions(uuid, uuid, boolean, text, uuid, inet, text, text,
                          text)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.session_verdict(autoflow.users, autoflow.sessions, bigint, bytea,
                             boolean, bigint, bigint, bigint),
    autoflow.end_sessions(uuid, uuid, boolean, text, uuid, inet, text, text,
                          text)
    TO autoflow_app;


CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 21;

COMMIT;
