-- A job.
--
-- reads
-- columns: json json
--
-- :id
-- :user_id, :superuser         the requesting user
--
-- json         no row: not readable

SELECT autoflow.employment_json(item) AS json
  FROM autoflow.readable_employments(
           :user_id::uuid, :superuser::boolean, true)
 WHERE id = :id::uuid;
