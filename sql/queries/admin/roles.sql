-- A list of all roles, by name.
--
-- reads
-- custom plan
-- wide
-- stale
-- columns: data json, total bigint, next text
--
-- :position            the name to begin with; may be null
-- :page, :size
--
-- data         Roles
-- total        of all, counted to 10001; null with a position
-- next         the position of the next page, if any

WITH page AS (
    SELECT r AS role, name
      FROM autoflow.roles r
     WHERE deleted_at IS NULL
       AND (:position::text IS NULL OR name COLLATE "C" >= :position::text)
     ORDER BY name COLLATE "C"
     LIMIT :size::bigint + 1 OFFSET (:page::bigint - 1) * :size::bigint
)
SELECT (SELECT json_agg(autoflow.role_json(role))
          FROM (SELECT role FROM page LIMIT :size::bigint) AS shown) AS data,
       CASE WHEN :position::text IS NULL THEN
           (SELECT count(*)
              FROM (SELECT
                      FROM autoflow.roles
                     WHERE deleted_at IS NULL
                     LIMIT 10001) AS few)
       END AS total,
       (SELECT name FROM page OFFSET :size::bigint) AS next;
