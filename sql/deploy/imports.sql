-- Deploy autoflow:imports to pg
-- requires: password_hashes
-- requires: lockdown
--
-- Accounts of other systems, imported in batches by the schema's owner; and all
-- accounts, as they are exported.
--
-- A batch is one transaction, with how far the import has come: whatever ends
-- it, it continues where it was, and no row is imported twice.  Rows are not
-- stored on the way, so that no password hash is anywhere but in its account.

BEGIN;

-- better to fail than to make everyone wait for the end of a dump
SET LOCAL lock_timeout = '5s';

CREATE TABLE autoflow.imports (
    id           uuid NOT NULL DEFAULT autoflow.uuid7(),
    source       text NOT NULL,
    digest       text NOT NULL,
    file         text,
    options      jsonb NOT NULL DEFAULT '{}',
    position     bigint NOT NULL DEFAULT 0,
    created      bigint NOT NULL DEFAULT 0,
    known        bigint NOT NULL DEFAULT 0,
    skipped      bigint NOT NULL DEFAULT 0,
    refused      bigint NOT NULL DEFAULT 0,
    superusers   bigint NOT NULL DEFAULT 0,
    started_by   text NOT NULL DEFAULT session_user,
    started_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz,

    CONSTRAINT imports_pkey PRIMARY KEY (id),
    CONSTRAINT imports_source_check
        CHECK (autoflow.is_text(source, 1, 100)),
    CONSTRAINT imports_position_check
        CHECK (position = created + known + skipped + refused)
);

COMMENT ON COLUMN autoflow.imports.source IS
    'the system whose accounts they are, within which its ids are unique';
COMMENT ON COLUMN autoflow.imports.digest IS
    'of the file and of what it is read with: the same one is continued';
COMMENT ON COLUMN autoflow.imports.position IS
    'how many of its rows are done';
COMMENT ON COLUMN autoflow.imports.superusers IS
    'how many of the created accounts are superusers';

CREATE UNIQUE INDEX imports_unfinished_key
    ON autoflow.imports (source, digest) WHERE finished_at IS NULL;


-- By which applications translate what refers to an account; and who was
-- imported once isn't imported again, even if the account is gone.

CREATE TABLE autoflow.imported_accounts (
    source     text COLLATE "C" NOT NULL,
    source_id  text COLLATE "C" NOT NULL,
    user_id    uuid,

    CONSTRAINT imported_accounts_pkey PRIMARY KEY (source, source_id),
    CONSTRAINT imported_accounts_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES autoflow.users ON DELETE SET NULL
);

COMMENT ON COLUMN autoflow.imported_accounts.source_id IS
    'the account''s id in the system that it comes from';
COMMENT ON COLUMN autoflow.imported_accounts.user_id IS
    'null: its row was removed';

CREATE INDEX imported_accounts_user_id_idx
    ON autoflow.imported_accounts (user_id);


-- A time as other systems write it: RFC 3339, also with a space, or without an
-- offset, which is the session's time zone then; or a Unix time in seconds, or with more digits in
-- milliseconds or microseconds.  Null: it is none, or not one of an account.

CREATE FUNCTION autoflow.import_time(value text) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    moment  timestamptz;
BEGIN
    IF value ~ '^\d{1,16}(\.\d{1,9})?$' THEN
        moment := to_timestamp(value::numeric
                               / CASE WHEN value::numeric < 1e11 THEN 1
                                      WHEN value::numeric < 1e14 THEN 1e3
                                      ELSE 1e6 END);

    ELSIF value ~ ('^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?'
                   ' ?(Z|UTC|[+-]\d\d(:?\d\d)?)?)?$')
    THEN
        moment := value;
    END IF;

    RETURN CASE WHEN moment BETWEEN '1970-01-01 00:00:00+00'
                                AND now() + interval '1 day'
                THEN moment END;

EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;

CREATE FUNCTION autoflow.import_date(value text) RETURNS date
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
AS $$
BEGIN
    RETURN CASE WHEN value ~ '^\d{4}-\d\d-\d\d$' THEN value::date END;

EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;

