-- Deploy autoflow:messages to pg
-- requires: dialects
--
-- Messages from one account to another.
--
-- Each of the two has an entry of a message in their mailbox, and may delete it;
-- the message goes with the second one.  Whoever changes what is in a mailbox
-- locks that row first; whoever needs two, in the order of their owners.  So
-- entries appear in the order of their numbers, and what conversations count is
-- right.

BEGIN;

-- better to fail than to have everybody wait behind us for a dump's end
SET LOCAL lock_timeout = '5s';

CREATE TABLE autoflow.mailboxes (
    user_id      uuid NOT NULL,
    last_number  bigint NOT NULL DEFAULT 0,
    closed_at    timestamptz,

    CONSTRAINT mailboxes_pkey PRIMARY KEY (user_id),
    CONSTRAINT mailboxes_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES autoflow.users ON DELETE CASCADE
);

COMMENT ON COLUMN autoflow.mailboxes.last_number IS
    'that an entry may have; each attempt to send takes one';
COMMENT ON COLUMN autoflow.mailboxes.closed_at IS
    'when the account was deleted: what is in it goes, in batches';

CREATE INDEX mailboxes_closed_at_idx ON autoflow.mailboxes (closed_at)
    WHERE closed_at IS NOT NULL;

GRANT SELECT, INSERT (user_id, last_number), UPDATE (last_number)
    ON autoflow.mailboxes TO autoflow_app;


-- No foreign keys to the two accounts: a message outlives either of them, for
-- the other one.  Nor to the parent: whoever deletes it need not change all the
-- replies, of which there may be any number.

CREATE TABLE autoflow.messages (
    id               uuid NOT NULL DEFAULT autoflow.uuid7(),
    conversation_id  uuid NOT NULL,
    sender_id        uuid NOT NULL,
    recipient_id     uuid NOT NULL,
    content          text NOT NULL,
    -- which may be gone
    parent_id        uuid,
    -- not when the transaction began, which may have waited for a mailbox
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    read_at          timestamptz,

    CONSTRAINT messages_pkey PRIMARY KEY (id),
    CONSTRAINT messages_recipient_id_check
        CHECK (recipient_id <> sender_id),
    CONSTRAINT messages_content_check
        CHECK (autoflow.is_text(content, 1, 10000))
);

GRANT SELECT,
      INSERT (conversation_id, sender_id, recipient_id, content, parent_id),
      UPDATE (read_at)
    ON autoflow.messages TO autoflow_app;


CREATE TABLE autoflow.message_entries (
    user_id          uuid NOT NULL,
    number           bigint NOT NULL,
    message_id       uuid NOT NULL,
    conversation_id  uuid NOT NULL,
    is_sent          boolean NOT NULL,
    unread           boolean NOT NULL,

    CONSTRAINT message_entries_pkey PRIMARY KEY (user_id, number),
    CONSTRAINT message_entries_message_id_key UNIQUE (message_id, user_id),
    CONSTRAINT message_entries_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES autoflow.mailboxes ON DELETE CASCADE,
    -- without CASCADE: a message that has entries stays
    CONSTRAINT message_entries_message_id_fkey
        FOREIGN KEY (message_id) REFERENCES autoflow.messages
);

COMMENT ON COLUMN autoflow.message_entries.number IS
    'its place in the mailbox: a greater one was committed later';

-- the filters of the list
CREATE INDEX message_entries_is_sent_idx
    ON autoflow.message_entries (user_id, is_sent, number);
CREATE INDEX message_entries_unread_idx
    ON autoflow.message_entries (user_id, unread, number);
CREATE INDEX message_entries_conversation_id_idx
    ON autoflow.message_entries (user_id, conversation_id, number);

GRANT SELECT, INSERT, UPDATE (unread), DELETE
    ON autoflow.message_entries TO autoflow_app;


-- A row for each of the two who has entries of it.

CREATE TABLE autoflow.conversations (
    user_id          uuid NOT NULL,
    conversation_id  uuid NOT NULL,
    other_id         uuid NOT NULL,
    last_number      bigint NOT NULL,
    unread_count     integer NOT NULL,

    CONSTRAINT conversations_pkey PRIMARY KEY (user_id, conversation_id),
    CONSTRAINT conversations_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES autoflow.mailboxes ON DELETE CASCADE,
    CONSTRAINT conversations_unread_count_check CHECK (unread_count >= 0)
);

