-- Verify autoflow:message_lists on pg

BEGIN;

DO $$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['message_entries_read_idx',
                        'message_entries_conversation_unread_idx',
                        'message_entries_conversation_is_sent_idx']) AS name
     WHERE NOT EXISTS (SELECT
                         FROM pg_index
                        WHERE indexrelid = to_regclass('autoflow.' || name)
                          AND indisvalid);

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'missing indexes: %', wrong;
    END IF;
END
$$;

ROLLBACK;
