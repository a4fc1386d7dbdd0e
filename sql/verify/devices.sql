-- Verify autoflow:devices on pg

BEGIN;

SELECT id, user_id, hash, device_info, ip_address, created_at, last_used_at,
       expires_at
  FROM autoflow.devices
 WHERE false;

SELECT 1 / (NOT autoflow.has_device('00000000-0000-0000-0000-000000000000',
                                    '{00}')
            AND autoflow.use_device('00000000-0000-0000-0000-000000000000',
                                    '{00}', NULL) IS NULL)::integer;

SELECT 1 / (count(*) = 2)::integer
  FROM pg_catalog.pg_trigger
 WHERE tgname IN ('users_forget_devices', 'factors_forget_devices');

SELECT 1 / convalidated::integer
  FROM pg_catalog.pg_constraint
 WHERE conrelid = 'autoflow.outbox'::regclass
   AND conname = 'outbox_kind_check';

ROLLBACK;
