-- Deploy autoflow:clocks to pg
-- requires: passkeys
--
-- While the date of the database, or of all of a machine, is wrong, sessions must
-- not seem to have been proved later than they were, and revocations not be over
-- before their tokens, neither then nor afterwards.  Statements have the time of
-- the node, in seconds since 1970.

BEGIN;

SET LOCAL lock_timeout = '5s';

-- When a session's owner last proved who they are.  A minute is what clocks may
-- differ by.  What is later than that was written by a clock that was ahead: then
-- nobody knows, and it was long ago.  Refreshing makes that last, or it would be
-- recent again when the time has come.

CREATE FUNCTION autoflow.proof_time(session autoflow.sessions)
RETURNS timestamptz
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    proved  timestamptz := coalesce(session.authenticated_at,
                                    session.created_at);
BEGIN
    RETURN CASE WHEN proved > now() + interval '1 minute' THEN to_timestamp(0)
                ELSE proved END;
END
$$;


-- As before, but for that.

CREATE OR REPLACE FUNCTION autoflow.is_fresh(account uuid, session uuid)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN EXISTS (SELECT
                     FROM autoflow.sessions s
                    WHERE s.id = is_fresh.session
                      AND s.user_id = is_fresh.account
                      AND autoflow.proof_time(s) > now() - interval '10 minutes');
END
$$;

CREATE OR REPLACE FUNCTION autoflow.session_claims(account autoflow.users,
    session autoflow.sessions) RETURNS json
LANGUAGE plpgsql VOLATILE PARALLEL SAFE
AS $$
BEGIN
    RETURN row_to_json(claims)
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
                   CASE WHEN session.amr IS NULL THEN '["pwd"]'::jsonb
                        ELSE jsonb_path_query_array(session.amr, '$[*].method')
                   END AS amr,
                   coalesce(session.aal, 1) AS aal
           ) AS claims;
END
$$;


-- As before, but the time of the proof is the earlier one of our clock and the
-- node's, and the access token is assumed to expire by the later one: it does so
-- by the node's.

DROP FUNCTION autoflow.prove_session(uuid, uuid, text[], integer, bigint);

CREATE FUNCTION autoflow.prove_session(account_id uuid, session_id uuid,
    methods text[], assurance integer, access_ttl bigint,
    node_time bigint DEFAULT NULL)
RETURNS SETOF autoflow.sessions
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    RETURN QUERY
    UPDATE autoflow.sessions s
       SET authenticated_at = least(now(), to_timestamp(node_time)),
           amr = coalesce((SELECT jsonb_agg(m)
                             FROM jsonb_array_elements(s.amr) AS m
                            WHERE m ->> 'method' <> ALL (methods)),
                          CASE WHEN s.amr IS NULL AND 'pwd' <> ALL (methods)
                               THEN jsonb_build_array(jsonb_build_object(
                                        'method', 'pwd',
                                        'at', autoflow.rfc3339(s.created_at)))
                               ELSE '[]' END)
                 || autoflow.methods_json(methods),
           aal = greatest(s.aal, assurance),
           access_expires_at =
               greatest(s.access_expires_at,
                        greatest(now(), to_timestamp(node_time))
                        + access_ttl * interval '1 second')
     WHERE s.id = session_id
       AND s.user_id = account_id
       AND autoflow.session_lives(s)
       AND s.expires_at > now()
    RETURNING s.*;
END
$$;

DROP FUNCTION autoflow.open_session(uuid, text[], integer, bigint, bigint, bigint,
                                    inet, text, text);

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


-- As before, but tokens that have expired by our clock may be good by those of
-- nodes: so it goes by a day, for which expired revocations are kept, too.

CREATE OR REPLACE FUNCTION autoflow.revoke(subject uuid, least_epoch bigint,
    until timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    until := until + interval '10 minutes';

    IF until > now() - interval '1 day' THEN   -- else there are no tokens
        PERFORM autoflow.revoke(subject, least_epoch, clock_timestamp(), until);
    END IF;
END
$$;


REVOKE ALL ON FUNCTION
    autoflow.proof_time(autoflow.sessions),
    autoflow.prove_session(uuid, uuid, text[], integer, bigint, bigint),
    autoflow.open_session(uuid, text[], integer, bigint, bigint, bigint, inet,
                          text, text, bigint)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.proof_time(autoflow.sessions),
    autoflow.prove_session(uuid, uuid, text[], integer, bigint, bigint),
    autoflow.open_session(uuid, text[], integer, bigint, bigint, bigint, inet,
                          text, text, bigint)
    TO autoflow_app;


CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 26;

COMMIT;