COMMENT ON COLUMN autoflow.conversations.last_number IS
    'of its latest entry that this account has';

CREATE INDEX conversations_last_number_idx
    ON autoflow.conversations (user_id, last_number);

GRANT SELECT, INSERT, UPDATE (last_number, unread_count), DELETE
    ON autoflow.conversations TO autoflow_app;

-- the names of whoever shows them to everybody
GRANT SELECT (user_id, first_name, last_name, is_public, is_active)
    ON autoflow.profiles TO autoflow_app;


-- A message goes with its last entry.  Two who delete theirs at once don't see
-- each other's deletion, unless the second waits for the first.

CREATE FUNCTION autoflow.message_entries_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ids  CONSTANT uuid[] := ARRAY(SELECT message_id FROM deleted);
BEGIN
    PERFORM FROM autoflow.messages
      WHERE id = ANY (ids)
      ORDER BY id
        FOR UPDATE;

    DELETE FROM autoflow.messages m
     WHERE id = ANY (ids)
       AND NOT EXISTS (SELECT
                         FROM autoflow.message_entries
                        WHERE message_id = m.id);
    RETURN NULL;
END
$$;

CREATE TRIGGER message_entries_deleted
    AFTER DELETE ON autoflow.message_entries
    REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION autoflow.message_entries_deleted();


-- The mailbox of an account that is deleted is closed, whether there was one or
-- one is being made: whoever has locked it since sees that the account is gone.

CREATE FUNCTION autoflow.users_mailbox_closed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO autoflow.mailboxes (user_id, closed_at)
    VALUES (NEW.id, now())
    ON CONFLICT (user_id) DO UPDATE SET closed_at = excluded.closed_at;

    RETURN NULL;
END
$$;

CREATE TRIGGER users_mailbox_closed
    AFTER UPDATE ON autoflow.users FOR EACH ROW
    WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION autoflow.users_mailbox_closed();


-- Deletes what is in one closed mailbox, a thousand entries and as many
-- conversations at a time, and in the end the mailbox.  Returns whether there
-- may be more.

CREATE FUNCTION autoflow.purge_mailboxes() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    batch          CONSTANT integer := 1000;
    closed         uuid;
    entries        bigint;
    conversations  bigint;
BEGIN
    SELECT user_id
      INTO closed
      FROM autoflow.mailboxes
     WHERE closed_at IS NOT NULL
     ORDER BY closed_at
     LIMIT 1
       FOR UPDATE SKIP LOCKED;

    IF NOT FOUND THEN
        RETURN false;
    END IF;

    DELETE FROM autoflow.message_entries
     WHERE user_id = closed
       AND number = ANY (ARRAY(SELECT number
                                 FROM autoflow.message_entries
                                WHERE user_id = closed
                                ORDER BY number
                                LIMIT batch));
    GET DIAGNOSTICS entries = ROW_COUNT;

    DELETE FROM autoflow.conversations
     WHERE user_id = closed
       AND conversation_id = ANY (ARRAY(SELECT conversation_id
                                          FROM autoflow.conversations
                                         WHERE user_id = closed
                                         LIMIT batch));
    GET DIAGNOSTICS conversations = ROW_COUNT;

    IF entries < batch AND conversations < batch THEN
        DELETE FROM autoflow.mailboxes WHERE user_id = closed;
    END IF;

    RETURN true;
END
$$;


CREATE FUNCTION autoflow.message_json(message autoflow.messages) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT row_to_json(answer)
      FROM (SELECT message.id,
                   message.sender_id,
                   message.recipient_id,
                   message.content,
                   message.read_at IS NOT NULL AS is_read,
                   (SELECT id
                      FROM autoflow.messages
                     WHERE id = message.parent_id) AS parent_id,
                   message.conversation_id,
                   autoflow.rfc3339(message.created_at) AS created_at,
                   autoflow.rfc3339(message.read_at) AS read_at) AS answer);


REVOKE ALL ON FUNCTION
    autoflow.message_entries_deleted(),
    autoflow.users_mailbox_closed(),
    autoflow.purge_mailboxes(),
    autoflow.message_json(autoflow.messages)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.purge_mailboxes(),
    autoflow.message_json(autoflow.messages)
    TO autoflow_app;


CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 13;

COMMIT;
