-- Changes or replaces an organization, which is locked.
--
-- writes
-- columns: problem text, errors json, json json
--
-- :id
-- :body                the fields that change
-- :replace             true: other fields are reset
-- :user_id, :superuser         the requesting user
--
-- problem      forbidden: readable, but not writable; no row: neither
-- errors       for a reference to what is not readable
-- json         Organization; or organizations_name_key violated

WITH target AS MATERIALIZED (
    SELECT readable.id, n AS wanted,
           :superuser::boolean
           OR coalesce((item).created_by = :user_id::uuid, false)
               AS may_write,
           CASE WHEN n.location_id IS DISTINCT FROM (item).location_id
                     AND NOT autoflow.location_refers(
                         n.location_id, :user_id::uuid, :superuser::boolean)
                THEN autoflow.reference_errors('location_id') END AS errors
      FROM autoflow.readable_organizations(
               :user_id::uuid, :superuser::boolean, false) AS readable,
           LATERAL jsonb_populate_record(
               CASE WHEN NOT :replace::boolean THEN item END,
               :body::jsonb) AS n
     WHERE readable.id = :id::uuid
), after AS (
    UPDATE autoflow.organizations AS o
       SET name = (wanted).name,
           description = (wanted).description,
           website_url = (wanted).website_url,
           industry = (wanted).industry,
           location_id = (wanted).location_id,
           updated_at = now()
      FROM target
     WHERE o.id = target.id
       AND may_write
       AND errors IS NULL
    RETURNING o AS item
)
SELECT CASE WHEN NOT may_write THEN 'forbidden' END AS problem,
       CASE WHEN may_write THEN errors END AS errors,
       autoflow.organization_json(after.item, true) AS json
  FROM target
  LEFT JOIN after ON true;
