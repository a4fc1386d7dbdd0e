-- An account, also one that was deleted.
--
-- reads
-- by key
-- columns: json json
--
-- :id
-- :dialect             of user_as()
--
-- json         a User; no row: not found

SELECT autoflow.user_as(:dialect::text, u) AS json
  FROM autoflow.users u
 WHERE id = :id::uuid;
