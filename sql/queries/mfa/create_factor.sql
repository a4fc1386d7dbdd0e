-- Adds a factor whose codes depend on the time, to an account that lock_account
-- has locked.  It counts once it is confirmed; until then, for an hour.
--
-- writes
-- columns: problem text, json json, email text
--
-- :user_id, :session_id        the latter may be null
-- :name
-- :sealed_seed
-- :password_hash       that the account must have; null: any, in a session
--
-- problem      reauthentication_required, limit_reached
-- json         the Factor; no row: disabled, deleted, or the hash was replaced
--              after it was read
-- email        the account's

WITH account AS MATERIALIZED (
    SELECT id, email
      FROM autoflow.users
     WHERE id = :user_id::uuid
       AND (:password_hash::text IS NULL
            OR password_hash = :password_hash::text)
       AND is_active
       AND deleted_at IS NULL
), forgotten AS (
    DELETE FROM autoflow.factors f
     USING account
     WHERE f.user_id = account.id
       AND f.confirmed_at IS NULL
       AND f.created_at < now() - interval '1 hour'
), refusal AS MATERIALIZED (
    SELECT autoflow.factor_problem(account.id, :session_id::uuid) AS problem
      FROM account
), created AS (
    INSERT INTO autoflow.factors (user_id, kind, name, sealed_seed)
    SELECT account.id, 'totp', :name::text, :sealed_seed::text
      FROM account, refusal
     WHERE problem IS NULL
    RETURNING *
)
SELECT problem, autoflow.factor_json(created) AS json, account.email
  FROM account, refusal
  LEFT JOIN created ON true;
