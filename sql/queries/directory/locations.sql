-- A list of the locations that the user may read.
--
-- reads
-- custom plan
-- wide
-- columns: data json, total bigint, next text
--
-- :country, :city      may be null
-- :include_inactive    true: with deactivated ones, for superusers
-- :sort                a field's name
-- :descending          whether the order is descending
-- :position            the id and sort key to begin with; may be null
-- :page, :size
-- :user_id, :superuser         the requesting user
--
-- data         Locations
-- total        of all matches, counted to 10001; null with a position
-- next         the position of the next page, if any

WITH found AS NOT MATERIALIZED (
    SELECT *
      FROM autoflow.readable_locations(
               :user_id::uuid, :superuser::boolean,
               coalesce(:include_inactive::boolean, false),
               :sort::text, :descending::boolean)
     WHERE (:country::text IS NULL
            OR lower((item).country COLLATE "C")
               = lower(:country::text COLLATE "C"))
       AND (:city::text IS NULL
            OR lower((item).city COLLATE "C")
               = lower(:city::text COLLATE "C"))
), page AS (
    SELECT *
      FROM found
     WHERE :position::text IS NULL
        OR CASE
               WHEN NOT :descending::boolean
               THEN (moment, id) >= (substr(:position::text, 37)::timestamptz,
                                     left(:position::text, 36)::uuid)
               ELSE (moment, id) <= (substr(:position::text, 37)::timestamptz,
                                     left(:position::text, 36)::uuid)
           END
     ORDER BY CASE WHEN NOT :descending::boolean THEN moment END,
              CASE WHEN NOT :descending::boolean THEN id END,
              moment DESC, id DESC
     LIMIT :size::bigint + 1 OFFSET (:page::bigint - 1) * :size::bigint
)
SELECT (SELECT json_agg(autoflow.location_json(
                   item, :superuser::boolean
                         OR (item).created_by = :user_id::uuid))
          FROM (SELECT item FROM page LIMIT :size::bigint) AS shown) AS data,
       CASE WHEN :position::text IS NULL THEN
           (SELECT count(*) FROM (SELECT FROM found LIMIT 10001) AS few)
       END AS total,
       (SELECT id || autoflow.rfc3339(moment)
          FROM page
        OFFSET :size::bigint) AS next;
