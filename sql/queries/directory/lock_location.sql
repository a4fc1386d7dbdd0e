-- Locks a location for a later statement of its transaction.
--
-- writes
-- columns: id uuid
--
-- :id
--
-- id           no row: not found

SELECT id
  FROM autoflow.locations
 WHERE id = :id::uuid
   FOR NO KEY UPDATE;
