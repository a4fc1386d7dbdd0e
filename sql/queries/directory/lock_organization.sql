-- Locks an organization for a later statement of its transaction.
--
-- writes
-- columns: id uuid
--
-- :id
--
-- id           no row: not found

SELECT id
  FROM autoflow.organizations
 WHERE id = :id::uuid
   FOR NO KEY UPDATE;
