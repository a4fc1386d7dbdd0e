-- An organization.
--
-- reads
-- columns: json json
--
-- :id
-- :user_id, :superuser         the requesting user
--
-- json         no row: not readable

SELECT autoflow.organization_json(
           item, :superuser::boolean
                 OR (item).created_by = :user_id::uuid) AS json
  FROM autoflow.readable_organizations(
           :user_id::uuid, :superuser::boolean, true)
 WHERE id = :id::uuid;
