-- Adds a factor whose codes depend on the time, to an account that lock_account
-- has locked.  It counts once it is confirmed; until then, for an hour.
--
-- writes
-- columns: problem text, json json, email text
--
-- :user_id, :session_id        the latter may be null
-- :name
-- :sealed_seed
-- :verified_hash       the stored hash that was verified
--
-- problem      reauthentication_required, limit_reached
-- json         the Factor; no row: disabled, deleted, or the hash was replaced
--              after it was read
-- email        the account's

WITH account AS MATERIALIZED (
    SELECT id, email
      FROM autoflow.users
     WHERE id = :user_id::uuid
       AND password_hash = :verified_hash::text
       AND is_active
       AND deleted_at IS NULL
), forgotten AS (
    DELETE FROM autoflow.factors f
     USING account
     WHERE f.user_id = account.id
       AND f.confirmed_at IS NULL
       AND f.created_at < now() - interval '1 hour'
), refusal AS MATERIALIZED (
    SELECT CASE WHEN NOT autoflow.may_change_factors(account.id,
                                                     :session_id::uuid)
                THEN 'reauthentication_required'
                WHEN (SELECT count(*)
                        FROM autoflow.factors f
                       WHERE f.user_id = account.id
                         AND (f.confirmed_at IS NOT NULL
                              OR f.created_at
                                 >= now() - interval '1 hour')) >= 20
                THEN 'limit_reached'
           END AS problem
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
