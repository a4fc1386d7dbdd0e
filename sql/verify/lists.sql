-- Verify autoflow:lists on pg

BEGIN;

SELECT autoflow.role_id(NULL);

DO $$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['users_by_username_idx',
                        'users_by_last_login_at_idx',
                        'roles_by_name_idx']) AS name
     WHERE NOT EXISTS (SELECT
                         FROM pg_index
                        WHERE indexrelid = to_regclass('autoflow.' || name)
                          AND indisvalid);

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'missing indexes: %', wrong;
    END IF;

    IF NOT has_function_privilege('autoflow_app', 'autoflow.role_id(text)',
                                  'EXECUTE')
    THEN
        RAISE EXCEPTION 'autoflow_app lacks rights: EXECUTE';
    END IF;

    IF autoflow.schema_version() < 5 THEN
        RAISE EXCEPTION 'schema_version() is less than 5';
    END IF;
END
$$;

ROLLBACK;
