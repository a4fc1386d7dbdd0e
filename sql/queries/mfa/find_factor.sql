-- The seed of a factor that is to be confirmed.
--
-- reads
-- columns: sealed_seed text
--
-- :id, :user_id
--
-- sealed_seed  no row: it is not the account's, or is confirmed, or was added
--              more than an hour ago

SELECT sealed_seed
  FROM autoflow.factors
 WHERE id = :id::uuid
   AND user_id = :user_id::uuid
   AND kind = 'totp'
   AND confirmed_at IS NULL
   AND created_at >= now() - interval '1 hour';
