-- A list of all roles, by name.
--
-- :page, :size
--
-- json         a list of Roles

WITH page AS (
    SELECT autoflow.role_json(r) AS role
      FROM autoflow.roles r
     ORDER BY name COLLATE "C"
     LIMIT :size::bigint OFFSET (:page::bigint - 1) * :size::bigint
)
SELECT autoflow.list_json(
           (SELECT json_agg(role) FROM page),
           (SELECT count(*) FROM autoflow.roles),
           :page::bigint, :size::bigint) AS json;
