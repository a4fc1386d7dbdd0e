-- Deploy autoflow:seals to pg
-- requires: factor_imports
--
-- What a key of autoflow_seal_key has sealed is found by an index: a seal begins with
-- the id of its key, of which these are the first 13 characters.  Neither is changed
-- by a login, nor by a code that is used.
--
-- Not one transaction: the indexes are built beside whoever writes.  After a failure
-- it may be deployed again.

DROP INDEX CONCURRENTLY IF EXISTS autoflow.factors_seal_idx;
CREATE INDEX CONCURRENTLY factors_seal_idx
    ON autoflow.factors ((left(sealed_seed, 13) COLLATE "C"), id)
 WHERE starts_with(sealed_seed, '$sealed$');

DROP INDEX CONCURRENTLY IF EXISTS autoflow.users_seal_idx;
CREATE INDEX CONCURRENTLY users_seal_idx
    ON autoflow.users ((left(password_hash, 13) COLLATE "C"), id)
 WHERE starts_with(password_hash, '$sealed$');
