-- A list of the profiles that the user may read.
--
-- reads
-- custom plan
-- wide
-- stale
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

WITH page AS (
    SELECT *
      FROM autoflow.listed_profiles(
               :user_id::uuid, :superuser::boolean,
               coalesce(:include_inactive::boolean, false),
               :sort::text, :descending::boolean, :position::text,
               :page::bigint * :size::bigint + 1)
     ORDER BY CASE WHEN NOT :descending::boolean THEN moment END,
              CASE WHEN NOT :descending::boolean THEN key END,
              CASE WHEN NOT :descending::boolean THEN id END,
              moment DESC, key DESC, id DESC
     LIMIT :size::bigint + 1 OFFSET (:page::bigint - 1) * :size::bigint
), counted AS (
    SELECT
      FROM autoflow.listed_profiles(
               :user_id::uuid, :superuser::boolean,
               coalesce(:include_inactive::boolean, false),
               'created_at', true, NULL, 10001)
     LIMIT 10001
)
SELECT (SELECT json_agg(autoflow.profile_with(
                   item, :user_id::uuid, :superuser::boolean,
                   string_to_array(:include::text, ','), 10))
          FROM (SELECT item FROM page LIMIT :size::bigint) AS shown) AS data,
       CASE WHEN :position::text IS NULL THEN
           (SELECT count(*) FROM counted)
       END AS total,
       (SELECT id || coalesce(key, autoflow.rfc3339(moment))
          FROM page
        OFFSET :size::bigint) AS next;
