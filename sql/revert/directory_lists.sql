-- Revert autoflow:directory_lists from pg

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 15;

DROP TRIGGER contacts_deactivated ON autoflow.contacts;
DROP TRIGGER employments_deactivated ON autoflow.employments;
DROP TRIGGER locations_deactivated ON autoflow.locations;
DROP TRIGGER organizations_deactivated ON autoflow.organizations;

DROP FUNCTION
    autoflow.contacts_deactivated(),
    autoflow.employments_deactivated(),
    autoflow.locations_deactivated(),
    autoflow.organizations_deactivated(),
    autoflow.listed_profiles,
    autoflow.listed_contacts,
    autoflow.listed_employments,
    autoflow.listed_locations,
    autoflow.listed_organizations;

CREATE OR REPLACE FUNCTION autoflow.profile_with(profile autoflow.profiles,
    viewer uuid, superuser boolean, parts text[]) RETURNS json
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

DROP FUNCTION autoflow.profile_with(autoflow.profiles, uuid, boolean, text[],
                                    bigint);

DROP INDEX
    autoflow.employments_company_by_date_idx,
    autoflow.employments_industry_by_date_idx,
    autoflow.employments_current_by_date_idx,
    autoflow.employments_past_idx,
    autoflow.employments_past_by_date_idx,
    autoflow.organizations_industry_by_name_idx,
    autoflow.contacts_deactivated_idx,
    autoflow.employments_deactivated_idx,
    autoflow.locations_deactivated_idx,
    autoflow.organizations_deactivated_idx;

COMMIT;
