-- Verify autoflow:factors on pg

BEGIN;

SELECT id, user_id, kind, name, created_at, confirmed_at, last_used_at,
       sealed_seed, last_step, credential_id, public_key, algorithm, counter,
       transports, user_verified, backup_eligible, backed_up, attestation,
       aaguid
  FROM autoflow.factors
 WHERE false;

SELECT user_id, hash, created_at, used_at
  FROM autoflow.recovery_codes
 WHERE false;

SELECT 1 / (NOT autoflow.has_factors('00000000-0000-0000-0000-000000000000')
            AND autoflow.code_pause(4) = interval '0'
            AND autoflow.code_pause(6) = interval '2 minutes'
            AND autoflow.code_pause(60) = interval '1 day')::integer;

-- the first is compared

SELECT 1 / (autoflow.count_code_failure('00000000-0000-0000-0000-000000000000')
            IS NULL)::integer;

SELECT 1 / (count(*) = 1)::integer
  FROM pg_catalog.pg_trigger
 WHERE tgrelid = 'autoflow.users'::regclass
   AND tgname = 'users_end_factors';

SELECT 1 / convalidated::integer
  FROM pg_catalog.pg_constraint
 WHERE conrelid = 'autoflow.outbox'::regclass
   AND conname = 'outbox_kind_check';

ROLLBACK;
