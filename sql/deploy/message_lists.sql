-- Deploy autoflow:message_lists to pg
-- requires: directory_lists
--
-- Indexes for lists of messages with two filters, of which each alone finds
-- many.
--
-- Not one transaction: they are built beside whoever writes.  After a failure
-- it may be deployed again.

-- ?box=inbox&unread=false
DROP INDEX CONCURRENTLY IF EXISTS autoflow.message_entries_read_idx;
CREATE INDEX CONCURRENTLY message_entries_read_idx
    ON autoflow.message_entries (user_id, number)
    WHERE NOT is_sent AND NOT unread;

-- ?conversation_id=…&unread=true
DROP INDEX CONCURRENTLY
    IF EXISTS autoflow.message_entries_conversation_unread_idx;
CREATE INDEX CONCURRENTLY message_entries_conversation_unread_idx
    ON autoflow.message_entries (user_id, conversation_id, number)
    WHERE unread;

-- ?conversation_id=…&box=…
DROP INDEX CONCURRENTLY
    IF EXISTS autoflow.message_entries_conversation_is_sent_idx;
CREATE INDEX CONCURRENTLY message_entries_conversation_is_sent_idx
    ON autoflow.message_entries (user_id, conversation_id, is_sent, number);
