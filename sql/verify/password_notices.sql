-- Verify autoflow:password_notices on pg

BEGIN;

SELECT 1 / autoflow.is_notice('password_changed')::integer;

ROLLBACK;
