-- The account of a token's bearer.
--
-- reads
-- by key
-- columns: json json
--
-- :user_id
-- :dialect             of user_as()
--
-- json         a User; no row: disabled or deleted

SELECT autoflow.user_as(:dialect::text, u) AS json
  FROM autoflow.users u
 WHERE id = :user_id::uuid
   AND is_active
   AND deleted_at IS NULL;
