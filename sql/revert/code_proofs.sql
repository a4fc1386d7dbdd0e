-- Revert autoflow:code_proofs from pg

BEGIN;

SET LOCAL lock_timeout = '5s';

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 26;

DROP FUNCTION autoflow.use_code(uuid, uuid, bigint, text, text, boolean);

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

DROP FUNCTION autoflow.factor_time(autoflow.sessions);

COMMIT;
