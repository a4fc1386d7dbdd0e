-- Verify autoflow:passkeys on pg

BEGIN;

SELECT user_handle, discoverable, clone_told_at
  FROM autoflow.factors
 WHERE false;

SELECT expires_at, hash
  FROM autoflow.used_challenges
 WHERE false;

-- a challenge is used once

SELECT 1 / autoflow.use_challenge('{"challenge":"00","expires":0}')::integer;
SELECT 1 / (NOT autoflow.use_challenge('{"challenge":"00","expires":0}')
           )::integer;

SELECT 1 / (NOT autoflow.is_fresh('00000000-0000-0000-0000-000000000000',
                                  '00000000-0000-0000-0000-000000000000')
           )::integer;

SELECT 1 / convalidated::integer
  FROM pg_catalog.pg_constraint
 WHERE conrelid = 'autoflow.outbox'::regclass
   AND conname = 'outbox_kind_check';

ROLLBACK;
