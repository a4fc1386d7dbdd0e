-- A list of the profiles that the user may read.
--
-- reads
-- custom plan
-- wide
-- columns: data json, total bigint, next text
--
-- :include             of "location,contacts,jobs"; may be null
-- :include_inactive    true: with deactivated ones, for superusers
-- :sort                a field's name
-- :descending          whether the order is descending
-- :position            the id and sort key to begin with; may be null
-- :page, :size
-- :user_id, :superuser         the requesting user
--
-- data         Profiles
-- total        of all matches, counted to 10001; null with a position
-- next         the position of the next page, if any

WITH found AS NOT MATERIALIZED (
    SELECT *
      FROM autoflow.readable_profiles(
               :user_id::uuid, :superuser::boolean,
               coalesce(:include_inactive::boolean, false),
               :sort::text, :descending::boolean)
), page AS (
    SELECT *
      FROM found
     WHERE :position::text IS NULL
        OR CASE
               WHEN :sort::text = 'created_at' AND :descending::boolean
               THEN (moment, id) <= (substr(:position::text, 37)::timestamptz,
                                     left(:position::text, 36)::uuid)
               WHEN :sort::text = 'created_at'
               THEN (moment, id) >= (substr(:position::text, 37)::timestamptz,
                                     left(:position::text, 36)::uuid)
               WHEN NOT :descending::boolean
               THEN (key, id) >= (substr(:position::text, 37) COLLATE "C",
                                  left(:position::text, 36)::uuid)
               ELSE (key, id) <= (substr(:position::text, 37) COLLATE "C",
                                  left(:position::text, 36)::uuid)
           END
     ORDER BY CASE WHEN :sort::text = 'created_at'
                        AND NOT :descending::boolean THEN moment END,
              CASE WHEN :sort::text <> 'created_at'
                        AND NOT :descending::boolean THEN key END,
              CASE WHEN NOT :descending::boolean THEN id END,
              CASE WHEN :sort::text = 'created_at' THEN moment END DESC,
              CASE WHEN :sort::text <> 'created_at' THEN key END DESC,
              id DESC
     LIMIT :size::bigint + 1 OFFSET (:page::bigint - 1) * :size::bigint
)
SELECT (SELECT json_agg(autoflow.profile_with(
                   item, :user_id::uuid, :superuser::boolean,
                   string_to_array(:include::text, ',')))
          FROM (SELECT item FROM page LIMIT :size::bigint) AS shown) AS data,
       CASE WHEN :position::text IS NULL THEN
           (SELECT count(*) FROM (SELECT FROM found LIMIT 10001) AS few)
       END AS total,
       (SELECT id || coalesce(key, autoflow.rfc3339(moment))
          FROM page
        OFFSET :size::bigint) AS next;
