-- Verify autoflow:base on pg
--
-- A verification also runs after later changes: it checks what stays true.

BEGIN;

-- the text of expressions in the catalog depends on it
SET LOCAL search_path = pg_catalog;

DO $$
DECLARE
    wrong text;
BEGIN
    IF NOT (SELECT rolcanlogin AND NOT rolsuper AND NOT rolcreaterole
                   AND NOT rolcreatedb AND NOT rolbypassrls
              FROM pg_roles WHERE oid = 'autoflow_app'::regrole)
    THEN
        RAISE EXCEPTION 'autoflow_app can''t log in, or can do too much';
    END IF;

    IF NOT EXISTS (SELECT
                     FROM pg_roles, unnest(rolconfig) AS setting
                    WHERE rolname = 'autoflow_app'
                      AND setting LIKE 'statement\_timeout=%')
    THEN
        RAISE EXCEPTION 'autoflow_app has no statement_timeout';
    END IF;

    IF NOT pg_has_role('autoflow_app', 'MEMBER') THEN
        RAISE EXCEPTION '% can''t become autoflow_app', current_user;
    END IF;

    IF NOT has_schema_privilege('autoflow_app', 'autoflow', 'USAGE')
       OR has_schema_privilege('autoflow_app', 'autoflow', 'CREATE')
    THEN
        RAISE EXCEPTION 'autoflow_app''s rights on the schema are wrong';
    END IF;

    IF EXISTS (SELECT FROM pg_namespace, aclexplode(nspacl)
                WHERE nspname = 'autoflow' AND grantee = 0)
    THEN
        RAISE EXCEPTION 'PUBLIC has rights on the schema';
    END IF;

    SELECT string_agg(oid::regprocedure::text, ', ')
      INTO wrong
      FROM pg_proc
     WHERE pronamespace = 'autoflow'::regnamespace
       AND EXISTS (SELECT
                     FROM aclexplode(coalesce(proacl,
                                              acldefault('f', proowner)))
                    WHERE grantee = 0);

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'PUBLIC may execute %', wrong;
    END IF;

    SELECT string_agg(function, ', ')
      INTO wrong
      FROM unnest(ARRAY['autoflow.schema_version()',
                        'autoflow.uuid7()',
                        'autoflow.rfc3339(timestamptz)',
                        'autoflow.is_text(text, integer, integer)',
                        'autoflow.is_email(text)']) AS function
     WHERE NOT has_function_privilege('autoflow_app', function, 'EXECUTE');

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'autoflow_app may not execute %', wrong;
    END IF;

    IF autoflow.uuid7()::text !~ '^.{8}-.{4}-7.{3}-[89ab].{3}-.{12}$' THEN
        RAISE EXCEPTION 'uuid7() does not make version 7';
    END IF;

    IF autoflow.rfc3339('2026-01-02 05:04:05.123456+02')
           IS DISTINCT FROM '2026-01-02T03:04:05.123456Z'
       OR autoflow.rfc3339(NULL) IS NOT NULL
    THEN
        RAISE EXCEPTION 'rfc3339() is wrong';
    END IF;

    IF autoflow.schema_version() IS NULL THEN
        RAISE EXCEPTION 'schema_version() is null';
    END IF;
END
$$;

ROLLBACK;
