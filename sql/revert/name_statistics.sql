-- Revert autoflow:name_statistics from pg

BEGIN;

SET LOCAL lock_timeout = '5s';

ALTER TABLE autoflow.user_names ALTER COLUMN names SET STATISTICS -1;

COMMIT;
