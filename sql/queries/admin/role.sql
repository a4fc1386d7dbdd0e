-- A role.
--
-- reads
-- by key
-- columns: json json
--
-- :id
--
-- json         a Role; no row: not found

SELECT autoflow.role_json(r) AS json
  FROM autoflow.roles r
 WHERE id = :id::uuid
   AND deleted_at IS NULL;
