-- Revert autoflow:addresses from pg
--
-- Mails of kinds that only the later version knows are deleted: nobody could
-- send them.

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 6;

CREATE OR REPLACE TRIGGER users_epoch
    BEFORE UPDATE ON autoflow.users FOR EACH ROW
    WHEN (OLD.token_epoch <> NEW.token_epoch
          OR OLD.is_superuser <> NEW.is_superuser
          OR OLD.email <> NEW.email
          OR (OLD.email_verified AND NOT NEW.email_verified)
          OR (OLD.is_active AND NOT NEW.is_active)
          OR (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL))
    EXECUTE FUNCTION autoflow.users_epoch();

CREATE OR REPLACE FUNCTION autoflow.user_roles_changed() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM autoflow.users
      WHERE id IN (SELECT user_id FROM changed)
      ORDER BY id
        FOR NO KEY UPDATE;

    UPDATE autoflow.users
       SET token_epoch = token_epoch + 1
     WHERE id IN (SELECT user_id FROM changed);

    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION autoflow.end_mail_tokens() RETURNS trigger
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

CREATE OR REPLACE TRIGGER users_end_mail_tokens
    AFTER UPDATE OF email, pending_email, email_verified, password_hash
    ON autoflow.users
    FOR EACH ROW
    WHEN ((OLD.email, OLD.pending_email, OLD.email_verified, OLD.password_hash)
          IS DISTINCT FROM
          (NEW.email, NEW.pending_email, NEW.email_verified,
           NEW.password_hash))
    EXECUTE FUNCTION autoflow.end_mail_tokens();

DROP FUNCTION autoflow.request_mail(text, uuid, text, text);

CREATE OR REPLACE FUNCTION autoflow.request_mail(kind text, user_id uuid, address text)
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

DELETE FROM autoflow.outbox WHERE kind IN ('change_email', 'claim_account');

CREATE OR REPLACE FUNCTION autoflow.mail_expiry(kind text, created_at timestamptz)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN created_at + CASE kind WHEN 'reset_password' THEN interval '1 hour'
                              ELSE interval '24 hours' END;

ALTER TABLE autoflow.outbox
    DROP CONSTRAINT outbox_kind_check,
    ADD CONSTRAINT outbox_kind_check
        CHECK (kind IN ('verify_email', 'reset_password', 'email_changed'));

DROP TRIGGER outbox_recipient_key ON autoflow.outbox;
DROP FUNCTION autoflow.outbox_recipient_key();

DROP INDEX autoflow.outbox_user_id_idx, autoflow.outbox_recipient_idx;
ALTER TABLE autoflow.outbox DROP COLUMN recipient_key;
CREATE INDEX outbox_user_id_idx ON autoflow.outbox (user_id);
CREATE INDEX outbox_recipient_idx
    ON autoflow.outbox (lower(recipient COLLATE "C"), created_at);

DROP TRIGGER users_address_withdrawn ON autoflow.users;
DROP FUNCTION autoflow.users_address_withdrawn();
DROP TRIGGER users_verified_at ON autoflow.users;
DROP FUNCTION autoflow.users_verified_at();
DROP TRIGGER users_address_keys_given ON autoflow.users;
DROP FUNCTION autoflow.users_address_keys_given();
DROP TRIGGER users_address_keys ON autoflow.users;
DROP TRIGGER users_address_keys_new ON autoflow.users;
DROP FUNCTION autoflow.users_address_keys();

ALTER TABLE autoflow.users
    DROP CONSTRAINT users_email_check,
    DROP CONSTRAINT users_pending_email_check,
    ADD CONSTRAINT users_email_check
        CHECK (autoflow.is_email(email)),
    ADD CONSTRAINT users_pending_email_check
        CHECK (autoflow.is_email(pending_email));

-- with their indexes
ALTER TABLE autoflow.users
    DROP COLUMN email_key,
    DROP COLUMN pending_email_key,
    DROP COLUMN verified_at,
    DROP COLUMN tokens_stale_at;

CREATE UNIQUE INDEX users_email_key
    ON autoflow.users (lower(email COLLATE "C")) WHERE deleted_at IS NULL;

DROP FUNCTION autoflow.masked_email(text);
DROP FUNCTION autoflow.email_key(text);

COMMIT;
