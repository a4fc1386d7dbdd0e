-- Verify autoflow:administration on pg

BEGIN;

-- the text of expressions in the catalog depends on it
SET LOCAL search_path = pg_catalog;

SELECT user_id, names FROM autoflow.user_names WHERE false;

SELECT autoflow.user_json(NULL, NULL), autoflow.role_json(NULL),
       autoflow.audit_is_overdue();

DO $$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['user_names_names_idx',
                        'users_created_at_idx',
                        'users_email_idx',
                        'users_username_idx',
                        'users_last_login_at_idx',
                        'users_inactive_idx',
                        'users_superuser_idx',
                        'audit_events_action_idx',
                        'audit_events_actor_id_idx',
                        'audit_events_target_id_idx']) AS name
     WHERE NOT EXISTS (SELECT
                         FROM pg_index
                        WHERE indexrelid = to_regclass('autoflow.' || name)
                          AND indisvalid);

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'missing indexes: %', wrong;
    END IF;

    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['users_named_new',
                        'users_named_again',
                        'users_last_superuser',
                        'user_roles_bounded']) AS name
     WHERE NOT EXISTS (SELECT FROM pg_trigger
                        WHERE tgname = name AND tgenabled = 'O');

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'missing triggers: %', wrong;
    END IF;

    SELECT string_agg(privilege || ' on ' || name || ' (' || field || ')', ', ')
      INTO wrong
      FROM (VALUES ('users', 'is_superuser', 'INSERT'),
                   ('users', 'email_verified', 'INSERT'),
                   ('users', 'username', 'UPDATE'),
                   ('users', 'full_name', 'UPDATE'),
                   ('users', 'bio', 'UPDATE'),
                   ('users', 'is_active', 'UPDATE'),
                   ('users', 'is_superuser', 'UPDATE'),
                   ('users', 'deleted_at', 'UPDATE'),
                   ('roles', 'name', 'INSERT'),
                   ('roles', 'description', 'INSERT'),
                   ('user_roles', 'user_id', 'INSERT'),
                   ('user_roles', 'role_id', 'INSERT'))
           AS needed (name, field, privilege)
     WHERE NOT has_column_privilege('autoflow_app', 'autoflow.' || name, field,
                                    privilege);

    IF wrong IS NOT NULL
       OR NOT has_table_privilege('autoflow_app', 'autoflow.user_roles',
                                  'DELETE')
    THEN
        RAISE EXCEPTION 'autoflow_app lacks rights: %',
                        coalesce(wrong, 'DELETE');
    END IF;

    IF has_any_column_privilege('autoflow_app', 'autoflow.roles', 'UPDATE')
       OR has_any_column_privilege('autoflow_app', 'autoflow.user_roles',
                                   'UPDATE')
       OR has_any_column_privilege('autoflow_app', 'autoflow.user_names',
                                   'INSERT, UPDATE')
    THEN
        RAISE EXCEPTION 'autoflow_app has too many rights';
    END IF;

    IF autoflow.schema_version() < 4 THEN
        RAISE EXCEPTION 'schema_version() is less than 4';
    END IF;
END
$$;

ROLLBACK;
