-- Deploy autoflow:directory to pg
-- requires: messages
--
-- Profiles with their contacts and jobs, locations, organizations.
--
-- Who may read a row is the business of one function for each of them, its
-- readable_…(), which lists, single reads and includes share.  It goes by the
-- row's visibility: 2, any user may; 1, its owner and superuser may; 0, it was
-- deactivated.  Where that follows from other rows triggers keep it: few may be
-- public of a million, and an index finds them in the order of a list.
--
-- Rows are locked in one order, by whomever: a profile, then its contacts and
-- jobs, then locations, by their ids.

-- Not one transaction: indexes of the profiles that there are are built beside
-- whoever writes.  Whatever fails may be deployed again.

BEGIN;

-- better to fail than to have everybody wait behind us for a dump's end
SET LOCAL lock_timeout = '5s';

-- a constant is no rewrite
ALTER TABLE autoflow.profiles
    ADD COLUMN IF NOT EXISTS visibility smallint NOT NULL DEFAULT 1;

COMMENT ON COLUMN autoflow.profiles.visibility IS
    '2: any user may read it; 1: its owner; 0: it was deactivated';

COMMIT;


-- The profiles that there are, while nothing is locked but them.  What becomes
-- of accounts meanwhile is looked at again in the end.

UPDATE autoflow.profiles p
   SET is_active = false,
       deactivated_at = u.deleted_at,
       visibility = 0
  FROM autoflow.users u
 WHERE u.id = p.user_id
   AND u.deleted_at IS NOT NULL
   AND p.is_active;

UPDATE autoflow.profiles
   SET visibility = 2
 WHERE is_active AND is_public AND visibility <> 2;


DROP INDEX CONCURRENTLY IF EXISTS autoflow.profiles_by_created_at_idx;
CREATE INDEX CONCURRENTLY profiles_by_created_at_idx
    ON autoflow.profiles (visibility, created_at, id);

DROP INDEX CONCURRENTLY IF EXISTS autoflow.profiles_by_last_name_idx;
CREATE INDEX CONCURRENTLY profiles_by_last_name_idx
    ON autoflow.profiles
       (visibility, coalesce(lower(last_name COLLATE "C"), ''), id);

DROP INDEX CONCURRENTLY IF EXISTS autoflow.profiles_location_id_idx;
CREATE INDEX CONCURRENTLY profiles_location_id_idx
    ON autoflow.profiles (location_id, visibility)
    WHERE location_id IS NOT NULL;


BEGIN;

-- better to fail than to have everybody wait behind us for a dump's end
SET LOCAL lock_timeout = '5s';

CREATE TABLE autoflow.locations (
    id              uuid NOT NULL DEFAULT autoflow.uuid7(),
    created_by      uuid,
    country         text NOT NULL,
    state_province  text,
    city            text,
    postal_code     text,
    is_active       boolean NOT NULL DEFAULT true,
    visibility      smallint NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    deactivated_at  timestamptz,

    CONSTRAINT locations_pkey PRIMARY KEY (id),
    CONSTRAINT locations_created_by_fkey
        FOREIGN KEY (created_by) REFERENCES autoflow.users ON DELETE SET NULL,
    CONSTRAINT locations_country_check
        CHECK (autoflow.is_text(country, 1, 255)),
    CONSTRAINT locations_state_province_check
        CHECK (autoflow.is_text(state_province, 1, 255)),
    CONSTRAINT locations_city_check
        CHECK (autoflow.is_text(city, 1, 255)),
    CONSTRAINT locations_postal_code_check
        CHECK (autoflow.is_text(postal_code, 1, 255))
);

CREATE TABLE autoflow.organizations (
    id              uuid NOT NULL DEFAULT autoflow.uuid7(),
    created_by      uuid,
    name            text NOT NULL,
    description     text,
    website_url     text,
    industry        text,
    location_id     uuid,
    is_active       boolean NOT NULL DEFAULT true,
    visibility      smallint NOT NULL DEFAULT 2,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    deactivated_at  timestamptz,

    CONSTRAINT organizations_pkey PRIMARY KEY (id),
    CONSTRAINT organizations_created_by_fkey
        FOREIGN KEY (created_by) REFERENCES autoflow.users ON DELETE SET NULL,
    CONSTRAINT organizations_location_id_fkey
        FOREIGN KEY (location_id) REFERENCES autoflow.locations,
    CONSTRAINT organizations_name_check
        CHECK (autoflow.is_text(name, 1, 255)),
    CONSTRAINT organizations_description_check
        CHECK (autoflow.is_text(description, 0, 10000)),
    CONSTRAINT organizations_website_url_check
        CHECK (autoflow.is_text(website_url, 1, 2000)
               AND website_url COLLATE "C" ~* '^https?://[^\s]+$'),
    CONSTRAINT organizations_industry_check
        CHECK (autoflow.is_text(industry, 1, 255))
);

