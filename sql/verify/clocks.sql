-- Verify autoflow:clocks on pg

BEGIN;

-- a time to come is none; a difference of clocks is

SELECT 1 / (bool_and(CASE WHEN minutes > 1 THEN at = to_timestamp(0)
                          ELSE at = now() + minutes * interval '1 minute'
                     END))::integer
  FROM unnest(ARRAY[-60, 0, 1, 2, 60]) AS minutes,
       jsonb_populate_record(NULL::autoflow.sessions,
                             jsonb_build_object('authenticated_at',
                                 now() + minutes * interval '1 minute')) AS s,
       autoflow.proof_time(s) AS at;

SELECT 1 / (count(*) = 0)::integer
  FROM autoflow.prove_session(gen_random_uuid(), gen_random_uuid(), '{pwd}', 1,
                              900, 0);

ROLLBACK;
