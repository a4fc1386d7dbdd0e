-- Verify autoflow:dialects on pg

BEGIN;

SELECT autoflow.user_as('autoflow', NULL),
       autoflow.user_as('autoflow', NULL, NULL);

DO $$
DECLARE
    missing text;
BEGIN
    SELECT string_agg(name, ', ')
      INTO missing
      FROM unnest(ARRAY[
          'autoflow.user_as(text, autoflow.users)',
          'autoflow.user_as(text, autoflow.users, text[])']) AS name
     WHERE NOT has_function_privilege('autoflow_app', name, 'EXECUTE');

    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'autoflow_app may not execute: %', missing;
    END IF;

    IF autoflow.schema_version() < 12 THEN
        RAISE EXCEPTION 'schema_version() is less than 12';
    END IF;
END
$$;

ROLLBACK;
