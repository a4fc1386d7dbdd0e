-- Changes or replaces a location, which is locked.
--
-- writes
-- columns: problem text, json json
--
-- :id
-- :body                the fields that change
-- :replace             true: other fields are reset
-- :user_id, :superuser         the requesting user
--
-- problem      forbidden: readable, but not writable; no row: neither
-- json         Location

WITH target AS MATERIALIZED (
    SELECT readable.id, n AS wanted,
           :superuser::boolean
           OR coalesce((item).created_by = :user_id::uuid, false)
               AS may_write
      FROM autoflow.readable_locations(
               :user_id::uuid, :superuser::boolean, false) AS readable,
           LATERAL jsonb_populate_record(
               CASE WHEN NOT :replace::boolean THEN item END,
               :body::jsonb) AS n
     WHERE readable.id = :id::uuid
), after AS (
    UPDATE autoflow.locations AS l
       SET country = (wanted).country,
           state_province = (wanted).state_province,
           city = (wanted).city,
           postal_code = (wanted).postal_code,
           updated_at = now()
      FROM target
     WHERE l.id = target.id
       AND may_write
    RETURNING l AS item
)
SELECT CASE WHEN NOT may_write THEN 'forbidden' END AS problem,
       autoflow.location_json(after.item, true) AS json
  FROM target
  LEFT JOIN after ON true;
