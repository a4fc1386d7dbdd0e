-- Locks the profile of a contact, and then the contact, for a later statement
-- of its transaction.
--
-- writes
-- columns: id uuid
--
-- :id
--
-- id           no row: not found

WITH profile AS MATERIALIZED (
    SELECT id
      FROM autoflow.profiles
     WHERE id = (SELECT profile_id
                   FROM autoflow.contacts
                  WHERE id = :id::uuid)
       FOR NO KEY UPDATE
)
SELECT c.id
  FROM autoflow.contacts AS c, profile
 WHERE c.id = :id::uuid
   FOR NO KEY UPDATE OF c;
