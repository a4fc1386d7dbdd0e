-- Verify autoflow:mail on pg

BEGIN;

-- the text of expressions in the catalog depends on it
SET LOCAL search_path = pg_catalog;

SELECT id, kind, user_id, recipient, created_at, expires_at, due_at, attempts,
       sent_at, failed_at, last_error, used_at
  FROM autoflow.outbox WHERE false;

DO $$
DECLARE
    wrong text;
BEGIN
    -- the time of its creation would reveal most of a token's contents
    IF (SELECT column_default
          FROM information_schema.columns
         WHERE table_schema = 'autoflow'
           AND table_name = 'outbox'
           AND column_name = 'id') IS DISTINCT FROM 'gen_random_uuid()'
    THEN
        RAISE EXCEPTION 'the ids of outbox must be random';
    END IF;

    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['outbox_pkey',
                        'outbox_user_id_fkey',
                        'outbox_kind_check',
                        'outbox_recipient_check']) AS name
     WHERE NOT EXISTS (SELECT
                         FROM pg_constraint
                        WHERE connamespace = 'autoflow'::regnamespace
                          AND conname = name
                          AND convalidated);

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'missing constraints: %', wrong;
    END IF;

    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['outbox_due_at_idx',
                        'outbox_user_id_idx',
                        'outbox_recipient_idx',
                        'users_pending_email_idx']) AS name
     WHERE NOT EXISTS (SELECT
                         FROM pg_index
                        WHERE indexrelid = to_regclass('autoflow.' || name)
                          AND indisvalid);

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'missing indexes: %', wrong;
    END IF;

    IF NOT EXISTS (SELECT
                     FROM pg_trigger
                    WHERE tgrelid = 'autoflow.users'::regclass
                      AND tgname = 'users_end_mail_tokens'
                      AND tgenabled = 'O')
    THEN
        RAISE EXCEPTION 'missing trigger: users_end_mail_tokens';
    END IF;

    IF NOT (SELECT prosecdef
                   AND proconfig @> '{"search_path=pg_catalog, pg_temp"}'
              FROM pg_proc
             WHERE oid = 'autoflow.mail_maintain()'::regprocedure)
    THEN
        RAISE EXCEPTION 'mail_maintain() must be a safe SECURITY DEFINER';
    END IF;

    SELECT string_agg(privilege || ' (' || name || ')', ', ')
      INTO wrong
      FROM (VALUES ('kind', 'INSERT'),
                   ('user_id', 'INSERT'),
                   ('recipient', 'INSERT'),
                   ('due_at', 'UPDATE'),
                   ('attempts', 'UPDATE'),
                   ('sent_at', 'UPDATE'),
                   ('failed_at', 'UPDATE'),
                   ('last_error', 'UPDATE'),
                   ('used_at', 'UPDATE')) AS needed (name, privilege)
     WHERE NOT has_column_privilege('autoflow_app', 'autoflow.outbox', name,
                                    privilege);

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'autoflow_app lacks rights on outbox: %', wrong;
    END IF;

    -- the module can't write the contents of a token, or its expiry
    IF has_column_privilege('autoflow_app', 'autoflow.outbox', 'id',
                            'INSERT, UPDATE')
       OR has_column_privilege('autoflow_app', 'autoflow.outbox',
                               'created_at', 'INSERT, UPDATE')
       OR has_table_privilege('autoflow_app', 'autoflow.outbox',
                              'DELETE, TRUNCATE, TRIGGER')
    THEN
        RAISE EXCEPTION 'autoflow_app has too many rights on outbox';
    END IF;

    SELECT string_agg(function, ', ')
      INTO wrong
      FROM unnest(ARRAY['autoflow.mail_expiry(text, timestamptz)',
                        'autoflow.mail_maintain()']) AS function
     WHERE NOT has_function_privilege('autoflow_app', function, 'EXECUTE');

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'autoflow_app may not execute %', wrong;
    END IF;

    IF autoflow.schema_version() < 3 THEN
        RAISE EXCEPTION 'schema_version() is less than 3';
    END IF;
END
$$;

ROLLBACK;
