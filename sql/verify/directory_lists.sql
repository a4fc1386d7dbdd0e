-- Verify autoflow:directory_lists on pg

BEGIN;

SELECT FROM autoflow.listed_profiles(
    NULL, true, true, NULL, NULL, NULL, 0);
SELECT FROM autoflow.listed_contacts(
    NULL, true, true, NULL, NULL, NULL, 0, NULL, NULL);
SELECT FROM autoflow.listed_employments(
    NULL, true, true, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL);
SELECT FROM autoflow.listed_locations(
    NULL, true, true, NULL, NULL, NULL, 0, NULL, NULL);
SELECT FROM autoflow.listed_organizations(
    NULL, true, true, NULL, NULL, NULL, 0, NULL, NULL);
SELECT autoflow.profile_with(p, NULL, true, NULL, 1)
  FROM autoflow.profiles AS p
 WHERE false;

DO $$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['employments_company_by_date_idx',
                        'employments_industry_by_date_idx',
                        'employments_current_by_date_idx',
                        'employments_past_idx',
                        'employments_past_by_date_idx',
                        'organizations_industry_by_name_idx',
                        'contacts_deactivated_idx',
                        'employments_deactivated_idx',
                        'locations_deactivated_idx',
                        'organizations_deactivated_idx']) AS name
     WHERE NOT EXISTS (SELECT
                         FROM pg_index
                        WHERE indexrelid = to_regclass('autoflow.' || name)
                          AND indisvalid);

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'missing indexes: %', wrong;
    END IF;

    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['contacts_deactivated', 'employments_deactivated',
                        'locations_deactivated',
                        'organizations_deactivated']) AS name
     WHERE NOT EXISTS (SELECT FROM pg_trigger
                        WHERE tgname = name AND tgenabled = 'O');

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'missing triggers: %', wrong;
    END IF;

    IF autoflow.schema_version() < 16 THEN
        RAISE EXCEPTION 'schema_version() is less than 16';
    END IF;
END
$$;

ROLLBACK;
