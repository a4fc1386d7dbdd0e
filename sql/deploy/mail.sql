-- Deploy autoflow:mail to pg
-- requires: sessions

BEGIN;

-- Until when a mail is worth sending, and its token is valid.

CREATE FUNCTION autoflow.mail_expiry(kind text, created_at timestamptz)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN created_at + CASE kind WHEN 'reset_password' THEN interval '1 hour'
                              ELSE interval '24 hours' END;


-- A row is a mail, unsent or sent, and the token in it, which is stored
-- nowhere: a worker derives it from the id with a key that the database doesn't
-- know.

CREATE TABLE autoflow.outbox (
    id          uuid NOT NULL DEFAULT gen_random_uuid(),
    kind        text NOT NULL,
    user_id     uuid NOT NULL,
    recipient   text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL GENERATED ALWAYS AS
                    (autoflow.mail_expiry(kind, created_at)) STORED,
    due_at      timestamptz NOT NULL DEFAULT now(),
    attempts    integer NOT NULL DEFAULT 0,
    sent_at     timestamptz,
    failed_at   timestamptz,
    last_error  text,
    used_at     timestamptz,

    CONSTRAINT outbox_pkey PRIMARY KEY (id),
    CONSTRAINT outbox_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES autoflow.users ON DELETE CASCADE,
    CONSTRAINT outbox_kind_check
        CHECK (kind IN ('verify_email', 'reset_password', 'email_changed')),
    CONSTRAINT outbox_recipient_check
        CHECK (autoflow.is_email(recipient))
);

COMMENT ON COLUMN autoflow.outbox.id IS
    'random in all its bits but six: the token is made of it';
COMMENT ON COLUMN autoflow.outbox.due_at IS
    'when a worker may take it: after another one''s lease, or a back-off';
COMMENT ON COLUMN autoflow.outbox.failed_at IS
    'given up; last_error says why';
COMMENT ON COLUMN autoflow.outbox.used_at IS
    'its token was used, or what it was for has changed meanwhile';

CREATE INDEX outbox_due_at_idx ON autoflow.outbox (due_at)
    WHERE sent_at IS NULL AND failed_at IS NULL;
CREATE INDEX outbox_user_id_idx ON autoflow.outbox (user_id);
CREATE INDEX outbox_recipient_idx
    ON autoflow.outbox (lower(recipient COLLATE "C"), created_at);

GRANT SELECT,
      INSERT (kind, user_id, recipient),
      UPDATE (due_at, attempts, sent_at, failed_at, last_error, used_at)
    ON autoflow.outbox TO autoflow_app;


-- Sends a mail that anyone may request: none of its kind within a minute of the
-- last one to the address, and at most five an hour, not counting notices, or
-- else whoever knows a password could use the limit up and deny the owner a
-- reset.  Without an account it costs much the same.  Returns the mail's id, or
-- null.
--
-- The lock is there since two concurrent requests would not see each other's
-- row; the second one gets nothing, as it would a moment later.

CREATE FUNCTION autoflow.request_mail(kind text, user_id uuid, address text)
RETURNS uuid
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    lately  integer;
    again   boolean;
    mail    uuid;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended(
               'autoflow.outbox ' || lower(address COLLATE "C"), 0))
    THEN
        RETURN NULL;
    END IF;

    SELECT count(*),
           coalesce(bool_or(o.kind = request_mail.kind
                            AND o.created_at > now() - interval '1 minute'),
                    false)
      INTO lately, again
      FROM autoflow.outbox o
     WHERE lower(o.recipient COLLATE "C") = lower(address COLLATE "C")
       AND o.kind <> 'email_changed'
       AND o.created_at > now() - interval '1 hour';

    IF user_id IS NULL OR again OR lately >= 5 THEN
        RETURN NULL;
    END IF;

    INSERT INTO autoflow.outbox AS o (kind, user_id, recipient)
    VALUES (request_mail.kind, request_mail.user_id, address)
    RETURNING o.id INTO mail;

    RETURN mail;
END
$$;


-- Changes of an account invalidate the tokens that have become pointless:
-- resets with the password or the address; verifications of an address that is
-- verified now, or is no longer the account's current or pending one.

CREATE FUNCTION autoflow.end_mail_tokens() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE autoflow.outbox
       SET used_at = now()
     WHERE user_id = NEW.id
       AND used_at IS NULL
       AND expires_at > now()
       AND CASE kind
           WHEN 'reset_password' THEN
               NEW.password_hash <> OLD.password_hash
               OR NEW.email <> OLD.email
           WHEN 'verify_email' THEN
               recipient <> coalesce(NEW.pending_email, '')
               AND (recipient <> NEW.email OR NEW.email_verified)
           END;
    RETURN NULL;
END
$$;

CREATE TRIGGER users_end_mail_tokens
    AFTER UPDATE OF email, pending_email, email_verified, password_hash
    ON autoflow.users
    FOR EACH ROW
    WHEN ((OLD.email, OLD.pending_email, OLD.email_verified, OLD.password_hash)
          IS DISTINCT FROM
          (NEW.email, NEW.pending_email, NEW.email_verified,
           NEW.password_hash))
    EXECUTE FUNCTION autoflow.end_mail_tokens();


-- Mails are kept for as long as someone may ask about them.  Returns how many
-- were deleted, at most a thousand.

CREATE FUNCTION autoflow.mail_maintain() RETURNS bigint
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH gone AS (
        DELETE FROM autoflow.outbox
         WHERE id IN (SELECT id
                        FROM autoflow.outbox
                       WHERE created_at < now() - interval '30 days'
                       LIMIT 1000)
        RETURNING id
    )
    SELECT count(*) FROM gone
$$;


REVOKE ALL ON FUNCTION
    autoflow.mail_expiry(text, timestamptz),
    autoflow.request_mail(text, uuid, text),
    autoflow.end_mail_tokens(),
    autoflow.mail_maintain()
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.mail_expiry(text, timestamptz),
    autoflow.request_mail(text, uuid, text),
    autoflow.mail_maintain()
    TO autoflow_app;


-- finds the account of a verification

CREATE INDEX users_pending_email_idx
    ON autoflow.users (lower(pending_email COLLATE "C"))
    WHERE pending_email IS NOT NULL AND deleted_at IS NULL;


-- the changes that a mail's token authorizes

GRANT UPDATE (email, pending_email, email_verified)
    ON autoflow.users TO autoflow_app;


CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 3;

COMMIT;
