-- Locks the profile of a job, and then the job, for a later statement of its
-- transaction.
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
                   FROM autoflow.employments
                  WHERE id = :id::uuid)
       FOR NO KEY UPDATE
)
SELECT e.id
  FROM autoflow.employments AS e, profile
 WHERE e.id = :id::uuid
   FOR NO KEY UPDATE OF e;
