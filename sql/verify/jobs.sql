-- Verify autoflow:jobs on pg

BEGIN;

SELECT name, holder, fence, period, until, ran_at
  FROM autoflow.jobs WHERE false;

DO $$
BEGIN
    IF NOT has_table_privilege('autoflow_app', 'autoflow.jobs', 'SELECT')
       OR NOT has_column_privilege('autoflow_app', 'autoflow.jobs', 'until',
                                   'INSERT')
       OR NOT has_column_privilege('autoflow_app', 'autoflow.jobs', 'fence',
                                   'UPDATE')
       OR NOT has_function_privilege('autoflow_app',
                                     'autoflow.job_fence(text, bigint)',
                                     'EXECUTE')
    THEN
        RAISE EXCEPTION 'autoflow_app lacks rights';
    END IF;

    -- otherwise fences would be reused
    IF has_table_privilege('autoflow_app', 'autoflow.jobs', 'DELETE, TRUNCATE')
    THEN
        RAISE EXCEPTION 'autoflow_app may delete jobs';
    END IF;

    IF autoflow.schema_version() < 10 THEN
        RAISE EXCEPTION 'schema_version() is less than 10';
    END IF;
END
$$;

ROLLBACK;
