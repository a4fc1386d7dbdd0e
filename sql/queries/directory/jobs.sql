-- A list of the jobs that the user may read.
--
-- reads
-- custom plan
-- wide
-- columns: data json, total bigint, next text
--
-- :id                  a profile, to list only its own; may be null
-- :company, :industry, :current                         may be null
-- :include_inactive    true: with deactivated ones, for superusers
-- :sort                a field's name
-- :descending          whether the order is descending
-- :position            the id and sort key to begin with; may be null
-- :page, :size
-- :user_id, :superuser         the requesting user
--
-- data         Jobs; no row: the profile is not readable
-- total        of all matches, counted to 10001; null with a position
-- next         the position of the next page, if any

WITH found AS NOT MATERIALIZED (
    SELECT *
      FROM autoflow.readable_employments(
               :user_id::uuid, :superuser::boolean,
               coalesce(:include_inactive::boolean, false),
               :sort::text, :descending::boolean)
     WHERE (:id::uuid IS NULL OR (item).profile_id = :id::uuid)
       AND (:company::text IS NULL
            OR lower((item).company COLLATE "C")
               = lower(:company::text COLLATE "C"))
       AND (:industry::text IS NULL
            OR lower((item).industry COLLATE "C")
               = lower(:industry::text COLLATE "C"))
       AND CASE :current::boolean
           WHEN true THEN (item).end_date IS NULL
           WHEN false THEN (item).end_date IS NOT NULL
           ELSE true END
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
               THEN (key, id) >= (substr(:position::text, 37)::date,
                                  left(:position::text, 36)::uuid)
               ELSE (key, id) <= (substr(:position::text, 37)::date,
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
SELECT (SELECT json_agg(autoflow.employment_json(item))
          FROM (SELECT item FROM page LIMIT :size::bigint) AS shown) AS data,
       CASE WHEN :position::text IS NULL THEN
           (SELECT count(*) FROM (SELECT FROM found LIMIT 10001) AS few)
       END AS total,
       (SELECT id || coalesce(key::text, autoflow.rfc3339(moment))
          FROM page
        OFFSET :size::bigint) AS next
 WHERE :id::uuid IS NULL
    OR EXISTS (SELECT
                 FROM autoflow.readable_profiles(:user_id::uuid,
                                                 :superuser::boolean, true)
                WHERE id = :id::uuid);
