-- A list of the organizations that one may read.
--
-- reads
-- planned anew
-- wide
-- columns: data json, total bigint, next text
--
-- :q                   in the name; may be null
-- :industry            may be null
-- :include_inactive    true: superusers read what was deactivated, too
-- :sort                a field's name
-- :descending          whether the greatest comes first
-- :position            an id and a key of the sort, to begin with; may be null
-- :page, :size
-- :user_id, :superuser         who reads
--
-- data         Organizations
-- total        of all that fit, counted to 10001; null with a position
-- next         the position of the page behind this one, if there is one

WITH found AS NOT MATERIALIZED (
    SELECT *
      FROM autoflow.readable_organizations(
               :user_id::uuid, :superuser::boolean,
               coalesce(:include_inactive::boolean, false),
               :sort::text, :descending::boolean)
     WHERE (:q::text IS NULL
            OR (item).name ILIKE '%' || regexp_replace(:q::text, '([\\%_])',
                                                  '\\\1', 'g') || '%')
       AND (:industry::text IS NULL
            OR lower((item).industry COLLATE "C")
               = lower(:industry::text COLLATE "C"))
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
SELECT (SELECT json_agg(autoflow.organization_json(
                   item, :superuser::boolean
                         OR (item).created_by = :user_id::uuid))
          FROM (SELECT item FROM page LIMIT :size::bigint) AS shown) AS data,
       CASE WHEN :position::text IS NULL THEN
           (SELECT count(*) FROM (SELECT FROM found LIMIT 10001) AS few)
       END AS total,
       (SELECT id || coalesce(key, autoflow.rfc3339(moment))
          FROM page
        OFFSET :size::bigint) AS next;
