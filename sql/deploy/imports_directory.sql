-- Deploy autoflow:imports_directory to pg
-- requires: imports_shown
--
-- Profiles are imported and exported with their location, contacts and jobs.

BEGIN;

-- What is wrong with the location, the contacts and the jobs of a profile, each
-- as a whole.

CREATE FUNCTION autoflow.import_directory_problems(profile jsonb)
RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    location  CONSTANT jsonb := coalesce(profile->'location', 'null');
    contacts  CONSTANT jsonb := coalesce(nullif(profile->'contacts', 'null'),
                                         '[]');
    jobs      CONSTANT jsonb := coalesce(nullif(profile->'jobs', 'null'), '[]');
BEGIN
    RETURN array_remove(ARRAY[
        CASE WHEN location <> 'null'
                  AND (jsonb_typeof(location) <> 'object'
                       OR autoflow.is_name(location->>'country') IS NOT TRUE
                       OR NOT autoflow.is_name(location->>'state_province')
                       OR NOT autoflow.is_name(location->>'city')
                       OR NOT autoflow.is_name(location->>'postal_code'))
             THEN 'profile.location format' END,
        CASE WHEN jsonb_typeof(contacts) <> 'array'
             THEN 'profile.contacts format'
             WHEN jsonb_array_length(contacts) > 100
             THEN 'profile.contacts length'
             WHEN EXISTS (SELECT
                            FROM jsonb_array_elements(contacts) AS c
                           WHERE (c->>'type' IN ('phone', 'email', 'website',
                                                 'social', 'other')
                                  AND autoflow.is_name(c->>'value'))
                                 IS NOT TRUE)
             THEN 'profile.contacts format' END,
        CASE WHEN jsonb_typeof(jobs) <> 'array' THEN 'profile.jobs format'
             WHEN jsonb_array_length(jobs) > 100 THEN 'profile.jobs length'
             WHEN EXISTS (SELECT
                            FROM jsonb_array_elements(jobs) AS j
                           WHERE (autoflow.is_name(j->>'title')
                                  AND autoflow.is_name(j->>'company'))
                                 IS NOT TRUE
                              OR NOT autoflow.is_name(j->>'industry')
                              OR (j->>'start_date' IS NOT NULL
                                  AND autoflow.import_date(j->>'start_date')
                                      IS NULL)
                              OR (j->>'end_date' IS NOT NULL
                                  AND autoflow.import_date(j->>'end_date')
                                      IS NULL)
                              OR autoflow.import_date(j->>'end_date')
                                 < autoflow.import_date(j->>'start_date'))
             THEN 'profile.jobs format' END], NULL);
END
$$;

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
       AND NOT good)
    || autoflow.import_directory_problems(profile) END;


-- Inserts the locations, contacts and jobs of accounts that were created.  Of
-- several primary contacts of one type the first is it.

CREATE FUNCTION autoflow.import_directory(batch autoflow.import_row[],
    made uuid[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    with_any  CONSTANT autoflow.import_row[] := ARRAY(
                  SELECT b
                    FROM unnest(batch) AS b
                   WHERE b.id = ANY (made)
                     AND autoflow.import_creates(b)
                     AND b.profile ?| ARRAY['location', 'contacts', 'jobs']);
BEGIN
    IF with_any = '{}' THEN
        RETURN;
    END IF;

    WITH place AS MATERIALIZED (
        SELECT b.id AS user_id, autoflow.uuid7() AS id,
               b.profile->'location' AS l
          FROM unnest(with_any) AS b
         WHERE jsonb_typeof(b.profile->'location') = 'object'
    ), location AS (
        INSERT INTO autoflow.locations
               (id, created_by, country, state_province, city, postal_code)
        SELECT id, user_id, l->>'country', l->>'state_province', l->>'city',
               l->>'postal_code'
          FROM place
    )
    UPDATE autoflow.profiles p
       SET location_id = place.id
      FROM place
     WHERE p.user_id = place.user_id;

    INSERT INTO autoflow.contacts (profile_id, type, value, is_primary)
    SELECT p.id, c->>'type', c->>'value',
           is_primary AND row_number() OVER (
               PARTITION BY p.id, c->>'type', is_primary ORDER BY n) = 1
      FROM unnest(with_any) AS b
      JOIN autoflow.profiles p ON p.user_id = b.id,
           jsonb_array_elements(
               CASE jsonb_typeof(b.profile->'contacts') WHEN 'array'
                    THEN b.profile->'contacts' ELSE '[]' END)
               WITH ORDINALITY AS v (c, n),
           coalesce(autoflow.import_boolean(c->>'is_primary'), false)
               AS is_primary
     ORDER BY b.number, n;

    INSERT INTO autoflow.employments
           (profile_id, title, company, industry, start_date, end_date)
    SELECT p.id, j->>'title', j->>'company', j->>'industry',
           autoflow.import_date(j->>'start_date'),
           autoflow.import_date(j->>'end_date')
      FROM unnest(with_any) AS b
      JOIN autoflow.profiles p ON p.user_id = b.id,
           jsonb_array_elements(
               CASE jsonb_typeof(b.profile->'jobs') WHEN 'array'
                    THEN b.profile->'jobs' ELSE '[]' END)
               WITH ORDINALITY AS v (j, n)
     ORDER BY b.number, n;
END
$$;


-- As that of "imports", with the directory.

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
    PERFORM autoflow.import_directory(batch, made);

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


CREATE FUNCTION autoflow.export_location(location uuid) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT json_build_object('country', country,
                             'state_province', state_province,
                             'city', city,
                             'postal_code', postal_code)
      FROM autoflow.locations l
     WHERE l.id = location
       AND is_active);

CREATE FUNCTION autoflow.export_contacts(profile uuid) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT json_agg(json_build_object('type', type,
                                      'value', value,
                                      'is_primary', is_primary)
                    ORDER BY type, value COLLATE "C", id)
      FROM autoflow.contacts c
     WHERE c.profile_id = profile
       AND is_active);

CREATE FUNCTION autoflow.export_jobs(profile uuid) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT json_agg(json_build_object('title', title,
                                      'company', company,
                                      'industry', industry,
                                      'start_date', start_date,
                                      'end_date', end_date)
                    ORDER BY start_date, title COLLATE "C",
                             company COLLATE "C", id)
      FROM autoflow.employments e
     WHERE e.profile_id = profile
       AND is_active);

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
                                   allow_contact,
                                   autoflow.export_location(location_id)
                                       AS location,
                                   autoflow.export_contacts(id) AS contacts,
                                   autoflow.export_jobs(id) AS jobs
                              FROM autoflow.profiles
                             WHERE user_id = account.id) AS p) AS profile
           ) AS line;
END
$$;


REVOKE ALL ON FUNCTION
    autoflow.import_directory_problems(jsonb),
    autoflow.import_directory(autoflow.import_row[], uuid[]),
    autoflow.export_location(uuid),
    autoflow.export_contacts(uuid),
    autoflow.export_jobs(uuid)
    FROM PUBLIC;

COMMIT;
