-- Changes or replaces a profile, which is locked.
--
-- writes
-- columns: problem text, errors json, json json
--
-- :self                true: that of the requesting user
-- :id                  otherwise its id
-- :body                the fields that change
-- :replace             true: other fields are reset
-- :user_id, :superuser         the requesting user
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- problem      forbidden: readable, but not writable; no row: neither
-- errors       for a reference to what is not readable, or no longer, if the
--              profile becomes public
-- json         Profile

WITH target AS MATERIALIZED (
    SELECT item AS before, n AS wanted,
           :superuser::boolean OR (item).user_id = :user_id::uuid
               AS may_write,
           CASE WHEN (n.location_id IS DISTINCT FROM (item).location_id
                      OR (n.is_public AND NOT (item).is_public
                          AND EXISTS (SELECT
                                        FROM autoflow.locations
                                       WHERE id = n.location_id
                                         AND is_active)))
                     AND NOT autoflow.location_refers(
                         n.location_id, :user_id::uuid, :superuser::boolean)
                THEN autoflow.reference_errors('location_id') END AS errors
      FROM autoflow.readable_profiles(
               :user_id::uuid, :superuser::boolean, false) AS readable,
           LATERAL jsonb_populate_record(
               CASE WHEN NOT :replace::boolean THEN item END,
               :body::jsonb) AS n
     WHERE readable.id = (SELECT CASE WHEN :self::boolean
                            THEN (SELECT id
                                    FROM autoflow.profiles
                                   WHERE user_id = :user_id::uuid)
                            ELSE :id::uuid END)
), after AS (
    UPDATE autoflow.profiles AS p
       SET first_name = (wanted).first_name,
           last_name = (wanted).last_name,
           date_of_birth = (wanted).date_of_birth,
           gender = (wanted).gender,
           location_id = (wanted).location_id,
           bio = (wanted).bio,
           profile_picture_url = (wanted).profile_picture_url,
           is_public = coalesce((wanted).is_public, false),
           allow_contact = coalesce((wanted).allow_contact, false),
           updated_at = now()
      FROM target
     WHERE p.id = (before).id
       AND may_write
       AND errors IS NULL
    RETURNING p AS item
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT :user_id::uuid, 'profile_visibility_changed', (item).user_id,
           :ip_address::inet, :user_agent::text, :request_id::text,
           :trace_id::text,
           jsonb_build_object('is_public', (item).is_public,
                              'allow_contact', (item).allow_contact)
      FROM target, after
     WHERE ((before).is_public, (before).allow_contact)
           IS DISTINCT FROM ((item).is_public, (item).allow_contact)
)
SELECT CASE WHEN NOT may_write THEN 'forbidden' END AS problem,
       CASE WHEN may_write THEN errors END AS errors,
       autoflow.profile_json(after.item) AS json
  FROM target
  LEFT JOIN after ON true;
