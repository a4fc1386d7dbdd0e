-- Verify autoflow:sessions_bounded on pg

BEGIN;

SELECT number, random FROM autoflow.sessions WHERE false;

SELECT session_id FROM autoflow.purged WHERE false;

DO $$
DECLARE
    wrong text;
BEGIN
    IF NOT EXISTS (SELECT
                     FROM pg_index
                    WHERE indexrelid
                          = to_regclass('autoflow.sessions_user_id_idx')
                      AND indpred IS NOT NULL
                      AND indisvalid)
    THEN
        RAISE EXCEPTION 'sessions_user_id_idx is not of living sessions alone';
    END IF;

    -- otherwise refreshes are no longer HOT updates
    SELECT string_agg(attname, ', ')
      INTO wrong
      FROM pg_index
      JOIN pg_attribute
        ON attrelid = indrelid
       AND (attnum = ANY (indkey)
            OR pg_get_expr(indpred, indrelid) ~ ('\m' || attname || '\M'))
     WHERE indrelid = 'autoflow.sessions'::regclass
       AND attname NOT IN ('id', 'user_id', 'ended_at');

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'an index of sessions has: %', wrong;
    END IF;

    IF octet_length(autoflow.session_random()) <> 32
       OR autoflow.session_random() = autoflow.session_random()
    THEN
        RAISE EXCEPTION 'session_random() is not right';
    END IF;

    IF (SELECT count(*) FROM autoflow.purged) <> 1 THEN
        RAISE EXCEPTION 'autoflow.purged needs its row';
    END IF;

    IF has_table_privilege('autoflow_app', 'autoflow.purged',
                           'SELECT, INSERT, UPDATE, DELETE')
    THEN
        RAISE EXCEPTION 'autoflow_app has rights that it does not need';
    END IF;

    IF NOT has_column_privilege('autoflow_app', 'autoflow.sessions', 'number',
                                'UPDATE')
       OR NOT has_column_privilege('autoflow_app', 'autoflow.sessions',
                                   'random', 'UPDATE')
       OR NOT has_function_privilege('autoflow_app',
                                     'autoflow.session_random()', 'EXECUTE')
    THEN
        RAISE EXCEPTION 'autoflow_app lacks rights';
    END IF;

    IF autoflow.schema_version() < 9 THEN
        RAISE EXCEPTION 'schema_version() is less than 9';
    END IF;
END
$$;

ROLLBACK;
