-- Verify autoflow:addresses on pg

BEGIN;

-- the text of expressions in the catalog depends on it
SET LOCAL search_path = pg_catalog;

SELECT email_key, pending_email_key, verified_at, tokens_stale_at
  FROM autoflow.users WHERE false;
SELECT recipient_key FROM autoflow.outbox WHERE false;

DO $$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['users_email_check',
                        'users_pending_email_check',
                        'outbox_kind_check']) AS name
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
      FROM (VALUES ('users_email_key', '(email_key)'),
                   ('users_pending_email_key_idx', '(pending_email_key)'),
                   ('outbox_user_id_idx', '(user_id, expires_at)'),
                   ('outbox_recipient_idx', '(recipient_key, created_at)'))
           AS needed (name, columns)
     WHERE NOT EXISTS (SELECT
                         FROM pg_index
                        WHERE indexrelid = to_regclass('autoflow.' || name)
                          AND indisvalid
                          AND pg_get_indexdef(indexrelid)
                              LIKE '%' || columns || '%');

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'missing indexes: %', wrong;
    END IF;

    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['users_address_keys_new',
                        'users_address_keys',
                        'users_address_keys_given',
                        'users_address_withdrawn',
                        'users_verified_at',
                        'users_epoch',
                        'users_end_mail_tokens',
                        'outbox_recipient_key']) AS name
     WHERE NOT EXISTS (SELECT
                         FROM pg_trigger
                        WHERE tgrelid IN ('autoflow.users'::regclass,
                                          'autoflow.outbox'::regclass)
                          AND tgname = name
                          AND tgenabled = 'O');

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'missing triggers: %', wrong;
    END IF;

    SELECT string_agg(privilege || ' on ' || name || ' (' || field || ')', ', ')
      INTO wrong
      FROM (VALUES ('users', 'email_key', 'INSERT'),
                   ('users', 'email_key', 'UPDATE'),
                   ('users', 'pending_email_key', 'UPDATE'),
                   ('users', 'tokens_stale_at', 'UPDATE'),
                   ('outbox', 'recipient_key', 'INSERT'))
           AS needed (name, field, privilege)
     WHERE NOT has_column_privilege('autoflow_app', 'autoflow.' || name, field,
                                    privilege);

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'autoflow_app lacks rights: %', wrong;
    END IF;

    -- the module can't write whether an account was ever verified
    IF has_column_privilege('autoflow_app', 'autoflow.users', 'verified_at',
                            'INSERT, UPDATE')
    THEN
        RAISE EXCEPTION 'autoflow_app has too many rights';
    END IF;

    SELECT string_agg(function, ', ')
      INTO wrong
      FROM unnest(ARRAY['autoflow.email_key(text)',
                        'autoflow.masked_email(text)',
                        'autoflow.request_mail(text, uuid, text, text)'])
           AS function
     WHERE NOT has_function_privilege('autoflow_app', function, 'EXECUTE');

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'autoflow_app may not execute %', wrong;
    END IF;

    IF autoflow.schema_version() < 7 THEN
        RAISE EXCEPTION 'schema_version() is less than 7';
    END IF;
END
$$;

ROLLBACK;
