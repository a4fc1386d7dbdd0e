-- Revert autoflow:password_hashes from pg
--
-- Hashes of other systems stay where they are; a former module refuses them.

BEGIN;

COMMENT ON COLUMN autoflow.users.password_hash IS
    'a PHC string; null: the account has no password';

DROP FUNCTION autoflow.password_hash_problem(text);

COMMIT;
