-- The roles of an account, also of one that was deleted.
--
-- reads
-- columns: json json
--
-- :id
--
-- json         {"roles"}; no row: not found

SELECT row_to_json(answer) AS json
  FROM (SELECT autoflow.role_names(id) AS roles
          FROM autoflow.users
         WHERE id = :id::uuid) AS answer;
