-- Verify autoflow:sessions on pg

BEGIN;

SELECT token_hash, previous_hash, rotated_at, access_expires_at
  FROM autoflow.sessions WHERE false;

SELECT tokens_until FROM autoflow.users WHERE false;

SELECT subject_id, epoch, revoked_at, expires_at
  FROM autoflow.revocations WHERE false;

SELECT autoflow.list_json(NULL, 0, 1, 10);

DO $$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['sessions_ended',
                        'sessions_deleted',
                        'users_epoch',
                        'users_revoked',
                        'user_roles_added',
                        'user_roles_taken',
                        'user_roles_changed_from',
                        'user_roles_changed_to',
                        'roles_renamed']) AS name
     WHERE NOT EXISTS (SELECT FROM pg_trigger
                        WHERE tgname = name AND tgenabled = 'O');

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'missing triggers: %', wrong;
    END IF;

    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['refresh_tokens_expires_at_idx',
                        'revocations_pkey',
                        'revocations_expires_at_idx']) AS name
     WHERE to_regclass('autoflow.' || name) IS NULL;

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'missing indexes: %', wrong;
    END IF;

    SELECT string_agg(oid::regprocedure::text, ', ')
      INTO wrong
      FROM pg_proc
     WHERE pronamespace = 'autoflow'::regnamespace
       AND prosecdef
       AND NOT coalesce(proconfig @> '{"search_path=pg_catalog, pg_temp"}',
                        false);

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'SECURITY DEFINER without a search_path: %', wrong;
    END IF;

    IF has_any_column_privilege('autoflow_app', 'autoflow.revocations',
                                'INSERT, UPDATE')
       OR has_table_privilege('autoflow_app', 'autoflow.revocations',
                              'DELETE, TRUNCATE, TRIGGER')
       OR has_function_privilege('autoflow_app',
                                 'autoflow.revoke(uuid, bigint, timestamptz)',
                                 'EXECUTE')
    THEN
        RAISE EXCEPTION 'autoflow_app can write revocations by itself';
    END IF;

    IF NOT has_table_privilege('autoflow_app', 'autoflow.revocations', 'SELECT')
       OR NOT has_function_privilege('autoflow_app', 'autoflow.purge()',
                                     'EXECUTE')
       OR NOT has_column_privilege('autoflow_app', 'autoflow.sessions',
                                   'ended_at', 'UPDATE')
       OR NOT has_column_privilege('autoflow_app', 'autoflow.users',
                                   'token_epoch', 'UPDATE')
    THEN
        RAISE EXCEPTION 'autoflow_app lacks rights';
    END IF;

    IF autoflow.schema_version() < 2 THEN
        RAISE EXCEPTION 'schema_version() is less than 2';
    END IF;
END
$$;

ROLLBACK;
