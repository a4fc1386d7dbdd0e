-- A list of accounts.
--
-- What doesn't apply is gone from the plan, since the values are known to it:
-- what is left of ORDER BY is the order of one index.
--
-- planned anew
--
-- :q                   in the address, the username or the name; may be null
-- :is_active, :role    may be null
-- :include_inactive    true: with deleted ones
-- :sort                a field's name; descending if "-" is before it
-- :page, :size
--
-- json         a list of Users

WITH found AS NOT MATERIALIZED (
    SELECT u AS account
      FROM autoflow.users u
      LEFT JOIN autoflow.user_names n
        ON n.user_id = u.id
       AND names ILIKE '%' || regexp_replace(:q::text, '([\\%_])', '\\\1', 'g')
                       || '%'
     WHERE (:q::text IS NULL OR n.user_id IS NOT NULL)
       AND (:role::text IS NULL
            OR u.id = ANY (ARRAY(
                   SELECT user_id
                     FROM autoflow.user_roles
                     JOIN autoflow.roles r ON r.id = role_id
                    WHERE name = :role::text)))
       AND (:is_active::boolean IS NULL OR u.is_active = :is_active::boolean)
       AND (coalesce(:include_inactive::boolean, false)
            OR u.deleted_at IS NULL)
), page AS (
    SELECT account
      FROM found
     ORDER BY CASE :sort::text WHEN 'created_at'
                  THEN (account).created_at END,
              CASE :sort::text WHEN '-created_at'
                  THEN (account).created_at END DESC,
              CASE :sort::text WHEN 'email'
                  THEN lower((account).email COLLATE "C") END,
              CASE :sort::text WHEN '-email'
                  THEN lower((account).email COLLATE "C") END DESC,
              CASE :sort::text WHEN 'username'
                  THEN lower((account).username COLLATE "C") END NULLS FIRST,
              CASE :sort::text WHEN '-username'
                  THEN lower((account).username COLLATE "C") END
                  DESC NULLS LAST,
              CASE :sort::text WHEN 'last_login_at'
                  THEN (account).last_login_at END NULLS FIRST,
              CASE :sort::text WHEN '-last_login_at'
                  THEN (account).last_login_at END DESC NULLS LAST,
              CASE WHEN :sort::text NOT LIKE '-%' THEN (account).id END,
              (account).id DESC
     LIMIT :size::bigint OFFSET (:page::bigint - 1) * :size::bigint
)
SELECT autoflow.list_json(
           (SELECT json_agg(autoflow.user_json(account)) FROM page),
           (SELECT count(*) FROM found),
           :page::bigint, :size::bigint) AS json;
