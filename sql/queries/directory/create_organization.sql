-- Creates an organization.
--
-- writes
-- columns: errors json, json json
--
-- :body                its fields
-- :user_id             the requesting user
-- :superuser
--
-- errors       for a reference to what is not readable
-- json         Organization; or directory_bounded, organizations_name_key
--              violated

WITH wanted AS (
    SELECT *
      FROM jsonb_populate_record(NULL::autoflow.organizations, :body::jsonb)
), wrong AS (
    SELECT CASE WHEN NOT autoflow.location_refers(
                         location_id, :user_id::uuid, :superuser::boolean)
                THEN autoflow.reference_errors('location_id') END AS errors
      FROM wanted
), added AS (
    INSERT INTO autoflow.organizations
           (created_by, name, description, website_url, industry, location_id)
    SELECT :user_id::uuid, name, description, website_url, industry,
           location_id
      FROM wanted, wrong
     WHERE errors IS NULL
    RETURNING organizations AS item
)
SELECT errors, autoflow.organization_json(added.item, true) AS json
  FROM wrong
  LEFT JOIN added ON true;