CREATE TABLE autoflow.contacts (
    id              uuid NOT NULL DEFAULT autoflow.uuid7(),
    profile_id      uuid NOT NULL,
    user_id         uuid NOT NULL,
    type            text NOT NULL,
    value           text NOT NULL,
    is_primary      boolean NOT NULL DEFAULT false,
    is_active       boolean NOT NULL DEFAULT true,
    visibility      smallint NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    deactivated_at  timestamptz,

    CONSTRAINT contacts_pkey PRIMARY KEY (id),
    CONSTRAINT contacts_profile_id_fkey
        FOREIGN KEY (profile_id) REFERENCES autoflow.profiles
        ON DELETE CASCADE,
    CONSTRAINT contacts_type_check
        CHECK (type IN ('phone', 'email', 'website', 'social', 'other')),
    CONSTRAINT contacts_value_check
        CHECK (autoflow.is_text(value, 1, 255))
);

CREATE TABLE autoflow.employments (
    id               uuid NOT NULL DEFAULT autoflow.uuid7(),
    profile_id       uuid NOT NULL,
    user_id          uuid NOT NULL,
    title            text NOT NULL,
    company          text NOT NULL,
    organization_id  uuid,
    industry         text,
    start_date       date,
    end_date         date,
    is_active        boolean NOT NULL DEFAULT true,
    visibility       smallint NOT NULL DEFAULT 1,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    deactivated_at   timestamptz,

    CONSTRAINT employments_pkey PRIMARY KEY (id),
    CONSTRAINT employments_profile_id_fkey
        FOREIGN KEY (profile_id) REFERENCES autoflow.profiles
        ON DELETE CASCADE,
    CONSTRAINT employments_organization_id_fkey
        FOREIGN KEY (organization_id) REFERENCES autoflow.organizations,
    CONSTRAINT employments_title_check
        CHECK (autoflow.is_text(title, 1, 255)),
    CONSTRAINT employments_company_check
        CHECK (autoflow.is_text(company, 1, 255)),
    CONSTRAINT employments_industry_check
        CHECK (autoflow.is_text(industry, 1, 255)),
    CONSTRAINT employments_end_date_check
        CHECK (end_date >= start_date)
);

COMMENT ON COLUMN autoflow.contacts.user_id IS 'that of the profile';
COMMENT ON COLUMN autoflow.employments.user_id IS 'that of the profile';
COMMENT ON COLUMN autoflow.locations.visibility IS
    '2: any user may read it; 1: its owner; 0: it was deactivated';
COMMENT ON COLUMN autoflow.organizations.visibility IS
    '2: any user may read it; 1: its owner; 0: it was deactivated';
COMMENT ON COLUMN autoflow.contacts.visibility IS
    '2: any user may read it; 1: its owner; 0: it was deactivated';
COMMENT ON COLUMN autoflow.employments.visibility IS
    '2: any user may read it; 1: its owner; 0: it was deactivated';


ALTER TABLE autoflow.profiles
    ADD CONSTRAINT profiles_location_id_fkey
        FOREIGN KEY (location_id) REFERENCES autoflow.locations;


-- What lists are in the order of, and filtered by; rows of one visibility are
-- together.

CREATE INDEX contacts_by_created_at_idx
    ON autoflow.contacts (visibility, created_at, id);
CREATE INDEX contacts_by_type_idx
    ON autoflow.contacts (visibility, type, created_at, id);
CREATE INDEX contacts_profile_id_idx
    ON autoflow.contacts (profile_id, visibility);
CREATE INDEX contacts_user_id_idx ON autoflow.contacts (user_id, visibility);
CREATE UNIQUE INDEX contacts_primary_key
    ON autoflow.contacts (profile_id, type) WHERE is_primary AND is_active;

