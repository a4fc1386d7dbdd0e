-- Locks the accounts that have a role, in the order in which all do, for a
-- statement behind this one in its transaction.
--
-- :id          the role's
--
-- count

WITH members AS (
    SELECT u.id
      FROM autoflow.users u
      JOIN autoflow.user_roles m ON m.user_id = u.id
     WHERE m.role_id = :id::uuid
     ORDER BY u.id
       FOR NO KEY UPDATE OF u
)
SELECT count(*)
  FROM members;
