-- Rows of "ok" or "problem", what it is, and what to do: whether all that is sealed
-- can be opened.
--
-- :keys    with which the seals of the configured keys begin, separated by commas

WITH sealed AS (
    SELECT 'secrets of apps' AS what, left(sealed_seed, 13) AS key
      FROM autoflow.factors
     WHERE starts_with(sealed_seed, '$sealed$')
     UNION ALL
    SELECT 'passwords', left(password_hash, 13)
      FROM autoflow.users
     WHERE starts_with(password_hash, '$sealed$')
), closed AS (
    SELECT what, key, count(*) AS n
      FROM sealed
     WHERE key <> ALL (string_to_array(:'keys', ','))
     GROUP BY what, key
)
SELECT CASE
    WHEN count(*) = 0
    THEN 'ok|an autoflow_seal_key opens whatever is sealed'
    ELSE
        format('problem|no autoflow_seal_key opens %s|put the key back, behind the '
               'others; if it is lost, so are these: see keys.md',
               string_agg(format('%s: %s by the key %s', what, n, key), ', '
                          ORDER BY what, key))
    END
  FROM closed;
