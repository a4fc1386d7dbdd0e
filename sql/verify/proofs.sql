-- Verify autoflow:proofs on pg

BEGIN;

SELECT authenticated_at FROM autoflow.sessions WHERE false;

-- a session from before that was recorded

SELECT 1 / (claims ->> 'auth_time' = '1767225600'
            AND claims ->> 'amr' = '["pwd"]'
            AND claims ->> 'aal' = '1')::integer
  FROM jsonb_populate_record(NULL::autoflow.users,
                             '{"is_active": true}') AS u,
       jsonb_populate_record(NULL::autoflow.sessions,
                             '{"created_at": "2026-01-01T00:00:00Z"}') AS s,
       autoflow.session_claims(u, s) AS claims;

SELECT 1 / (count(*) = 0)::integer
  FROM autoflow.prove_session(gen_random_uuid(), gen_random_uuid(), '{pwd}', 1,
                              900);

ROLLBACK;
