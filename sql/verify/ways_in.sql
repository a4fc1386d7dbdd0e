-- Verify autoflow:ways_in on pg

BEGIN;

SELECT user_handle FROM autoflow.users LIMIT 0;

SELECT has_function_privilege('autoflow.handle_of(autoflow.users)', 'execute'),
       has_function_privilege('autoflow.factor_problem(uuid, uuid)', 'execute'),
       has_function_privilege('autoflow.signs_in(autoflow.factors)', 'execute');

-- there is no such account

SELECT 1 / (count(*) = 0)::integer
  FROM autoflow.open_session('00000000-0000-0000-0000-000000000000', '{pwd}', 1,
                             1, 1, 1, NULL, NULL, 'autoflow', NULL, 'en');

ROLLBACK;