CREATE FUNCTION autoflow.import_boolean(value text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN lower(value) IN ('true', 't', '1', 'yes') THEN true
            WHEN lower(value) IN ('false', 'f', '0', 'no') THEN false END;

-- An array of names, or a list with commas; of anything else a name that
-- nothing has.

CREATE FUNCTION autoflow.import_names(value jsonb) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
    IF value IS NULL OR value IN ('null', '[]') THEN
        RETURN '{}';
    END IF;

    RETURN CASE jsonb_typeof(value)
        WHEN 'array' THEN
            ARRAY(SELECT DISTINCT coalesce(name, '')
                    FROM jsonb_array_elements_text(value) AS name)
        WHEN 'string' THEN
            ARRAY(SELECT DISTINCT btrim(name)
                    FROM regexp_split_to_table(value #>> '{}', ',') AS name
                   WHERE btrim(name) <> '')
        ELSE '{""}' END;
END
$$;

-- A name isn't white space alone.

CREATE FUNCTION autoflow.is_name(value text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN autoflow.is_text(value, 1, 255) AND value ~ '\S';


-- A row of an import: an account whose values have their types; what is wrong
-- with it, each as "field code"; and which of its fields are left out, as an
-- option allows.  "known" is the account that an earlier import has made of it,
-- or zero if that is gone.

CREATE TYPE autoflow.import_row AS (
    number          bigint,
    skip            boolean,
    known           uuid,
    problems        text[],
    dropped         text[],
    id              uuid,
    source_id       text,
    email           text,
    email_key       text,
    email_verified  boolean,
    verified_at     timestamptz,
    username        text,
    full_name       text,
    bio             text,
    password_hash   text,
    is_active       boolean,
    is_superuser    boolean,
    roles           text[],
    created_at      timestamptz,
    updated_at      timestamptz,
    last_login_at   timestamptz,
    profile         jsonb
);


-- Reads rows: [{"number", "account"}]; with "skip" instead of one that has no
-- account, "problems" instead of one that can't be read.  Fields have the rules
-- of the API; addresses, names and ids must be free.
--
-- An address whose domain isn't ASCII comes with its key, which PostgreSQL
-- can't compute.

CREATE FUNCTION autoflow.import_read(source text, rows jsonb, options jsonb)
RETURNS SETOF autoflow.import_row
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET plan_cache_mode = force_custom_plan    -- the tables grow meanwhile
AS $$
#variable_conflict use_column
DECLARE
    droppable  CONSTANT text[] := autoflow.import_names(options->'drop');
    make       CONSTANT boolean := coalesce(
                   (options->>'create_roles')::boolean, false);
BEGIN
    RETURN QUERY
    WITH given AS MATERIALIZED (
        SELECT (r->>'number')::bigint AS number,
               coalesce((r->>'skip')::boolean, false) AS skip,
               autoflow.import_names(r->'problems') AS faults,
               CASE jsonb_typeof(r->'account') WHEN 'object'
                    THEN r->'account' ELSE '{}' END AS a
          FROM jsonb_array_elements(rows) AS r
    ), fields AS MATERIALIZED (
        SELECT number, skip, faults, a,
               nullif(a->>'id', '') AS source_id,
               CASE WHEN a->>'id' ~*
                         '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                    THEN (a->>'id')::uuid END AS id,
               nullif(btrim(a->>'email', E' \t\r\n'), '') AS email,
               a->>'email_key' AS given_key,
               nullif(a->>'username', '') AS username,
               nullif(a->>'full_name', '') AS full_name,
               replace(a->>'bio', E'\r\n', E'\n') AS bio,
               nullif(a->>'password_hash', '') AS password_hash,
               autoflow.import_names(a->'roles') AS roles,
               autoflow.import_time(nullif(a->>'created_at', ''))
                   AS created_at,
               autoflow.import_time(nullif(a->>'updated_at', ''))
                   AS updated_at,
               autoflow.import_time(nullif(a->>'last_login_at', ''))
                   AS last_login_at,
               autoflow.import_time(nullif(a->>'verified_at', ''))
                   AS verified_at,
               autoflow.import_boolean(a->>'email_verified')
                   AS email_verified,
               autoflow.import_boolean(a->>'is_active') AS is_active,
               autoflow.import_boolean(a->>'is_superuser') AS is_superuser,
               CASE jsonb_typeof(a->'profile') WHEN 'object'
                    THEN a->'profile' ELSE '{}' END AS profile
          FROM given
    ), keyed AS MATERIALIZED (
        SELECT *,
               CASE WHEN NOT autoflow.is_email(email) THEN NULL
                    WHEN autoflow.email_key(email) IS NOT NULL
                    THEN autoflow.email_key(email)
                    WHEN autoflow.email_key(given_key) = given_key
                         AND autoflow.is_email(given_key)
                         AND split_part(given_key, '@', 1) =
                             lower(split_part(email, '@', 1) COLLATE "C")
                    THEN given_key END AS email_key,
               -- otherwise whoever comes first gets a name, and what is wrong
               -- with the second one is found when it isn't inserted
               'username' = ANY (droppable)
               AND username IS NOT NULL
               AND row_number() OVER (PARTITION BY lower(username COLLATE "C")
                                      ORDER BY number) > 1 AS has_second_name,
               source_id IS NOT NULL
               AND row_number() OVER (PARTITION BY source_id
                                      ORDER BY number) > 1 AS has_second_id
          FROM fields
    ), judged AS MATERIALIZED (
        SELECT f.*,
               CASE WHEN m.source_id IS NOT NULL
                    THEN coalesce(m.user_id,
                                  '00000000-0000-0000-0000-000000000000')
               END AS known,
               array_remove(ARRAY[
            CASE WHEN octet_length(f.source_id) > 1000 THEN 'id length'
                 WHEN f.id IN ('00000000-0000-0000-0000-000000000000',
                               'ffffffff-ffff-ffff-ffff-ffffffffffff')
                 THEN 'id format'
                 WHEN has_second_id
                      OR EXISTS (SELECT FROM autoflow.users u
                                  WHERE u.id = f.id)
                 THEN 'id taken' END,
            CASE WHEN f.email IS NULL THEN 'email required'
                 WHEN f.email_key IS NULL THEN 'email format'
                 WHEN EXISTS (SELECT FROM autoflow.users u
                               WHERE u.email_key = f.email_key
                                 AND u.deleted_at IS NULL)
                 THEN 'email taken' END,
            CASE WHEN f.username COLLATE "C" !~
                      '^[A-Za-z0-9][A-Za-z0-9._-]{2,99}$'
                 THEN 'username format'
                 WHEN has_second_name
                      OR EXISTS (SELECT FROM autoflow.users u
                                  WHERE lower(u.username COLLATE "C") =
                                        lower(f.username COLLATE "C")
                                    AND u.deleted_at IS NULL)
                 THEN 'username taken' END,
            CASE WHEN NOT autoflow.is_name(f.full_name)
                 THEN 'full_name format' END,
            CASE WHEN NOT autoflow.is_text(f.bio, 0, 10000)
                 THEN 'bio format' END,
            'password_hash ' || autoflow.import_hash_problem(f.password_hash),
            CASE WHEN cardinality(f.roles) > 32 THEN 'roles length' END,
            (SELECT 'roles ' || min(CASE
                        WHEN name COLLATE "C" !~ '^[a-z0-9_:-]{1,100}$'
                        THEN 'format'
                        WHEN EXISTS (SELECT FROM autoflow.roles r
                                      WHERE r.deleted_name = name
                                        AND r.deleted_at IS NOT NULL
                                        AND r.free_at > clock_timestamp())
                        THEN 'taken'
                        WHEN NOT make THEN 'reference' END)
               FROM unnest(f.roles) AS name
              WHERE NOT EXISTS (SELECT FROM autoflow.roles r
                                 WHERE r.name = name.name
                                   AND r.deleted_at IS NULL)),
            CASE WHEN f.created_at IS NULL AND a->>'created_at' <> ''
                 THEN 'created_at format' END,
            CASE WHEN f.updated_at IS NULL AND a->>'updated_at' <> ''
                 THEN 'updated_at format' END,
            CASE WHEN f.last_login_at IS NULL AND a->>'last_login_at' <> ''
                 THEN 'last_login_at format' END,
            CASE WHEN f.verified_at IS NULL AND a->>'verified_at' <> ''
                 THEN 'verified_at format' END,
            CASE WHEN f.email_verified IS NULL AND a->>'email_verified' <> ''
                 THEN 'email_verified format' END,
            CASE WHEN f.is_active IS NULL AND a->>'is_active' <> ''
                 THEN 'is_active format' END,
            CASE WHEN f.is_superuser IS NULL AND a->>'is_superuser' <> ''
                 THEN 'is_superuser format' END]
            || autoflow.import_profile_problems(f.profile), NULL) AS problems
          FROM keyed f
          LEFT JOIN autoflow.imported_accounts m
                 ON m.source = import_read.source
                AND m.source_id = f.source_id
    ), dropping AS MATERIALIZED (
        SELECT *,
               ARRAY(SELECT split_part(problem, ' ', 1)
                       FROM unnest(problems) AS problem
                      WHERE split_part(problem, ' ', 1) = ANY (droppable)
                         OR (split_part(problem, '.', 1) = 'profile'
                             AND 'profile' = ANY (droppable))) AS dropped
          FROM judged
    )
    SELECT number, skip, known,
           CASE WHEN faults <> '{}' THEN faults
                ELSE ARRAY(SELECT problem
                             FROM unnest(problems) AS problem
                            WHERE split_part(problem, ' ', 1) <> ALL (dropped))
           END,
           dropped,
           coalesce(id, autoflow.uuid7()),
           source_id, email, email_key,
           coalesce(email_verified, false),
           verified_at,
           CASE WHEN 'username' <> ALL (dropped) THEN username END,
           CASE WHEN 'full_name' <> ALL (dropped) THEN full_name END,
           CASE WHEN 'bio' <> ALL (dropped) THEN bio END,
           CASE WHEN 'password_hash' <> ALL (dropped) THEN password_hash END,
           coalesce(is_active, true),
           coalesce(is_superuser, false),
           CASE WHEN 'roles' = ANY (dropped) THEN '{}' ELSE roles END,
           created_at, updated_at, last_login_at,
           profile - ARRAY(SELECT split_part(name, '.', 2)
                             FROM unnest(dropped) AS name
                            WHERE name LIKE 'profile.%')
      FROM dropping
     ORDER BY number;
END
$$;

CREATE FUNCTION autoflow.import_profile_problems(profile jsonb) RETURNS text[]
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


-- What is wrong with a password hash, or null.  One that is sealed comes from
-- an export; if the key isn't the same one here, the module refuses it.

CREATE FUNCTION autoflow.import_hash_problem(hash text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN hash COLLATE "C" !~ '^[$]sealed[$][A-Za-z0-9_-]{64}[A-Za-z0-9_-]*$'
            THEN autoflow.password_hash_problem(hash) END;


-- Options: "drop", fields that are left out of an account where they are
-- refused; "create_roles", whether roles are created that there aren't.

CREATE FUNCTION autoflow.import_check_options(options jsonb) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    mistaken  text;
BEGIN
    SELECT string_agg(name, ', ')
      INTO mistaken
      FROM unnest(autoflow.import_names(options->'drop')) AS name
     WHERE name NOT IN ('username', 'full_name', 'bio', 'password_hash',
                        'roles', 'profile', 'created_at', 'updated_at',
                        'last_login_at', 'verified_at');

    IF mistaken IS NOT NULL THEN
        RAISE EXCEPTION 'no account can do without: %', mistaken
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
END
$$;


-- Begins an import, or continues it if the same one isn't finished.

CREATE FUNCTION autoflow.import_begin(source text, digest text, file text,
    options jsonb) RETURNS autoflow.imports
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    import  autoflow.imports;
BEGIN
    PERFORM autoflow.import_check_options(options);

    INSERT INTO autoflow.imports (source, digest, file, options)
    VALUES (import_begin.source, import_begin.digest, import_begin.file,
            import_begin.options)
    ON CONFLICT (source, digest) WHERE finished_at IS NULL DO NOTHING
    RETURNING * INTO import;

    IF FOUND THEN
        INSERT INTO autoflow.audit_events (action, target_id, details)
        VALUES ('import_begun', import.id,
                jsonb_build_object('source', source, 'file', file,
                                   'digest', digest, 'options', options,
                                   'by', session_user));
        RETURN import;
    END IF;

    SELECT * INTO import
      FROM autoflow.imports i
     WHERE i.source = import_begin.source
       AND i.digest = import_begin.digest
       AND finished_at IS NULL;

    IF NOT FOUND THEN
        RAISE EXCEPTION 'the same import has just been finished'
            USING ERRCODE = 'serialization_failure';
    END IF;

    RETURN import;
END
$$;


-- Imports the rows after a position, all in one transaction, and returns what
-- has become of each: an account was "created", or "known" from an earlier
-- import; or the row was "skipped", or "refused".
--
-- An existing account is never changed.  What was taken by someone else in this
-- very moment is a serialization failure: the caller repeats it.

CREATE FUNCTION autoflow.import_batch(import_id uuid, after bigint, rows jsonb)
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

CREATE FUNCTION autoflow.import_outcome(b autoflow.import_row) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (b).skip THEN 'skipped'
            WHEN (b).known IS NOT NULL THEN 'known'
            WHEN (b).problems <> '{}' THEN 'refused'
            ELSE 'created' END;

CREATE FUNCTION autoflow.import_creates(b autoflow.import_row) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN autoflow.import_outcome(b) = 'created';


-- Creates roles that there aren't, which import_read() has allowed; and locks
-- all of them.

CREATE FUNCTION autoflow.import_roles(import_id uuid, names text[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    WITH role AS (
        INSERT INTO autoflow.roles (name)
        SELECT name
          FROM unnest(names) AS name
         WHERE NOT EXISTS (SELECT
                             FROM autoflow.roles r
                            WHERE r.name = name.name)
         ORDER BY name
        ON CONFLICT (name) DO NOTHING
        RETURNING id, name
    )
    INSERT INTO autoflow.audit_events (action, target_id, details)
    SELECT 'role_created', id,
           jsonb_build_object('name', name, 'import', import_id)
      FROM role;

    IF (SELECT count(*) FROM autoflow.lock_roles(to_json(names))) <
       cardinality(names)
    THEN
        RAISE EXCEPTION 'a role was deleted meanwhile'
            USING ERRCODE = 'serialization_failure';
    END IF;
END
$$;


-- Inserts the accounts that are to be created, as far as that is possible, with
-- all that belongs to them.  Returns their ids.

CREATE FUNCTION autoflow.import_insert(import autoflow.imports,
    batch autoflow.import_row[]) RETURNS uuid[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    made  uuid[];
BEGIN
    WITH good AS MATERIALIZED (
        SELECT b.*
          FROM unnest(batch) AS b
         WHERE autoflow.import_creates(b)
    ), account AS (
        INSERT INTO autoflow.users
               (id, email, email_key, email_verified, verified_at, username,
                full_name, bio, password_hash, is_active, is_superuser,
                created_at, updated_at, last_login_at)
        SELECT id, email, email_key, email_verified, verified_at, username,
               full_name, bio, password_hash, is_active, is_superuser,
               coalesce(created_at, now()),
               coalesce(updated_at, created_at, now()), last_login_at
          FROM good
         ORDER BY number
        ON CONFLICT DO NOTHING
        RETURNING id
    ), profile AS (
        INSERT INTO autoflow.profiles
               (user_id, first_name, last_name, date_of_birth, gender, bio,
                profile_picture_url, is_public, allow_contact)
        SELECT id,
               nullif(profile->>'first_name', ''),
               nullif(profile->>'last_name', ''),
               autoflow.import_date(profile->>'date_of_birth'),
               nullif(profile->>'gender', ''),
               replace(profile->>'bio', E'\r\n', E'\n'),
               nullif(profile->>'profile_picture_url', ''),
               coalesce(autoflow.import_boolean(profile->>'is_public'), false),
               coalesce(autoflow.import_boolean(profile->>'allow_contact'),
                        false)
          FROM good
          JOIN account USING (id)
    ), mapping AS (
        INSERT INTO autoflow.imported_accounts (source, source_id, user_id)
        SELECT import.source, source_id, id
          FROM good
          JOIN account USING (id)
         WHERE source_id IS NOT NULL
    ), membership AS (
        INSERT INTO autoflow.user_roles (user_id, role_id)
        SELECT good.id, r.id
          FROM good
          JOIN account USING (id),
               unnest(roles) AS role
          JOIN autoflow.roles r ON r.name = role AND r.deleted_at IS NULL
    ), event AS (
        INSERT INTO autoflow.audit_events (action, target_id, details)
        SELECT 'created', id,
               jsonb_build_object('is_superuser', is_superuser, 'roles', roles,
                                  'import', import.id)
          FROM good
          JOIN account USING (id)
         WHERE is_superuser
    )
    SELECT coalesce(array_agg(id), '{}') INTO made FROM account;

    RETURN made;
END
$$;


-- A row that was not inserted, with the reason.

CREATE FUNCTION autoflow.import_conflict(import autoflow.imports,
    b autoflow.import_row, made uuid[]) RETURNS autoflow.import_row
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT autoflow.import_creates(b) OR b.id = ANY (made) THEN
        RETURN b;
    END IF;

    -- another import from this system
    SELECT coalesce(user_id, '00000000-0000-0000-0000-000000000000')
      INTO b.known
      FROM autoflow.imported_accounts
     WHERE source = import.source
       AND source_id = b.source_id;

    IF FOUND THEN
        RETURN b;
    END IF;

    b.problems := array_remove(ARRAY[
        CASE WHEN EXISTS (SELECT FROM autoflow.users WHERE id = b.id)
             THEN 'id taken' END,
        CASE WHEN EXISTS (SELECT FROM autoflow.users
                           WHERE email_key = b.email_key
                             AND deleted_at IS NULL)
             THEN 'email taken' END,
        CASE WHEN EXISTS (SELECT FROM autoflow.users
                           WHERE lower(username COLLATE "C") =
                                 lower(b.username COLLATE "C")
                             AND deleted_at IS NULL)
             THEN 'username taken' END], NULL);

    IF b.problems = '{}'
       OR (b.problems = '{"username taken"}'
           AND 'username' = ANY (autoflow.import_names(import.options->'drop')))
    THEN
        RAISE EXCEPTION 'a conflict is gone, or a name is to be left out'
            USING ERRCODE = 'serialization_failure';
    END IF;

    RETURN b;
END
$$;


CREATE FUNCTION autoflow.import_end(import_id uuid) RETURNS autoflow.imports
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    import  autoflow.imports;
BEGIN
    UPDATE autoflow.imports
       SET finished_at = now()
     WHERE id = import_id
       AND finished_at IS NULL
    RETURNING * INTO STRICT import;

    INSERT INTO autoflow.audit_events (action, target_id, details)
    VALUES ('import_finished', import.id,
            jsonb_build_object('source', import.source, 'file', import.file,
                               'created', import.created,
                               'superusers', import.superusers,
                               'known', import.known,
                               'skipped', import.skipped,
                               'refused', import.refused,
                               'by', session_user));

    RETURN import;
END
$$;


-- What import_batch() would return, in a session that looks at all rows in
-- their order: it remembers what they would take.  Nothing else is written.

CREATE FUNCTION autoflow.import_preview(source text, rows jsonb, options jsonb)
RETURNS TABLE (number bigint, outcome text, user_id uuid, problems text[],
               dropped text[])
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    b  autoflow.import_row;
BEGIN
    PERFORM autoflow.import_check_options(options);

    IF to_regclass('pg_temp.import_seen') IS NULL THEN
        CREATE TEMP TABLE import_seen (field text, key text,
                                       PRIMARY KEY (field, key));
    END IF;

    FOR b IN SELECT * FROM autoflow.import_read(source, rows, options) LOOP
        IF autoflow.import_creates(b) THEN
            b := autoflow.import_foresee(b, options);
        END IF;

        number := b.number;
        outcome := autoflow.import_outcome(b);
        user_id := nullif(b.known, '00000000-0000-0000-0000-000000000000');
        problems := CASE outcome WHEN 'refused' THEN b.problems ELSE '{}' END;
        dropped := CASE outcome WHEN 'created' THEN b.dropped ELSE '{}' END;
        RETURN NEXT;
    END LOOP;
END
$$;

CREATE FUNCTION autoflow.import_foresee(b autoflow.import_row, options jsonb)
RETURNS autoflow.import_row
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    taken  text[];
BEGIN
    taken := ARRAY(
        SELECT field
          FROM (VALUES (1, 'id', b.source_id), (2, 'email', b.email_key),
                       (3, 'username', lower(b.username COLLATE "C")))
               AS v (place, field, key)
         WHERE EXISTS (SELECT FROM pg_temp.import_seen s
                        WHERE s.field = v.field AND s.key = v.key)
         ORDER BY place);

    IF taken = '{username}'
       AND 'username' = ANY (autoflow.import_names(options->'drop'))
    THEN
        b.dropped := b.dropped || taken;
        b.username := NULL;
        taken := '{}';
    END IF;

    b.problems := ARRAY(SELECT field || ' taken' FROM unnest(taken) AS field);

    IF taken = '{}' THEN
        INSERT INTO pg_temp.import_seen
        SELECT field, key
          FROM (VALUES ('id', b.source_id), ('email', b.email_key),
                       ('username', lower(b.username COLLATE "C")))
               AS v (field, key)
         WHERE key IS NOT NULL;
    END IF;

    RETURN b;
END
$$;


-- An import by one statement, for those who have the accounts at hand: an array
-- of them, as in a line of a file each.

CREATE FUNCTION autoflow.import_accounts(source text, accounts jsonb,
    options jsonb DEFAULT '{}')
RETURNS TABLE (number bigint, outcome text, user_id uuid, problems text[],
               dropped text[])
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    import  autoflow.imports;
BEGIN
    import := autoflow.import_begin(
        source, encode(sha256(convert_to(accounts::text, 'UTF8')), 'hex'),
        NULL, options);

    RETURN QUERY
        SELECT *
          FROM autoflow.import_batch(import.id, import.position, (
                   SELECT jsonb_agg(jsonb_build_object('number', n,
                                                       'account', account)
                                    ORDER BY n)
                     FROM jsonb_array_elements(accounts)
                          WITH ORDINALITY AS a (account, n)));
    PERFORM autoflow.import_end(import.id);
END
$$;


-- An account as a line of a file, by which it can be imported.

CREATE FUNCTION autoflow.export_account(account autoflow.users) RETURNS json
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


-- Only the owner imports and exports.
REVOKE ALL ON FUNCTION
    autoflow.import_time(text),
    autoflow.import_date(text),
    autoflow.import_boolean(text),
    autoflow.import_names(jsonb),
    autoflow.is_name(text),
    autoflow.import_read(text, jsonb, jsonb),
    autoflow.import_profile_problems(jsonb),
    autoflow.import_hash_problem(text),
    autoflow.import_check_options(jsonb),
    autoflow.import_begin(text, text, text, jsonb),
    autoflow.import_batch(uuid, bigint, jsonb),
    autoflow.import_outcome(autoflow.import_row),
    autoflow.import_creates(autoflow.import_row),
    autoflow.import_roles(uuid, text[]),
    autoflow.import_insert(autoflow.imports, autoflow.import_row[]),
    autoflow.import_conflict(autoflow.imports, autoflow.import_row, uuid[]),
    autoflow.import_end(uuid),
    autoflow.import_preview(text, jsonb, jsonb),
    autoflow.import_foresee(autoflow.import_row, jsonb),
    autoflow.import_accounts(text, jsonb, jsonb),
    autoflow.export_account(autoflow.users)
    FROM PUBLIC;

COMMIT;