CREATE INDEX employments_by_created_at_idx
    ON autoflow.employments (visibility, created_at, id);
CREATE INDEX employments_by_start_date_idx
    ON autoflow.employments
       (visibility, coalesce(start_date, '-infinity'), id);
CREATE INDEX employments_current_idx
    ON autoflow.employments (visibility, created_at, id)
    WHERE end_date IS NULL;
CREATE INDEX employments_by_company_idx
    ON autoflow.employments
       (visibility, lower(company COLLATE "C"), created_at, id);
CREATE INDEX employments_by_industry_idx
    ON autoflow.employments
       (visibility, lower(industry COLLATE "C"), created_at, id);
CREATE INDEX employments_profile_id_idx
    ON autoflow.employments (profile_id, visibility);
CREATE INDEX employments_user_id_idx
    ON autoflow.employments (user_id, visibility);
CREATE INDEX employments_organization_id_idx
    ON autoflow.employments (organization_id)
    WHERE organization_id IS NOT NULL;

CREATE INDEX locations_by_created_at_idx
    ON autoflow.locations (visibility, created_at, id);
CREATE INDEX locations_by_country_idx
    ON autoflow.locations
       (visibility, lower(country COLLATE "C"), created_at, id);
CREATE INDEX locations_by_city_idx
    ON autoflow.locations
       (visibility, lower(city COLLATE "C"), created_at, id);
CREATE INDEX locations_created_by_idx
    ON autoflow.locations (created_by, visibility);

CREATE INDEX organizations_by_created_at_idx
    ON autoflow.organizations (visibility, created_at, id);
CREATE INDEX organizations_by_name_idx
    ON autoflow.organizations (visibility, lower(name COLLATE "C"), id);
CREATE INDEX organizations_by_industry_idx
    ON autoflow.organizations
       (visibility, lower(industry COLLATE "C"), created_at, id);
CREATE INDEX organizations_created_by_idx
    ON autoflow.organizations (created_by, visibility);
CREATE INDEX organizations_location_id_idx
    ON autoflow.organizations (location_id, visibility)
    WHERE location_id IS NOT NULL;
CREATE UNIQUE INDEX organizations_name_key
    ON autoflow.organizations (lower(name COLLATE "C")) WHERE is_active;

-- wherever the extension is
DO $$
BEGIN
    EXECUTE format('CREATE INDEX organizations_name_search_idx '
                   'ON autoflow.organizations USING gin (name %s.gin_trgm_ops)',
                   (SELECT extnamespace::regnamespace
                      FROM pg_extension WHERE extname = 'pg_trgm'));
END
$$;


-- What an account, or a profile, may accumulate.  The row above is locked, so
-- that this is true when many write at once.

CREATE FUNCTION autoflow.directory_bounded(n bigint, most bigint)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    IF n > most THEN
        RAISE EXCEPTION 'there may be % of these at most', most
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'directory_bounded';
    END IF;
END
$$;


-- Whose a contact or a job is, and who may read it, follows from its profile.

CREATE FUNCTION autoflow.profile_visibility(profile autoflow.profiles)
RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN NOT (profile).is_active THEN 0
            WHEN (profile).is_public THEN 2
            ELSE 1 END;

CREATE FUNCTION autoflow.contact_visibility(contact autoflow.contacts,
    profile autoflow.profiles) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN NOT (contact).is_active THEN 0
            WHEN (profile).allow_contact
            THEN autoflow.profile_visibility(profile)
            ELSE 1 END;

CREATE FUNCTION autoflow.employment_visibility(
    employment autoflow.employments, profile autoflow.profiles)
RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN NOT (employment).is_active THEN 0
            ELSE autoflow.profile_visibility(profile) END;


CREATE FUNCTION autoflow.profiles_shown() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.visibility := autoflow.profile_visibility(NEW);
    RETURN NEW;
END
$$;

CREATE TRIGGER profiles_shown
    BEFORE INSERT OR UPDATE OF is_public, is_active ON autoflow.profiles
    FOR EACH ROW
    WHEN (NEW.is_public OR NOT NEW.is_active OR NEW.visibility <> 1)
    EXECUTE FUNCTION autoflow.profiles_shown();


-- What is made while its owner leaves goes along.

