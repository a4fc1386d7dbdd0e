-- Verify autoflow:directory on pg

BEGIN;

SELECT autoflow.profile_json(item)
  FROM autoflow.readable_profiles(NULL, true, true)
 WHERE false;
SELECT autoflow.contact_json(item)
  FROM autoflow.readable_contacts(NULL, true, true)
 WHERE false;
SELECT autoflow.employment_json(item)
  FROM autoflow.readable_employments(NULL, true, true)
 WHERE false;
SELECT autoflow.location_json(item, true)
  FROM autoflow.readable_locations(NULL, true, true)
 WHERE false;
SELECT autoflow.organization_json(item, true)
  FROM autoflow.readable_organizations(NULL, true, true)
 WHERE false;

DO $$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['profiles_by_created_at_idx',
                        'profiles_by_last_name_idx',
                        'profiles_location_id_idx',
                        'contacts_by_created_at_idx',
                        'contacts_by_type_idx',
                        'contacts_profile_id_idx',
                        'contacts_user_id_idx',
                        'contacts_primary_key',
                        'employments_by_created_at_idx',
                        'employments_by_start_date_idx',
                        'employments_current_idx',
                        'employments_by_company_idx',
                        'employments_by_industry_idx',
                        'employments_profile_id_idx',
                        'employments_user_id_idx',
                        'locations_by_created_at_idx',
                        'locations_by_country_idx',
                        'locations_by_city_idx',
                        'locations_created_by_idx',
                        'organizations_by_created_at_idx',
                        'organizations_by_name_idx',
                        'organizations_by_industry_idx',
                        'organizations_created_by_idx',
                        'organizations_location_id_idx',
                        'organizations_name_search_idx',
                        'organizations_name_key']) AS name
     WHERE NOT EXISTS (SELECT
                         FROM pg_index
                        WHERE indexrelid = to_regclass('autoflow.' || name)
                          AND indisvalid);

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'missing indexes: %', wrong;
    END IF;

    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['profiles_shown', 'profiles_made', 'profiles_changed',
                        'contacts_written', 'employments_written',
                        'organizations_shown', 'organizations_located',
                        'locations_written', 'locations_bounded',
                        'organizations_bounded', 'users_left']) AS name
     WHERE NOT EXISTS (SELECT FROM pg_trigger
                        WHERE tgname = name AND tgenabled = 'O');

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'missing triggers: %', wrong;
    END IF;

    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['profiles', 'contacts', 'employments', 'locations',
                        'organizations']) AS name
     WHERE NOT has_table_privilege('autoflow_app', 'autoflow.' || name,
                                   'SELECT')
        OR has_column_privilege('autoflow_app', 'autoflow.' || name,
                                'visibility', 'UPDATE');

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'autoflow_app has wrong rights on %', wrong;
    END IF;

    IF autoflow.schema_version() < 14 THEN
        RAISE EXCEPTION 'schema_version() is less than 14';
    END IF;
END
$$;

ROLLBACK;
