-- Verify autoflow:accounts on pg

BEGIN;

-- the text of expressions in the catalog depends on it
SET LOCAL search_path = pg_catalog;

SELECT id, email, pending_email, username, full_name, bio, password_hash,
       is_active, is_superuser, email_verified, token_epoch, created_at,
       updated_at, last_login_at, deleted_at
  FROM autoflow.users WHERE false;

SELECT id, name, description, created_at FROM autoflow.roles WHERE false;

SELECT user_id, role_id, created_at FROM autoflow.user_roles WHERE false;

SELECT id, user_id, first_name, last_name, date_of_birth, gender, location_id,
       bio, profile_picture_url, is_public, allow_contact, is_active,
       created_at, updated_at, deactivated_at
  FROM autoflow.profiles WHERE false;

SELECT id, user_id, device_info, ip_address, created_at, last_used_at,
       expires_at, ended_at
  FROM autoflow.sessions WHERE false;

SELECT token_hash, session_id, issued_at, expires_at
  FROM autoflow.refresh_tokens WHERE false;

SELECT autoflow.user_json(NULL), autoflow.claims_json(NULL, NULL);

DO $$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(table_name, ', ')
      INTO wrong
      FROM information_schema.columns
     WHERE table_schema = 'autoflow'
       AND column_name = 'id'
       AND table_name <> 'outbox'       -- random ones: see its own
       AND column_default IS DISTINCT FROM 'autoflow.uuid7()';

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'ids that uuid7() does not make: %', wrong;
    END IF;

    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['users_pkey',
                        'users_email_check',
                        'users_pending_email_check',
                        'users_username_check',
                        'users_full_name_check',
                        'users_bio_check',
                        'roles_pkey',
                        'roles_name_key',
                        'roles_name_check',
                        'roles_description_check',
                        'user_roles_pkey',
                        'user_roles_user_id_fkey',
                        'user_roles_role_id_fkey',
                        'profiles_pkey',
                        'profiles_user_id_key',
                        'profiles_user_id_fkey',
                        'profiles_first_name_check',
                        'profiles_last_name_check',
                        'profiles_gender_check',
                        'profiles_bio_check',
                        'profiles_profile_picture_url_check',
                        'sessions_pkey',
                        'sessions_user_id_fkey',
                        'refresh_tokens_pkey',
                        'refresh_tokens_session_id_fkey',
                        'refresh_tokens_token_hash_check']) AS name
     WHERE NOT EXISTS (SELECT
                         FROM pg_constraint
                        WHERE connamespace = 'autoflow'::regnamespace
                          AND conname = name
                          AND convalidated);

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'missing constraints: %', wrong;
    END IF;

    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['users_email_key',
                        'users_username_key',
                        'user_roles_role_id_idx',
                        'sessions_user_id_idx',
                        'refresh_tokens_session_id_idx']) AS name
     WHERE NOT EXISTS (SELECT
                         FROM pg_index
                        WHERE indexrelid = to_regclass('autoflow.' || name)
                          AND indisvalid
                          AND (indisunique OR name NOT LIKE '%\_key'));

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'missing indexes: %', wrong;
    END IF;

    SELECT string_agg(privilege || ' on ' || name, ', ')
      INTO wrong
      FROM (VALUES ('users', 'SELECT'),
                   ('users', 'INSERT'),
                   ('roles', 'SELECT'),
                   ('user_roles', 'SELECT'),
                   ('profiles', 'INSERT'),
                   ('sessions', 'SELECT'),
                   ('sessions', 'INSERT')) AS needed (name, privilege)
     WHERE NOT has_any_column_privilege('autoflow_app', 'autoflow.' || name,
                                        privilege);

    IF wrong IS NOT NULL
       OR NOT has_column_privilege('autoflow_app', 'autoflow.users',
                                   'password_hash', 'UPDATE')
       OR NOT has_column_privilege('autoflow_app', 'autoflow.users',
                                   'last_login_at', 'UPDATE')
    THEN
        RAISE EXCEPTION 'autoflow_app lacks rights: %',
                        coalesce(wrong, 'UPDATE on users');
    END IF;

    IF has_table_privilege('autoflow_app', 'autoflow.users',
                           'DELETE, TRUNCATE, TRIGGER')
    THEN
        RAISE EXCEPTION 'autoflow_app has too many rights on users';
    END IF;

    SELECT string_agg(function, ', ')
      INTO wrong
      FROM unnest(ARRAY['autoflow.role_names(uuid)',
                        'autoflow.user_json(autoflow.users)'])
           AS function
     WHERE NOT has_function_privilege('autoflow_app', function, 'EXECUTE');

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'autoflow_app may not execute %', wrong;
    END IF;
END
$$;

ROLLBACK;
