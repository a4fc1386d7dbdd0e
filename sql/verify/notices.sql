-- Verify autoflow:notices on pg

BEGIN;

SELECT 1 / (autoflow.is_notice('new_device')
            AND NOT autoflow.is_notice('verify_email')
            AND autoflow.is_notice('x') IS NULL)::integer;

-- the constraint asks it, and is valid

SELECT 1 / count(*)
  FROM pg_constraint
 WHERE conname = 'outbox_kind_check'
   AND convalidated
   AND pg_get_constraintdef(oid) LIKE '%is_notice%';

ROLLBACK;
