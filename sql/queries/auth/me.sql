-- The account of a token's bearer.
--
-- reads
-- by key
-- columns: json json, has_password boolean
--
-- :user_id
-- :dialect             of user_as()
--
-- json         a User; no row: disabled or deleted
-- has_password         for pages

SELECT autoflow.user_as(:dialect::text, u) AS json,
       password_hash IS NOT NULL AS has_password
  FROM autoflow.users u
 WHERE id = :user_id::uuid
   AND is_active
   AND deleted_at IS NULL;
