-- Verify autoflow:familiar_addresses on pg

BEGIN;

SELECT user_id, network, used_on FROM autoflow.user_addresses WHERE false;

DO $$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['sessions_used_address',
                        'users_forget_addresses']) AS name
     WHERE NOT EXISTS (SELECT FROM pg_trigger
                        WHERE tgname = name AND tgenabled = 'O');

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'missing triggers: %', wrong;
    END IF;

    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['user_addresses_pkey',
                        'user_addresses_used_on_idx']) AS name
     WHERE to_regclass('autoflow.' || name) IS NULL;

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'missing indexes: %', wrong;
    END IF;

    IF autoflow.network_of('2001:db8:1:2:3:4:5:6') <> '2001:db8:1:2::/64'
       OR autoflow.network_of('192.0.2.1') <> '192.0.2.1/32'
    THEN
        RAISE EXCEPTION 'network_of() is wrong';
    END IF;

    IF NOT has_table_privilege('autoflow_app', 'autoflow.user_addresses',
                               'SELECT')
       OR NOT has_function_privilege('autoflow_app',
                                     'autoflow.network_of(inet)', 'EXECUTE')
       OR NOT has_function_privilege('autoflow_app',
                                     'autoflow.use_address(uuid, inet)',
                                     'EXECUTE')
       OR NOT has_function_privilege('autoflow_app',
                                     'autoflow.purge_addresses()', 'EXECUTE')
    THEN
        RAISE EXCEPTION 'autoflow_app lacks rights';
    END IF;

    IF has_any_column_privilege('autoflow_app', 'autoflow.user_addresses',
                                'INSERT, UPDATE')
       OR has_table_privilege('autoflow_app', 'autoflow.user_addresses',
                              'DELETE')
    THEN
        RAISE EXCEPTION 'autoflow_app has too many rights';
    END IF;

    IF autoflow.schema_version() < 6 THEN
        RAISE EXCEPTION 'schema_version() is less than 6';
    END IF;
END
$$;

ROLLBACK;
