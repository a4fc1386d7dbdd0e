-- Replaces seals of a former key by those of the current one, which leave all else
-- as it is; and reads the next that a former key has made.
--
-- What was replaced or removed meanwhile, or is locked just now, is left alone: the
-- next round finds what is left.
--
-- writes
-- columns: id uuid, user_id uuid, sealed text
--
-- :seals       an array of {"id","old","new"}
-- :kind        of those: seed or hash
-- :next        the kind of the next; null: there are none
-- :key         with which these begin
-- :after       and the id after which they come
--
-- id           of the factor or the account; at most 50 of them

WITH seal AS MATERIALIZED (
    SELECT s.id, s.old, s.new
      FROM jsonb_to_recordset(:seals::jsonb) AS s (id uuid, old text, new text)
), seed AS MATERIALIZED (
    SELECT f.id, seal.new
      FROM seal
      JOIN autoflow.factors f ON f.id = seal.id
     WHERE f.sealed_seed = seal.old
       AND :kind::text = 'seed'
       FOR NO KEY UPDATE OF f SKIP LOCKED
), hash AS MATERIALIZED (
    SELECT u.id, seal.new
      FROM seal
      JOIN autoflow.users u ON u.id = seal.id
     WHERE u.password_hash = seal.old
       AND :kind::text = 'hash'
       FOR NO KEY UPDATE OF u SKIP LOCKED
), sealed_seed AS (
    UPDATE autoflow.factors f
       SET sealed_seed = seed.new
      FROM seed
     WHERE f.id = seed.id
), sealed_hash AS (
    -- the time tells triggers that it is the same password
    UPDATE autoflow.users u
       SET password_hash = hash.new,
           last_login_at = u.last_login_at + interval '1 microsecond'
      FROM hash
     WHERE u.id = hash.id
)
-- the upper bound is outside: whatever the planner believes, 50 rows are read
SELECT id, user_id, sealed
  FROM (SELECT id, user_id, sealed_seed AS sealed
          FROM autoflow.factors
         WHERE :next::text = 'seed'
           AND starts_with(sealed_seed, '$sealed$')
           AND (left(sealed_seed, 13) COLLATE "C", id)
               > (:key::text, :after::uuid)
         ORDER BY left(sealed_seed, 13) COLLATE "C", id
         LIMIT 50) AS f
 WHERE starts_with(sealed, :key::text)
 UNION ALL
SELECT id, id, sealed
  FROM (SELECT id, password_hash AS sealed
          FROM autoflow.users
         WHERE :next::text = 'hash'
           AND starts_with(password_hash, '$sealed$')
           AND (left(password_hash, 13) COLLATE "C", id)
               > (:key::text, :after::uuid)
         ORDER BY left(password_hash, 13) COLLATE "C", id
         LIMIT 50) AS u
 WHERE starts_with(sealed, :key::text);
