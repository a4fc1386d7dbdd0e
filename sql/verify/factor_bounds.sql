-- Verify autoflow:factor_bounds on pg

BEGIN;

SELECT 1 / (NOT autoflow.may_change_factors(
                '00000000-0000-0000-0000-000000000000',
                '00000000-0000-0000-0000-000000000000'))::integer;

SELECT 1 / count(*)
  FROM pg_catalog.pg_trigger
 WHERE tgrelid = 'autoflow.outbox'::regclass
   AND tgname = 'outbox_notices'
   AND tgenabled = 'O';

ROLLBACK;
