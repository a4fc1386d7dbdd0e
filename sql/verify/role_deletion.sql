-- Verify autoflow:role_deletion on pg

BEGIN;

SELECT deleted_at, deleted_name, free_at FROM autoflow.roles WHERE false;

SELECT autoflow.role_subject('editor'), autoflow.lock_roles('[]'),
       autoflow.delete_role(NULL, NULL);

DO $$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['roles_deleted',
                        'roles_revoked',
                        'roles_revoked_new',
                        'roles_name_held',
                        'roles_name_held_new',
                        'roles_renamed',
                        'roles_are_gone',
                        'users_last_superuser']) AS name
     WHERE NOT EXISTS (SELECT FROM pg_trigger
                        WHERE tgname = name AND tgenabled = 'O');

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'missing triggers: %', wrong;
    END IF;

    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['delete_role(uuid, interval)',
                        'lock_roles(json)',
                        'purge_roles()']) AS name
     WHERE NOT has_function_privilege('autoflow_app', 'autoflow.' || name,
                                      'EXECUTE');

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'autoflow_app lacks a right to: %', wrong;
    END IF;

    IF has_function_privilege('autoflow_app',
                              'autoflow.revoke(uuid, bigint, timestamptz,'
                              ' timestamptz)', 'EXECUTE')
    THEN
        RAISE EXCEPTION 'autoflow_app has too many rights';
    END IF;

    IF autoflow.schema_version() < 8 THEN
        RAISE EXCEPTION 'schema_version() is less than 8';
    END IF;
END
$$;

ROLLBACK;
