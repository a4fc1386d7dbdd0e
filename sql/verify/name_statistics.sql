-- Verify autoflow:name_statistics on pg

BEGIN;

SELECT 1 / count(*)
  FROM pg_attribute
 WHERE attrelid = 'autoflow.user_names'::regclass
   AND attname = 'names'
   AND attstattarget = 1000;

ROLLBACK;
