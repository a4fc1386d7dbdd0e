-- Revert autoflow:clocks from pg

BEGIN;

SET LOCAL lock_timeout = '5s';

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 25;

DROP FUNCTION autoflow.open_session(uuid, text[], integer, bigint, bigint, bigint,
                                    inet, text, text, bigint);

CREATE FUNCTION autoflow.open_session(account_id uuid,
    methods text[], assurance integer, max_sessions bigint,
    refresh_ttl bigint, access_ttl bigint, client_address inet,
    client_agent text, dialect text)
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
               now() + access_ttl * interval '1 second',
               now(),
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

DROP FUNCTION autoflow.prove_session(uuid, uuid, text[], integer, bigint, bigint);

CREATE FUNCTION autoflow.prove_session(account_id uuid, session_id uuid,
    methods text[], assurance integer, access_ttl bigint)
RETURNS SETOF autoflow.sessions
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    RETURN QUERY
    UPDATE autoflow.sessions s
       SET authenticated_at = now(),
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
                        now() + access_ttl * interval '1 second')
     WHERE s.id = session_id
       AND s.user_id = account_id
       AND autoflow.session_lives(s)
       AND s.expires_at > now()
    RETURNING s.*;
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
                   floor(extract(epoch FROM coalesce(
                       session.authenticated_at,
                       session.created_at)))::bigint AS auth_time,
                   CASE WHEN session.amr IS NULL THEN '["pwd"]'::jsonb
                        ELSE jsonb_path_query_array(session.amr, '$[*].method')
                   END AS amr,
                   coalesce(session.aal, 1) AS aal
           ) AS claims;
END
$$;

CREATE OR REPLACE FUNCTION autoflow.is_fresh(account uuid, session uuid)
RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN EXISTS (SELECT
                 FROM autoflow.sessions s
                WHERE s.id = session
                  AND s.user_id = account
                  AND coalesce(s.authenticated_at, s.created_at)
                      > now() - interval '10 minutes');

DROP FUNCTION autoflow.proof_time(autoflow.sessions);

CREATE OR REPLACE FUNCTION autoflow.revoke(subject uuid, least_epoch bigint,
    until timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    until := until + interval '10 minutes';

    IF until > now() THEN   -- else its tokens have expired, or there are none
        PERFORM autoflow.revoke(subject, least_epoch, clock_timestamp(), until);
    END IF;
END
$$;

REVOKE ALL ON FUNCTION
    autoflow.prove_session(uuid, uuid, text[], integer, bigint),
    autoflow.open_session(uuid, text[], integer, bigint, bigint, bigint, inet,
                          text, text)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.prove_session(uuid, uuid, text[], integer, bigint),
    autoflow.open_session(uuid, text[], integer, bigint, bigint, bigint, inet,
                          text, text)
    TO autoflow_app;

COMMIT;
