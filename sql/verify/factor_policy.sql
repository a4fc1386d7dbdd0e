-- Verify autoflow:factor_policy on pg

BEGIN;

SELECT 1 / (autoflow.lacks_factor(NULL::autoflow.users, 1, '{everyone}')
            AND NOT autoflow.lacks_factor(NULL::autoflow.users, 2, '{everyone}')
            AND NOT autoflow.lacks_factor(NULL::autoflow.users, 1, NULL)
           )::integer;

ROLLBACK;
