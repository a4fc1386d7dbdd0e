-- Revert autoflow:messages from pg

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 12;

DROP TRIGGER users_mailbox_closed ON autoflow.users;

REVOKE SELECT (user_id, first_name, last_name, is_public, is_active)
    ON autoflow.profiles FROM autoflow_app;

DROP FUNCTION
    autoflow.message_json(autoflow.messages),
    autoflow.purge_mailboxes(),
    autoflow.users_mailbox_closed();

DROP TABLE
    autoflow.conversations,
    autoflow.message_entries,
    autoflow.messages,
    autoflow.mailboxes;

DROP FUNCTION autoflow.message_entries_deleted();

COMMIT;
