-- Verify autoflow:failed_attempts on pg

BEGIN;

SELECT account, kind, failures, ends_at
  FROM autoflow.failed_attempts
 WHERE false;

SELECT 1 / (failures = 1 AND seconds_left = 60)::integer
  FROM autoflow.count_failure('00000000-0000-0000-0000-000000000000',
                              'password', 60);

SELECT 1 / autoflow.failures('00000000-0000-0000-0000-000000000000',
                             'password');

SELECT 1 / has_function_privilege('autoflow_app', 'autoflow.purge_failures()',
                                  'EXECUTE')::integer;

ROLLBACK;
