-- A list of the locations that the user may read.
--
-- reads
-- custom plan
-- wide
-- stale
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

WITH page AS (
    SELECT *
      FROM autoflow.listed_locations(
               :user_id::uuid, :superuser::boolean,
               coalesce(:include_inactive::boolean, false),
               :sort::text, :descending::boolean, :position::text,
               :page::bigint * :size::bigint + 1,
               :country::text, :city::text)
     ORDER BY CASE WHEN NOT :descending::boolean THEN moment END,
              CASE WHEN NOT :descending::boolean THEN id END,
              moment DESC, id DESC
     LIMIT :size::bigint + 1 OFFSET (:page::bigint - 1) * :size::bigint
), counted AS (
    SELECT
      FROM autoflow.listed_locations(
               :user_id::uuid, :superuser::boolean,
               coalesce(:include_inactive::boolean, false),
               'created_at', true, NULL, 10001,
               :country::text, :city::text)
     LIMIT 10001
)
SELECT (SELECT json_agg(autoflow.location_json(
                   item, :superuser::boolean
                         OR (item).created_by = :user_id::uuid))
          FROM (SELECT item FROM page LIMIT :size::bigint) AS shown) AS data,
       CASE WHEN :position::text IS NULL THEN
           (SELECT count(*) FROM counted)
       END AS total,
       (SELECT id || autoflow.rfc3339(moment)
          FROM page
        OFFSET :size::bigint) AS next;
