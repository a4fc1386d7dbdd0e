-- Verify autoflow:endings on pg

BEGIN;

-- a number whose successor was never presented: in a cookie it is still good

SELECT 1 / (autoflow.session_verdict(u, s, 1, NULL, true, 10, 0, 0) = 'former'
            AND autoflow.session_verdict(u, s, 1, NULL, false, 10, 0, 0)
                = 'reused'
            AND autoflow.session_verdict(u, s, 1, NULL, true, 10, 0, 60)
                = 'expired')::integer
  FROM jsonb_populate_record(NULL::autoflow.users,
                             '{"is_active": true}') AS u,
       jsonb_populate_record(NULL::autoflow.sessions,
                             '{"number": 2, "expires_at": "infinity",
                               "created_at": "2026-01-01T00:00:00Z",
                               "last_used_at": "2026-01-01T00:00:00Z",
                               "rotated_at": "2026-01-01T00:00:00Z"}') AS s;

SELECT 1 / (count(*) = 0)::integer
  FROM autoflow.end_sessions(gen_random_uuid(), NULL, true, NULL, NULL, NULL,
                             NULL, NULL, NULL);

ROLLBACK;
