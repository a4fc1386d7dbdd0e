-- Verify autoflow:life on pg

BEGIN;

DO $$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['username', 'full_name', 'bio', 'is_active',
                        'deleted_at']) AS name
     WHERE NOT has_column_privilege('autoflow_app', 'autoflow.users', name,
                                    'UPDATE');

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'autoflow_app may not update users: %', wrong;
    END IF;

    IF (SELECT prosrc
          FROM pg_proc
         WHERE oid = 'autoflow.request_mail(text, uuid, text)'::regprocedure)
       NOT LIKE '%email_changed%'
    THEN
        RAISE EXCEPTION 'request_mail() counts notices';
    END IF;

    IF autoflow.schema_version() < 5 THEN
        RAISE EXCEPTION 'schema_version() is less than 5';
    END IF;
END
$$;

ROLLBACK;
