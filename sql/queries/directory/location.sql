-- A location.
--
-- reads
-- columns: json json
--
-- :id
-- :user_id, :superuser         the requesting user
--
-- json         no row: not readable

SELECT autoflow.location_json(
           item, :superuser::boolean
                 OR (item).created_by = :user_id::uuid) AS json
  FROM autoflow.readable_locations(
           :user_id::uuid, :superuser::boolean, true)
 WHERE id = :id::uuid;
