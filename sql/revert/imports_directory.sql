-- Revert autoflow:imports_directory from pg

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.import_profile_problems(profile jsonb) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN profile = '{}' THEN '{}' ELSE
    ARRAY(
    SELECT 'profile.' || name || ' format'
      FROM (VALUES
          ('first_name', autoflow.is_name(profile->>'first_name')),
          ('last_name', autoflow.is_name(profile->>'last_name')),
          ('gender', autoflow.is_name(profile->>'gender')),
          ('bio', autoflow.is_text(replace(profile->>'bio', E'\r\n', E'\n'),
                                   0, 10000)),
          ('profile_picture_url',
           autoflow.is_text(profile->>'profile_picture_url', 1, 10000)
           AND profile->>'profile_picture_url' COLLATE "C" ~*
               '^https?://[^\s]+$'),
          ('date_of_birth',
           autoflow.import_date(profile->>'date_of_birth') IS NOT NULL),
          ('is_public',
           autoflow.import_boolean(profile->>'is_public') IS NOT NULL),
          ('allow_contact',
           autoflow.import_boolean(profile->>'allow_contact') IS NOT NULL))
          AS v (name, good)
     WHERE nullif(profile->>name, '') IS NOT NULL
       AND NOT good) END;

CREATE OR REPLACE FUNCTION autoflow.import_batch(import_id uuid, after bigint, rows jsonb)
RETURNS TABLE (number bigint, outcome text, user_id uuid, problems text[],
               dropped text[])
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan    -- the tables grow meanwhile
AS $$
#variable_conflict use_column
DECLARE
    import  autoflow.imports;
    batch   autoflow.import_row[];
    made    uuid[];
BEGIN
    SELECT * INTO import
      FROM autoflow.imports i
     WHERE i.id = import_id
       FOR NO KEY UPDATE;

    IF import.position IS DISTINCT FROM after OR import.finished_at IS NOT NULL
    THEN
        RAISE EXCEPTION 'the import isn''t at %, but at %: is there another one?',
                        after, import.position
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    batch := ARRAY(SELECT r
                     FROM autoflow.import_read(import.source, rows,
                                               import.options) AS r);

    PERFORM autoflow.import_roles(import.id, ARRAY(
        SELECT DISTINCT name
          FROM unnest(batch) AS b,
               unnest(b.roles) AS name
         WHERE autoflow.import_creates(b)));
    made := autoflow.import_insert(import, batch);

    -- a second row with one address, and the like
    IF cardinality(made) < (SELECT count(*)
                              FROM unnest(batch) AS b
                             WHERE autoflow.import_creates(b))
    THEN
        batch := ARRAY(SELECT autoflow.import_conflict(import, b, made)
                         FROM unnest(batch) AS b);
    END IF;

    UPDATE autoflow.imports i
       SET position = i.position + cardinality(batch),
           created = i.created + cardinality(made),
           known = i.known + n.known,
           skipped = i.skipped + n.skipped,
           refused = i.refused + n.refused,
           superusers = i.superusers + n.superusers,
           updated_at = now()
      FROM (SELECT count(*) FILTER (WHERE o = 'known') AS known,
                   count(*) FILTER (WHERE o = 'skipped') AS skipped,
                   count(*) FILTER (WHERE o = 'refused') AS refused,
                   count(*) FILTER (WHERE o = 'created' AND b.is_superuser)
                       AS superusers
              FROM unnest(batch) AS b,
                   LATERAL autoflow.import_outcome(b) AS o) AS n
     WHERE i.id = import.id;

    RETURN QUERY
        SELECT b.number, o,
               CASE o WHEN 'created' THEN b.id
                      WHEN 'known'
                      THEN nullif(b.known,
                                  '00000000-0000-0000-0000-000000000000') END,
               CASE o WHEN 'refused' THEN b.problems ELSE '{}' END,
               CASE o WHEN 'created' THEN b.dropped ELSE '{}' END
          FROM unnest(batch) AS b,
               LATERAL autoflow.import_outcome(b) AS o;
END
$$;

CREATE OR REPLACE FUNCTION autoflow.export_account(account autoflow.users) RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN json_strip_nulls(row_to_json(line))
      FROM (SELECT account.id,
                   account.email,
                   CASE WHEN autoflow.email_key(account.email) IS NULL
                        THEN account.email_key END AS email_key,
                   account.email_verified,
                   autoflow.rfc3339(account.verified_at) AS verified_at,
                   account.username,
                   account.full_name,
                   account.bio,
                   account.password_hash,
                   account.is_active,
                   account.is_superuser,
                   autoflow.role_names(account.id) AS roles,
                   autoflow.rfc3339(account.created_at) AS created_at,
                   autoflow.rfc3339(account.updated_at) AS updated_at,
                   autoflow.rfc3339(account.last_login_at) AS last_login_at,
                   (SELECT row_to_json(p)
                      FROM (SELECT first_name, last_name, date_of_birth,
                                   gender, bio, profile_picture_url, is_public,
                                   allow_contact
                              FROM autoflow.profiles
                             WHERE user_id = account.id) AS p) AS profile
           ) AS line;
END
$$;


DROP FUNCTION
    autoflow.export_jobs(uuid),
    autoflow.export_contacts(uuid),
    autoflow.export_location(uuid),
    autoflow.import_directory(autoflow.import_row[], uuid[]),
    autoflow.import_directory_problems(jsonb);

COMMIT;
