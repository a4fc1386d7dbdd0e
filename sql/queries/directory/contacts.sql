-- A list of the contacts that one may read.
--
-- reads
-- planned anew
-- wide
-- columns: data json, total bigint, next text
--
-- :id                  of a profile, whose alone are listed; may be null
-- :type                may be null
-- :include_inactive    true: superusers read what was deactivated, too
-- :sort                a field's name
-- :descending          whether the greatest comes first
-- :position            an id and a key of the sort, to begin with; may be null
-- :page, :size
-- :user_id, :superuser         who reads
--
-- data         Contacts; no row: one may not read the profile
-- total        of all that fit, counted to 10001; null with a position
-- next         the position of the page behind this one, if there is one

WITH found AS NOT MATERIALIZED (
    SELECT *
      FROM autoflow.readable_contacts(
               :user_id::uuid, :superuser::boolean,
               coalesce(:include_inactive::boolean, false),
               :sort::text, :descending::boolean)
     WHERE (:id::uuid IS NULL OR (item).profile_id = :id::uuid)
       AND (:type::text IS NULL OR (item).type = :type::text)
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
SELECT (SELECT json_agg(autoflow.contact_json(item))
          FROM (SELECT item FROM page LIMIT :size::bigint) AS shown) AS data,
       CASE WHEN :position::text IS NULL THEN
           (SELECT count(*) FROM (SELECT FROM found LIMIT 10001) AS few)
       END AS total,
       (SELECT id || autoflow.rfc3339(moment)
          FROM page
        OFFSET :size::bigint) AS next
 WHERE :id::uuid IS NULL
    OR EXISTS (SELECT
                 FROM autoflow.readable_profiles(:user_id::uuid,
                                                 :superuser::boolean, true)
                WHERE id = :id::uuid);
