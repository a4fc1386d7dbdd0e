-- Verify autoflow:messages on pg

BEGIN;

SELECT user_id, last_number, closed_at FROM autoflow.mailboxes WHERE false;
SELECT id, conversation_id, sender_id, recipient_id, content, parent_id,
       created_at, read_at
  FROM autoflow.messages WHERE false;
SELECT user_id, number, message_id, conversation_id, is_sent, unread
  FROM autoflow.message_entries WHERE false;
SELECT user_id, conversation_id, other_id, last_number, unread_count
  FROM autoflow.conversations WHERE false;

SELECT autoflow.message_json(NULL);

DO $$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['mailboxes_closed_at_idx',
                        'message_entries_message_id_key',
                        'message_entries_is_sent_idx',
                        'message_entries_unread_idx',
                        'message_entries_conversation_id_idx',
                        'conversations_last_number_idx']) AS name
     WHERE NOT EXISTS (SELECT
                         FROM pg_index
                        WHERE indexrelid = to_regclass('autoflow.' || name)
                          AND indisvalid);

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'missing indexes: %', wrong;
    END IF;

    SELECT string_agg(name, ', ')
      INTO wrong
      FROM unnest(ARRAY['message_entries_deleted',
                        'users_mailbox_closed']) AS name
     WHERE NOT EXISTS (SELECT FROM pg_trigger
                        WHERE tgname = name AND tgenabled = 'O');

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'missing triggers: %', wrong;
    END IF;

    SELECT string_agg(privilege || ' on ' || name || ' (' || field || ')', ', ')
      INTO wrong
      FROM (VALUES ('mailboxes', 'user_id', 'INSERT'),
                   ('mailboxes', 'last_number', 'INSERT'),
                   ('mailboxes', 'last_number', 'UPDATE'),
                   ('messages', 'content', 'INSERT'),
                   ('messages', 'parent_id', 'INSERT'),
                   ('messages', 'read_at', 'UPDATE'),
                   ('message_entries', 'number', 'INSERT'),
                   ('message_entries', 'unread', 'UPDATE'),
                   ('conversations', 'other_id', 'INSERT'),
                   ('conversations', 'last_number', 'UPDATE'),
                   ('conversations', 'unread_count', 'UPDATE'),
                   ('profiles', 'first_name', 'SELECT'),
                   ('profiles', 'last_name', 'SELECT'),
                   ('profiles', 'is_public', 'SELECT'))
           AS needed (name, field, privilege)
     WHERE NOT has_column_privilege('autoflow_app', 'autoflow.' || name, field,
                                    privilege);

    IF wrong IS NOT NULL
       OR NOT has_table_privilege('autoflow_app', 'autoflow.message_entries',
                                  'DELETE')
       OR NOT has_table_privilege('autoflow_app', 'autoflow.conversations',
                                  'DELETE')
       OR NOT has_function_privilege('autoflow_app',
                                     'autoflow.purge_mailboxes()', 'EXECUTE')
    THEN
        RAISE EXCEPTION 'autoflow_app lacks rights: %',
                        coalesce(wrong, 'DELETE, EXECUTE');
    END IF;

    IF has_table_privilege('autoflow_app', 'autoflow.messages', 'DELETE')
       OR has_column_privilege('autoflow_app', 'autoflow.messages', 'content',
                               'UPDATE')
       OR has_table_privilege('autoflow_app', 'autoflow.mailboxes', 'DELETE')
       OR has_column_privilege('autoflow_app', 'autoflow.mailboxes',
                               'closed_at', 'INSERT, UPDATE')
       OR has_column_privilege('autoflow_app', 'autoflow.message_entries',
                               'user_id', 'UPDATE')
    THEN
        RAISE EXCEPTION 'autoflow_app has too many rights';
    END IF;

    IF autoflow.schema_version() < 13 THEN
        RAISE EXCEPTION 'schema_version() is less than 13';
    END IF;
END
$$;

ROLLBACK;
