-- By which keys what is stored was sealed, but for the current one: of each key
-- 10,000 rows are counted, and of each kind a hundred keys.
--
-- reads
-- columns: kind text, key text, n bigint
--
-- :seed, :hash     with which seals of the current key begin, which is not counted;
--                  null: there is none
--
-- kind         seed: of a factor; hash: of a password

WITH RECURSIVE seed AS (
    (SELECT left(sealed_seed, 13) COLLATE "C" AS key, 1 AS place
       FROM autoflow.factors
      WHERE starts_with(sealed_seed, '$sealed$')
      ORDER BY left(sealed_seed, 13) COLLATE "C", id
      LIMIT 1)
     UNION ALL
    SELECT (SELECT left(sealed_seed, 13) COLLATE "C"
              FROM autoflow.factors
             WHERE starts_with(sealed_seed, '$sealed$')
               AND left(sealed_seed, 13) COLLATE "C" > seed.key
             ORDER BY left(sealed_seed, 13) COLLATE "C", id
             LIMIT 1), place + 1
      FROM seed
     WHERE key IS NOT NULL
       AND place <= 100
), hash AS (
    (SELECT left(password_hash, 13) COLLATE "C" AS key, 1 AS place
       FROM autoflow.users
      WHERE starts_with(password_hash, '$sealed$')
      ORDER BY left(password_hash, 13) COLLATE "C", id
      LIMIT 1)
     UNION ALL
    SELECT (SELECT left(password_hash, 13) COLLATE "C"
              FROM autoflow.users
             WHERE starts_with(password_hash, '$sealed$')
               AND left(password_hash, 13) COLLATE "C" > hash.key
             ORDER BY left(password_hash, 13) COLLATE "C", id
             LIMIT 1), place + 1
      FROM hash
     WHERE key IS NOT NULL
       AND place <= 100
)
-- the upper bound is outside: whatever the planner believes, 10,000 rows are read
SELECT 'seed' AS kind, key,
       (SELECT count(*)
          FROM (SELECT left(sealed_seed, 13) AS key
                  FROM autoflow.factors
                 WHERE starts_with(sealed_seed, '$sealed$')
                   AND left(sealed_seed, 13) COLLATE "C" >= seed.key
                 ORDER BY left(sealed_seed, 13) COLLATE "C", id
                 LIMIT 10000) AS f
         WHERE f.key = seed.key) AS n
  FROM seed
 WHERE key IS DISTINCT FROM :seed::text
   AND key IS NOT NULL
 UNION ALL
SELECT 'hash', key,
       (SELECT count(*)
          FROM (SELECT left(password_hash, 13) AS key
                  FROM autoflow.users
                 WHERE starts_with(password_hash, '$sealed$')
                   AND left(password_hash, 13) COLLATE "C" >= hash.key
                 ORDER BY left(password_hash, 13) COLLATE "C", id
                 LIMIT 10000) AS u
         WHERE u.key = hash.key)
  FROM hash
 WHERE key IS DISTINCT FROM :hash::text
   AND key IS NOT NULL;
