-- Locks an organization for a statement behind this one in its transaction.
--
-- writes
-- columns: id uuid
--
-- :id
--
-- id           no row: there is none

SELECT id
  FROM autoflow.organizations
 WHERE id = :id::uuid
   FOR NO KEY UPDATE;
