-- Locks an account for a statement behind this one in its transaction, which
-- then sees what it has now.
--
-- writes
-- columns: id uuid
--
-- :id
--
-- id           no row: there is none

SELECT id
  FROM autoflow.users
 WHERE id = :id::uuid
   FOR NO KEY UPDATE;
