-- Locks a profile for a later statement of its transaction.
--
-- writes
-- columns: id uuid
--
-- :self                true: that of :user_id
-- :id                  otherwise its id
-- :user_id
--
-- id           no row: not found

SELECT id
  FROM autoflow.profiles
 WHERE id = (SELECT CASE WHEN :self::boolean
                  THEN (SELECT id
                          FROM autoflow.profiles
                         WHERE user_id = :user_id::uuid)
                  ELSE :id::uuid END)
   FOR NO KEY UPDATE;
