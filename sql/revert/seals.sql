-- Revert autoflow:seals from pg

BEGIN;

DROP INDEX autoflow.factors_seal_idx;
DROP INDEX autoflow.users_seal_idx;

COMMIT;
