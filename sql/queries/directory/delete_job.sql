-- Deactivates a job, which is locked.
--
-- writes
-- columns: problem text
--
-- :id
-- :user_id, :superuser         the requesting user
--
-- problem      forbidden: readable, but not writable; no row: neither

WITH target AS MATERIALIZED (
    SELECT id,
           :superuser::boolean
           OR coalesce((item).user_id = :user_id::uuid, false) AS may_write
      FROM autoflow.readable_employments(
               :user_id::uuid, :superuser::boolean, false)
     WHERE id = :id::uuid
), after AS (
    UPDATE autoflow.employments AS e
       SET is_active = false,
           deactivated_at = now(),
           updated_at = now()
      FROM target
     WHERE e.id = target.id
       AND may_write
)
SELECT CASE WHEN NOT may_write THEN 'forbidden' END AS problem
  FROM target;
