-- Locks a profile for a statement behind this one in its transaction.
--
-- writes
-- columns: id uuid
--
-- :self                true: that of :user_id
-- :id                  else, its id
-- :user_id
--
-- id           no row: there is none

SELECT id
  FROM autoflow.profiles
 WHERE id = (SELECT CASE WHEN :self::boolean
                  THEN (SELECT id
                          FROM autoflow.profiles
                         WHERE user_id = :user_id::uuid)
                  ELSE :id::uuid END)
   FOR NO KEY UPDATE;
