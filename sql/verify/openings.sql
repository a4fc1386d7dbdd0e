-- Verify autoflow:openings on pg

BEGIN;

SELECT amr, aal FROM autoflow.sessions WHERE false;

DO $$
DECLARE
    missing text;
BEGIN
    SELECT string_agg(name, ', ')
      INTO missing
      FROM unnest(ARRAY[
          'autoflow.mailed_json()', 'autoflow.refresh_problem(text)']) AS name
     WHERE NOT has_function_privilege('autoflow_app', name, 'EXECUTE');

    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'autoflow_app may not execute: %', missing;
    END IF;

    IF (SELECT attnotnull
          FROM pg_attribute
         WHERE attrelid = 'autoflow.users'::regclass
           AND attname = 'password_hash')
    THEN
        RAISE EXCEPTION 'an account needs a password';
    END IF;

    IF autoflow.schema_version() < 11 THEN
        RAISE EXCEPTION 'schema_version() is less than 11';
    END IF;
END
$$;

ROLLBACK;
