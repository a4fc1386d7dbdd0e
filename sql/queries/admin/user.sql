-- An account, also one that was deleted.
--
-- reads
-- columns: json json
--
-- :id
--
-- json         a User; no row: there is none

SELECT autoflow.user_json(u) AS json
  FROM autoflow.users u
 WHERE id = :id::uuid;
