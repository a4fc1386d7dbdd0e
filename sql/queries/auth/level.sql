-- Whether a proof of two factors is to be expected of an account.
--
-- reads
-- by key
-- columns: factors boolean
--
-- :user_id

SELECT autoflow.has_factors(:user_id::uuid) AS factors;