CREATE FUNCTION autoflow.contacts_written() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    profile autoflow.profiles;
BEGIN
    SELECT * INTO profile
      FROM autoflow.profiles
     WHERE id = NEW.profile_id
       FOR NO KEY UPDATE;

    NEW.user_id := profile.user_id;

    IF NOT profile.is_active THEN
        NEW.is_active := false;
        NEW.deactivated_at := coalesce(NEW.deactivated_at, now());
    END IF;

    NEW.visibility := autoflow.contact_visibility(NEW, profile);

    IF TG_OP = 'INSERT' THEN
        PERFORM autoflow.directory_bounded(count(*) + 1, 100)
           FROM autoflow.contacts
          WHERE profile_id = NEW.profile_id AND visibility > 0;
    END IF;

    -- the new one takes the place of the old one
    IF NEW.is_primary AND NEW.is_active THEN
        UPDATE autoflow.contacts
           SET is_primary = false,
               updated_at = now()
         WHERE profile_id = NEW.profile_id
           AND type = NEW.type
           AND is_primary
           AND is_active
           AND id <> NEW.id;
    END IF;

    RETURN NEW;
END
$$;

CREATE TRIGGER contacts_written
    BEFORE INSERT OR UPDATE OF type, is_primary, is_active, profile_id
    ON autoflow.contacts
    FOR EACH ROW EXECUTE FUNCTION autoflow.contacts_written();


CREATE FUNCTION autoflow.employments_written() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    profile autoflow.profiles;
BEGIN
    SELECT * INTO profile
      FROM autoflow.profiles
     WHERE id = NEW.profile_id
       FOR NO KEY UPDATE;

    NEW.user_id := profile.user_id;

    IF NOT profile.is_active THEN
        NEW.is_active := false;
        NEW.deactivated_at := coalesce(NEW.deactivated_at, now());
    END IF;

    NEW.visibility := autoflow.employment_visibility(NEW, profile);

    IF TG_OP = 'INSERT' THEN
        PERFORM autoflow.directory_bounded(count(*) + 1, 100)
           FROM autoflow.employments
          WHERE profile_id = NEW.profile_id AND visibility > 0;
    END IF;

    RETURN NEW;
END
$$;

CREATE TRIGGER employments_written
    BEFORE INSERT OR UPDATE OF is_active, profile_id
    ON autoflow.employments
    FOR EACH ROW EXECUTE FUNCTION autoflow.employments_written();


-- A location is shown while a public profile or an organization uses it.  Who
-- begins or ceases to use some looks with a snapshot of its own, behind locks.
-- These let foreign keys pass, which are checked before, in no order.

