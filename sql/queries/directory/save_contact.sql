-- Changes or replaces a contact, which is locked.
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
-- json         Contact

WITH target AS MATERIALIZED (
    SELECT readable.id, n AS wanted,
           :superuser::boolean
           OR coalesce((item).user_id = :user_id::uuid, false)
               AS may_write
      FROM autoflow.readable_contacts(
               :user_id::uuid, :superuser::boolean, false) AS readable,
           LATERAL jsonb_populate_record(
               CASE WHEN NOT :replace::boolean THEN item END,
               :body::jsonb) AS n
     WHERE readable.id = :id::uuid
), after AS (
    UPDATE autoflow.contacts AS c
       SET type = (wanted).type,
           value = (wanted).value,
           is_primary = coalesce((wanted).is_primary, false),
           updated_at = now()
      FROM target
     WHERE c.id = target.id
       AND may_write
    RETURNING c AS item
)
SELECT CASE WHEN NOT may_write THEN 'forbidden' END AS problem,
       autoflow.contact_json(after.item) AS json
  FROM target
  LEFT JOIN after ON true;
