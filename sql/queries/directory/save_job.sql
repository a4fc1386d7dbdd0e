-- Changes or replaces a job, which is locked.
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
-- json         Job

WITH target AS MATERIALIZED (
    SELECT readable.id, n AS wanted,
           :superuser::boolean
           OR coalesce((item).user_id = :user_id::uuid, false)
               AS may_write,
           CASE WHEN n.organization_id IS DISTINCT FROM (item).organization_id
                     AND NOT autoflow.organization_refers(
                         n.organization_id, :user_id::uuid, :superuser::boolean)
                THEN autoflow.reference_errors('organization_id') END AS errors
      FROM autoflow.readable_employments(
               :user_id::uuid, :superuser::boolean, false) AS readable,
           LATERAL jsonb_populate_record(
               CASE WHEN NOT :replace::boolean THEN item END,
               :body::jsonb) AS n
     WHERE readable.id = :id::uuid
), after AS (
    UPDATE autoflow.employments AS e
       SET title = (wanted).title,
           company = (wanted).company,
           organization_id = (wanted).organization_id,
           industry = (wanted).industry,
           start_date = (wanted).start_date,
           end_date = (wanted).end_date,
           updated_at = now()
      FROM target
     WHERE e.id = target.id
       AND may_write
       AND errors IS NULL
    RETURNING e AS item
)
SELECT CASE WHEN NOT may_write THEN 'forbidden' END AS problem,
       CASE WHEN may_write THEN errors END AS errors,
       autoflow.employment_json(after.item) AS json
  FROM target
  LEFT JOIN after ON true;
