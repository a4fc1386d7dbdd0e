-- Deploy autoflow:name_statistics to pg
-- requires: role_token_life

-- How many names a search finds is estimated by those that ANALYZE has kept.  Of
-- a hundred, one that matches by chance stands for a hundredth of all accounts,
-- and the search then reads accounts in their order rather than an index.

BEGIN;

SET LOCAL lock_timeout = '5s';

ALTER TABLE autoflow.user_names ALTER COLUMN names SET STATISTICS 1000;

COMMIT;
