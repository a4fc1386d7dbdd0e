-- Locks an account for a later statement of its transaction, which then sees
-- its current state.
--
-- writes
-- columns: id uuid
--
-- :id
--
-- id           no row: not found

SELECT id
  FROM autoflow.users
 WHERE id = :id::uuid
   FOR NO KEY UPDATE;