CREATE FUNCTION autoflow.locations_used(ids uuid[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM
       FROM autoflow.locations
      WHERE id = ANY (ids)
      ORDER BY id
        FOR NO KEY UPDATE;

    UPDATE autoflow.locations l
       SET visibility = CASE WHEN visibility = 2 THEN 1 ELSE 2 END
     WHERE id = ANY (ids)
       AND visibility > 0
       AND (visibility = 2)
           <> (EXISTS (SELECT
                         FROM autoflow.profiles
                        WHERE location_id = l.id AND visibility = 2)
               OR EXISTS (SELECT
                            FROM autoflow.organizations
                           WHERE location_id = l.id AND visibility = 2));
END
$$;


CREATE FUNCTION autoflow.organizations_written() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_WHEN = 'BEFORE' THEN
        NEW.visibility := CASE WHEN NEW.is_active THEN 2 ELSE 0 END;
        RETURN NEW;
    END IF;

    PERFORM autoflow.locations_used(ARRAY[
        CASE WHEN OLD.visibility = 2 THEN OLD.location_id END,
        CASE WHEN NEW.visibility = 2 THEN NEW.location_id END]);
    RETURN NULL;
END
$$;

CREATE TRIGGER organizations_shown
    BEFORE INSERT OR UPDATE OF is_active ON autoflow.organizations
    FOR EACH ROW EXECUTE FUNCTION autoflow.organizations_written();

CREATE TRIGGER organizations_located
    AFTER INSERT OR UPDATE OF location_id, is_active
    ON autoflow.organizations
    FOR EACH ROW EXECUTE FUNCTION autoflow.organizations_written();


-- What a profile takes along.

CREATE FUNCTION autoflow.profiles_written() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN

        IF OLD.is_active AND NOT NEW.is_active THEN
            UPDATE autoflow.contacts
               SET is_active = false,
                   deactivated_at = NEW.deactivated_at
             WHERE profile_id = NEW.id AND visibility > 0;

            UPDATE autoflow.employments
               SET is_active = false,
                   deactivated_at = NEW.deactivated_at
             WHERE profile_id = NEW.id AND visibility > 0;

        ELSIF OLD.visibility <> NEW.visibility
              OR OLD.allow_contact <> NEW.allow_contact
        THEN
            UPDATE autoflow.contacts c
               SET visibility = autoflow.contact_visibility(c, NEW)
             WHERE profile_id = NEW.id AND visibility > 0;

            UPDATE autoflow.employments e
               SET visibility = autoflow.employment_visibility(e, NEW)
             WHERE profile_id = NEW.id AND visibility > 0;
        END IF;
    END IF;

    PERFORM autoflow.locations_used(ARRAY[
        CASE WHEN OLD.visibility = 2 THEN OLD.location_id END,
        CASE WHEN NEW.visibility = 2 THEN NEW.location_id END]);
    RETURN NULL;
END
$$;

CREATE TRIGGER profiles_made
    AFTER INSERT ON autoflow.profiles FOR EACH ROW
    WHEN (NEW.visibility = 2 AND NEW.location_id IS NOT NULL)
    EXECUTE FUNCTION autoflow.profiles_written();

CREATE TRIGGER profiles_changed
    AFTER UPDATE ON autoflow.profiles FOR EACH ROW
    WHEN (OLD.visibility <> NEW.visibility
          OR OLD.allow_contact <> NEW.allow_contact
          OR OLD.location_id IS DISTINCT FROM NEW.location_id)
    EXECUTE FUNCTION autoflow.profiles_written();


-- A location that is deactivated is nobody's to read; who opens one, or an
-- organization, has so many of them.

CREATE FUNCTION autoflow.locations_written() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.visibility := CASE WHEN NOT NEW.is_active THEN 0
                           WHEN NEW.visibility = 0 THEN 1
                           ELSE NEW.visibility END;
    RETURN NEW;
END
$$;

CREATE TRIGGER locations_written
    BEFORE UPDATE OF is_active ON autoflow.locations
    FOR EACH ROW EXECUTE FUNCTION autoflow.locations_written();


CREATE FUNCTION autoflow.creations_bounded() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM
       FROM autoflow.users
      WHERE id = NEW.created_by
        AND deleted_at IS NULL
        FOR NO KEY UPDATE;

    IF NOT FOUND THEN
        NEW.is_active := false;
        NEW.visibility := 0;
        NEW.deactivated_at := now();
        RETURN NEW;
    END IF;

    IF TG_TABLE_NAME = 'locations' THEN
        PERFORM autoflow.directory_bounded(count(*) + 1, 1000)
           FROM autoflow.locations
          WHERE created_by = NEW.created_by AND visibility > 0;
    ELSE
        PERFORM autoflow.directory_bounded(count(*) + 1, 1000)
           FROM autoflow.organizations
          WHERE created_by = NEW.created_by AND visibility > 0;
    END IF;

    RETURN NEW;
END
$$;

CREATE TRIGGER locations_bounded
    BEFORE INSERT ON autoflow.locations
    FOR EACH ROW WHEN (NEW.created_by IS NOT NULL)
    EXECUTE FUNCTION autoflow.creations_bounded();

CREATE TRIGGER organizations_bounded
    BEFORE INSERT ON autoflow.organizations
    FOR EACH ROW WHEN (NEW.created_by IS NOT NULL)
    EXECUTE FUNCTION autoflow.creations_bounded();


-- An account that is deleted takes its profile along, and the locations that
-- nobody else uses.  Organizations are everybody's, and stay.

CREATE FUNCTION autoflow.users_left() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    profile autoflow.profiles;
BEGIN
    SELECT * INTO profile
      FROM autoflow.profiles
     WHERE user_id = NEW.id
       FOR NO KEY UPDATE;

    PERFORM
       FROM autoflow.locations
      WHERE (created_by = NEW.id AND visibility = 1)
         OR id = profile.location_id
      ORDER BY id
        FOR NO KEY UPDATE;

    UPDATE autoflow.profiles
       SET is_active = false,
           deactivated_at = NEW.deleted_at,
           updated_at = now()
     WHERE user_id = NEW.id
       AND is_active;

    UPDATE autoflow.locations
       SET is_active = false,
           deactivated_at = NEW.deleted_at,
           updated_at = now()
     WHERE created_by = NEW.id
       AND visibility = 1;

    RETURN NULL;
END
$$;

CREATE TRIGGER users_left
    AFTER UPDATE ON autoflow.users FOR EACH ROW
    WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION autoflow.users_left();


-- Who may read what: readable_profiles(viewer, superuser, inactive, sort,
-- descending), and likewise for the others, returns the rows with what they are
-- sorted by, "created_at" or one other field.  Each branch is in the order of
-- an index, so that their first rows are the list's; what doesn't apply is gone
-- from a plan that knows the values.  Without a sort there is no order.

-- a column of text is of the database's collation, which no index here has
CREATE DOMAIN autoflow.sort_key AS text COLLATE "C";

DO $body$
DECLARE
    resource record;
    branches text;
BEGIN
    FOR resource IN
        SELECT *
          FROM (VALUES
              ('profiles', 'profiles', 'user_id', 'last_name',
               $$coalesce(lower(r.last_name COLLATE "C"), '')$$,
               'autoflow.sort_key'),
              ('contacts', 'contacts', 'user_id', '', 'NULL::text', 'text'),
              ('employments', 'employments', 'user_id', 'start_date',
               $$coalesce(r.start_date, '-infinity')$$, 'date'),
              ('locations', 'locations', 'created_by', '', 'NULL::text',
               'text'),
              ('organizations', 'organizations', 'created_by', 'name',
               'lower(r.name COLLATE "C")', 'autoflow.sort_key'))
               AS v (name, relation, owner, field, key, type)
    LOOP
        SELECT string_agg(
                   format($$(
            SELECT r, r.id,
                   CASE WHEN sort = 'created_at' THEN r.created_at END,
                   CASE WHEN sort = %1$L THEN %2$s END
              FROM autoflow.%3$I AS r
             WHERE %4$s
             ORDER BY CASE WHEN sort = 'created_at' AND NOT descending
                           THEN r.created_at END,
                      CASE WHEN sort = %1$L AND NOT descending
                           THEN %2$s END,
                      CASE WHEN NOT descending THEN r.id END,
                      CASE WHEN sort = 'created_at' AND descending
                           THEN r.created_at END DESC,
                      CASE WHEN sort = %1$L AND descending
                           THEN %2$s END DESC,
                      CASE WHEN descending THEN r.id END DESC)$$,
                          resource.field, resource.key, resource.relation,
                          condition),
                   ' UNION ALL ')
          INTO branches
          FROM unnest(ARRAY[
              'visibility = 2',
              'visibility = 1 AND NOT superuser AND '
                  || resource.owner || ' = viewer',
              'visibility = 1 AND superuser',
              'visibility = 0 AND superuser AND inactive']) AS condition;

        EXECUTE format($$
            CREATE FUNCTION autoflow.readable_%s(viewer uuid,
                superuser boolean, inactive boolean,
                sort text DEFAULT NULL, descending boolean DEFAULT NULL)
            RETURNS TABLE (item autoflow.%I, id uuid, moment timestamptz,
                           key %s)
            LANGUAGE sql STABLE PARALLEL SAFE
            BEGIN ATOMIC %s; END$$,
            resource.name, resource.relation, resource.type, branches);
    END LOOP;
END
$body$;


-- The objects of the API.

CREATE FUNCTION autoflow.profile_json(profile autoflow.profiles)
RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN row_to_json(answer)
      FROM (SELECT profile.id,
                   profile.user_id,
                   profile.first_name,
                   profile.last_name,
                   profile.date_of_birth,
                   profile.gender,
                   profile.location_id,
                   profile.bio,
                   profile.profile_picture_url,
                   profile.is_public,
                   profile.allow_contact,
                   profile.is_active,
                   autoflow.rfc3339(profile.created_at) AS created_at,
                   autoflow.rfc3339(profile.updated_at) AS updated_at,
                   autoflow.rfc3339(profile.deactivated_at)
                       AS deactivated_at) AS answer;
END
$$;

CREATE FUNCTION autoflow.contact_json(contact autoflow.contacts)
RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN row_to_json(answer)
      FROM (SELECT contact.id,
                   contact.profile_id,
                   contact.type,
                   contact.value,
                   contact.is_primary,
                   contact.is_active,
                   autoflow.rfc3339(contact.created_at) AS created_at,
                   autoflow.rfc3339(contact.updated_at) AS updated_at,
                   autoflow.rfc3339(contact.deactivated_at)
                       AS deactivated_at) AS answer;
END
$$;

CREATE FUNCTION autoflow.employment_json(employment autoflow.employments)
RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN row_to_json(answer)
      FROM (SELECT employment.id,
                   employment.profile_id,
                   employment.title,
                   employment.company,
                   employment.organization_id,
                   employment.industry,
                   employment.start_date,
                   employment.end_date,
                   employment.is_active,
                   autoflow.rfc3339(employment.created_at) AS created_at,
                   autoflow.rfc3339(employment.updated_at) AS updated_at,
                   autoflow.rfc3339(employment.deactivated_at)
                       AS deactivated_at) AS answer;
END
$$;

CREATE FUNCTION autoflow.location_json(location autoflow.locations,
    creator boolean)
RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN row_to_json(answer)
      FROM (SELECT location.id,
                   CASE WHEN creator THEN location.created_by END AS created_by,
                   location.country,
                   location.state_province,
                   location.city,
                   location.postal_code,
                   location.is_active,
                   autoflow.rfc3339(location.created_at) AS created_at,
                   autoflow.rfc3339(location.updated_at) AS updated_at,
                   autoflow.rfc3339(location.deactivated_at)
                       AS deactivated_at) AS answer;
END
$$;

CREATE FUNCTION autoflow.organization_json(organization autoflow.organizations,
    creator boolean)
RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN row_to_json(answer)
      FROM (SELECT organization.id,
                   CASE WHEN creator THEN organization.created_by END
                       AS created_by,
                   organization.name,
                   organization.description,
                   organization.website_url,
                   organization.industry,
                   organization.location_id,
                   organization.is_active,
                   autoflow.rfc3339(organization.created_at) AS created_at,
                   autoflow.rfc3339(organization.updated_at) AS updated_at,
                   autoflow.rfc3339(organization.deactivated_at)
                       AS deactivated_at) AS answer;
END
$$;


-- An object with a member more.

CREATE FUNCTION autoflow.json_with(object json, name text, value json)
RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (left(object::text, -1) || ',' || to_json(name)::text || ':'
        || coalesce(value::text, 'null') || '}')::json;


-- A profile with the parts that are wanted, each by its own rule.

CREATE FUNCTION autoflow.profile_with(profile autoflow.profiles, viewer uuid,
    superuser boolean, parts text[]) RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    answer json := autoflow.profile_json(profile);
BEGIN
    IF 'location' = ANY (parts) THEN
        answer := autoflow.json_with(answer, 'location', (
            SELECT autoflow.location_json(
                       item, superuser OR (item).created_by = viewer)
              FROM autoflow.readable_locations(viewer, superuser, false)
             WHERE id = profile.location_id));
    END IF;

    IF 'contacts' = ANY (parts) THEN
        answer := autoflow.json_with(answer, 'contacts', (
            SELECT coalesce(json_agg(autoflow.contact_json(item)
                                     ORDER BY (item).created_at, id), '[]')
              FROM autoflow.readable_contacts(viewer, superuser, false)
             WHERE (item).profile_id = profile.id));
    END IF;

    IF 'jobs' = ANY (parts) THEN
        answer := autoflow.json_with(answer, 'jobs', (
            SELECT coalesce(json_agg(autoflow.employment_json(item)
                                     ORDER BY (item).created_at, id), '[]')
              FROM autoflow.readable_employments(viewer, superuser, false)
             WHERE (item).profile_id = profile.id));
    END IF;

    RETURN answer;
END
$$;


-- The errors of a field that refers to what its writer may not see.

CREATE FUNCTION autoflow.reference_errors(field text) RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN json_build_array(json_build_object(
           'field', field,
           'code', 'reference',
           'message', 'refers to nothing'));


-- Whether one may refer to an id, which may be null.

CREATE FUNCTION autoflow.location_refers(location uuid, viewer uuid,
    superuser boolean) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN location IS NULL
           OR EXISTS (SELECT
                        FROM autoflow.readable_locations(viewer, superuser,
                                                         false)
                       WHERE id = location);
END
$$;

CREATE FUNCTION autoflow.organization_refers(organization uuid, viewer uuid,
    superuser boolean) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN organization IS NULL
           OR EXISTS (SELECT
                        FROM autoflow.readable_organizations(
                                 viewer, superuser, false)
                       WHERE id = organization);
END
$$;


GRANT SELECT,
      UPDATE (first_name, last_name, date_of_birth, gender, location_id, bio,
              profile_picture_url, is_public, allow_contact, updated_at)
    ON autoflow.profiles TO autoflow_app;
GRANT SELECT,
      INSERT (profile_id, type, value, is_primary),
      UPDATE (type, value, is_primary, is_active, updated_at, deactivated_at)
    ON autoflow.contacts TO autoflow_app;
GRANT SELECT,
      INSERT (profile_id, title, company, organization_id, industry,
              start_date, end_date),
      UPDATE (title, company, organization_id, industry, start_date, end_date,
              is_active, updated_at, deactivated_at)
    ON autoflow.employments TO autoflow_app;
GRANT SELECT,
      INSERT (created_by, country, state_province, city, postal_code),
      UPDATE (country, state_province, city, postal_code, is_active,
              updated_at, deactivated_at)
    ON autoflow.locations TO autoflow_app;
GRANT SELECT,
      INSERT (created_by, name, description, website_url, industry,
              location_id),
      UPDATE (name, description, website_url, industry, location_id,
              is_active, updated_at, deactivated_at)
    ON autoflow.organizations TO autoflow_app;

REVOKE ALL ON FUNCTION
    autoflow.directory_bounded(bigint, bigint),
    autoflow.contact_visibility(autoflow.contacts, autoflow.profiles),
    autoflow.employment_visibility(autoflow.employments, autoflow.profiles),
    autoflow.profiles_shown(),
    autoflow.contacts_written(),
    autoflow.employments_written(),
    autoflow.locations_used(uuid[]),
    autoflow.organizations_written(),
    autoflow.profiles_written(),
    autoflow.locations_written(),
    autoflow.creations_bounded(),
    autoflow.users_left(),
    autoflow.profile_visibility(autoflow.profiles),
    autoflow.readable_profiles(uuid, boolean, boolean, text, boolean),
    autoflow.readable_contacts(uuid, boolean, boolean, text, boolean),
    autoflow.readable_employments(uuid, boolean, boolean, text, boolean),
    autoflow.readable_locations(uuid, boolean, boolean, text, boolean),
    autoflow.readable_organizations(uuid, boolean, boolean, text, boolean),
    autoflow.profile_json(autoflow.profiles),
    autoflow.contact_json(autoflow.contacts),
    autoflow.employment_json(autoflow.employments),
    autoflow.location_json(autoflow.locations, boolean),
    autoflow.organization_json(autoflow.organizations, boolean),
    autoflow.json_with(json, text, json),
    autoflow.profile_with(autoflow.profiles, uuid, boolean, text[]),
    autoflow.reference_errors(text),
    autoflow.location_refers(uuid, uuid, boolean),
    autoflow.organization_refers(uuid, uuid, boolean)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.profile_visibility(autoflow.profiles),
    autoflow.readable_profiles(uuid, boolean, boolean, text, boolean),
    autoflow.readable_contacts(uuid, boolean, boolean, text, boolean),
    autoflow.readable_employments(uuid, boolean, boolean, text, boolean),
    autoflow.readable_locations(uuid, boolean, boolean, text, boolean),
    autoflow.readable_organizations(uuid, boolean, boolean, text, boolean),
    autoflow.profile_json(autoflow.profiles),
    autoflow.contact_json(autoflow.contacts),
    autoflow.employment_json(autoflow.employments),
    autoflow.location_json(autoflow.locations, boolean),
    autoflow.organization_json(autoflow.organizations, boolean),
    autoflow.json_with(json, text, json),
    autoflow.profile_with(autoflow.profiles, uuid, boolean, text[]),
    autoflow.reference_errors(text),
    autoflow.location_refers(uuid, uuid, boolean),
    autoflow.organization_refers(uuid, uuid, boolean)
    TO autoflow_app;


-- The profiles of accounts that were deleted in the meantime.

UPDATE autoflow.profiles p
   SET is_active = false,
       deactivated_at = u.deleted_at
  FROM autoflow.users u
 WHERE u.id = p.user_id
   AND u.deleted_at IS NOT NULL
   AND p.is_active;


CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 14;

COMMIT;
