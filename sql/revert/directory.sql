-- Revert autoflow:directory from pg

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 13;

DROP TRIGGER users_left ON autoflow.users;
DROP TRIGGER profiles_shown ON autoflow.profiles;
DROP TRIGGER profiles_made ON autoflow.profiles;
DROP TRIGGER profiles_changed ON autoflow.profiles;

-- which takes what was granted on columns along
REVOKE SELECT, UPDATE ON autoflow.profiles FROM autoflow_app;
GRANT SELECT (user_id, first_name, last_name, is_public, is_active)
    ON autoflow.profiles TO autoflow_app;

DROP FUNCTION
    autoflow.directory_bounded(bigint, bigint),
    autoflow.contact_visibility(autoflow.contacts, autoflow.profiles),
    autoflow.employment_visibility(autoflow.employments, autoflow.profiles),
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
    CASCADE;

DROP FUNCTION autoflow.profiles_shown();
DROP DOMAIN autoflow.sort_key;

ALTER TABLE autoflow.profiles DROP CONSTRAINT profiles_location_id_fkey;
UPDATE autoflow.profiles SET location_id = NULL WHERE location_id IS NOT NULL;

DROP TABLE autoflow.contacts, autoflow.employments, autoflow.organizations,
    autoflow.locations;

ALTER TABLE autoflow.profiles DROP COLUMN visibility;

DROP INDEX IF EXISTS autoflow.profiles_location_id_idx;

COMMIT;
