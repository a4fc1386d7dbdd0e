-- Locks a location for a statement behind this one in its transaction.
--
-- writes
-- columns: id uuid
--
-- :id
--
-- id           no row: there is none

SELECT id
  FROM autoflow.locations
 WHERE id = :id::uuid
   FOR NO KEY UPDATE;
