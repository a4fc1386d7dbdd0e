-- Revert autoflow:message_lists from pg

BEGIN;

DROP INDEX
    autoflow.message_entries_read_idx,
    autoflow.message_entries_conversation_unread_idx,
    autoflow.message_entries_conversation_is_sent_idx;

COMMIT;
