-- An organization.
--
-- reads
-- columns: json json
--
-- :id
-- :user_id, :superuser         who reads
--
-- json         no row: one may not read it

SELECT autoflow.organization_json(
           o, :superuser::boolean OR o.created_by = :user_id::uuid) AS json
  FROM autoflow.readable_organizations(
           :user_id::uuid, :superuser::boolean, true) AS o
 WHERE o.id = :id::uuid;
