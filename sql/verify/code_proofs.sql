-- Verify autoflow:code_proofs on pg

BEGIN;

-- there is no such account

SELECT 1 / (count(*) = 0)::integer
  FROM autoflow.use_code('00000000-0000-0000-0000-000000000000',
                         '00000000-0000-0000-0000-000000000000', 1, NULL, NULL,
                         false);

ROLLBACK;
