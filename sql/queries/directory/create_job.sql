-- Adds a job to a profile.
--
-- writes
-- columns: problem text, errors json, json json
--
-- :id                  of the profile; null: that of :profile_id; both null:
--                      the user's own
-- :profile_id
-- :body                its fields
-- :user_id, :superuser         the requesting user
--
-- problem      forbidden: the profile is readable, but not writable; no row:
--              neither
-- errors       for a reference to what is not readable
-- json         Job; or directory_bounded violated

WITH wanted AS (
    SELECT *
      FROM jsonb_populate_record(NULL::autoflow.employments, :body::jsonb)
), target AS MATERIALIZED (
    SELECT id,
           :superuser::boolean OR (item).user_id = :user_id::uuid
               AS may_write
      FROM autoflow.readable_profiles(:user_id::uuid, :superuser::boolean,
                                      false)
     WHERE id = coalesce(:id::uuid, :profile_id::uuid,
                         (SELECT id
                            FROM autoflow.profiles
                           WHERE user_id = :user_id::uuid))
), wrong AS (
    SELECT CASE WHEN target.id IS NULL
                THEN autoflow.reference_errors('profile_id')
                WHEN may_write
                     AND NOT autoflow.organization_refers(
                         wanted.organization_id, :user_id::uuid,
                         :superuser::boolean)
                THEN autoflow.reference_errors('organization_id') END AS errors
      FROM wanted
      LEFT JOIN target ON true
), added AS (
    INSERT INTO autoflow.employments
           (profile_id, title, company, organization_id, industry, start_date,
            end_date)
    SELECT target.id, wanted.title, wanted.company, wanted.organization_id,
           wanted.industry, wanted.start_date, wanted.end_date
      FROM target, wanted, wrong
     WHERE may_write
       AND errors IS NULL
    RETURNING employments AS item
)
SELECT CASE WHEN NOT may_write THEN 'forbidden' END AS problem,
       errors,
       autoflow.employment_json(added.item) AS json
  FROM wrong
  LEFT JOIN target ON true
  LEFT JOIN added ON true
 WHERE target.id IS NOT NULL
    OR :id::uuid IS NULL;
