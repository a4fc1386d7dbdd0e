-- A list of accounts.
--
-- Conditions that don't apply drop out of the plan, which is made for the
-- actual values: the rest of ORDER BY is the order of one index, and a position
-- is where a scan of it begins.
--
-- reads
-- custom plan
-- wide
-- stale
-- columns: data json, total bigint, next text
--
-- :q                   in the address, the username or the name; may be null
-- :is_active, :is_superuser, :has_factors, :role       may be null
-- :include_inactive    true: with deleted ones
-- :sort                a field's name
-- :descending          whether the order is descending
-- :position            the id and sort key to begin with; may be null
-- :page, :size
-- :dialect             of user_as()
--
-- data         Users
-- total        of all matches, counted to 10001; null with a position
-- next         the position of the next page, if any

WITH found AS NOT MATERIALIZED (
    SELECT u AS account,
           u.id,
           CASE :sort::text
               WHEN 'created_at' THEN u.created_at
               WHEN 'last_login_at' THEN coalesce(u.last_login_at, '-infinity')
           END AS moment,
           CASE :sort::text
               WHEN 'email' THEN lower(u.email COLLATE "C")
               WHEN 'username' THEN coalesce(lower(u.username COLLATE "C"), '')
           END AS name
      FROM autoflow.users u
      LEFT JOIN autoflow.user_names n
        ON n.user_id = u.id
       AND names ILIKE '%' || regexp_replace(:q::text, '([\\%_])', '\\\1', 'g')
                       || '%'
      LEFT JOIN autoflow.user_roles m
        ON m.user_id = u.id AND role_id = autoflow.role_id(:role::text)
      LEFT JOIN (SELECT DISTINCT user_id
                   FROM autoflow.factors
                  WHERE confirmed_at IS NOT NULL) AS f
        ON f.user_id = u.id
     WHERE (:q::text IS NULL OR n.user_id IS NOT NULL)
       AND (:has_factors::boolean IS NULL
            OR (f.user_id IS NOT NULL) = :has_factors::boolean)
       AND (:role::text IS NULL OR m.user_id IS NOT NULL)
       AND (:is_active::boolean IS NULL OR u.is_active = :is_active::boolean)
       AND (:is_superuser::boolean IS NULL
            OR u.is_superuser = :is_superuser::boolean)
       AND (coalesce(:include_inactive::boolean, false)
            OR u.deleted_at IS NULL)
), page AS (
    SELECT *
      FROM found
     WHERE :position::text IS NULL
        OR CASE
               WHEN :sort::text IN ('created_at', 'last_login_at')
                    AND :descending::boolean
               THEN (moment, id) <= (substr(:position::text, 37)::timestamptz,
                                     left(:position::text, 36)::uuid)
               WHEN :sort::text IN ('created_at', 'last_login_at')
               THEN (moment, id) >= (substr(:position::text, 37)::timestamptz,
                                     left(:position::text, 36)::uuid)
               WHEN NOT :descending::boolean
               THEN (name, id) >= (substr(:position::text, 37) COLLATE "C",
                                   left(:position::text, 36)::uuid)
               ELSE (name, id) <= (substr(:position::text, 37) COLLATE "C",
                                   left(:position::text, 36)::uuid)
           END
     ORDER BY CASE WHEN NOT :descending::boolean THEN moment END,
              CASE WHEN NOT :descending::boolean THEN name END,
              CASE WHEN NOT :descending::boolean THEN id END,
              moment DESC, name DESC, id DESC
     LIMIT :size::bigint + 1 OFFSET (:page::bigint - 1) * :size::bigint
)
SELECT (SELECT json_agg(autoflow.user_as(:dialect::text, account))
          FROM (SELECT account FROM page LIMIT :size::bigint) AS shown) AS data,
       CASE WHEN :position::text IS NULL THEN
           (SELECT count(*) FROM (SELECT FROM found LIMIT 10001) AS few)
       END AS total,
       (SELECT id || coalesce(name, autoflow.rfc3339(moment), '-infinity')
          FROM page
        OFFSET :size::bigint) AS next;
