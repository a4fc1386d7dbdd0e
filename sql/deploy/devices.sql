-- Deploy autoflow:devices to pg
-- requires: factor_policy
--
-- Browsers at which an account's second factor isn't asked for, for a while.
--
-- Each transaction locks one table exclusively, so that it can't deadlock with a
-- statement that uses both.  After a failure the whole file may be run again.

BEGIN;

SET LOCAL lock_timeout = '5s';

CREATE TABLE IF NOT EXISTS autoflow.devices (
    id            uuid NOT NULL DEFAULT autoflow.uuid7(),
    user_id       uuid NOT NULL,
    hash          bytea NOT NULL,
    device_info   text,
    ip_address    inet,
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_used_at  timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,

    CONSTRAINT devices_pkey PRIMARY KEY (id),
    CONSTRAINT devices_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES autoflow.users ON DELETE CASCADE
) WITH (fillfactor = 80);

COMMENT ON COLUMN autoflow.devices.hash IS
    'SHA-256 of what the browser has in a cookie, which has 256 random bits';

-- not of columns that a login changes: using a device is HOT

CREATE UNIQUE INDEX IF NOT EXISTS devices_user_id_idx
    ON autoflow.devices (user_id, hash);
CREATE INDEX IF NOT EXISTS devices_expires_at_idx
    ON autoflow.devices (expires_at);

GRANT SELECT, INSERT (user_id, hash, device_info, ip_address, expires_at),
      UPDATE (last_used_at, ip_address), DELETE
    ON autoflow.devices TO autoflow_app;

COMMIT;


BEGIN;

SET LOCAL lock_timeout = '5s';

-- The device of an account that has one of these hashes, in hex, which is used now;
-- null: none has.

CREATE OR REPLACE FUNCTION autoflow.use_device(account uuid, hashes text[],
    client_address inet) RETURNS uuid
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    used  uuid;
BEGIN
    UPDATE autoflow.devices d
       SET last_used_at = now(),
           ip_address = coalesce(client_address, d.ip_address)
     WHERE d.user_id = account
       AND d.hash = ANY (SELECT decode(h, 'hex') FROM unnest(hashes) AS h)
       AND d.expires_at > now()
    RETURNING d.id
      INTO used;

    RETURN used;
END
$$;

-- Whether it has one.

CREATE OR REPLACE FUNCTION autoflow.has_device(account uuid, hashes text[])
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN hashes IS NOT NULL
       AND EXISTS (SELECT
                     FROM autoflow.devices d
                    WHERE d.user_id = account
                      AND d.hash = ANY (SELECT decode(h, 'hex')
                                          FROM unnest(hashes) AS h)
                      AND d.expires_at > now());
END
$$;

-- Remembers another one, of an account that is locked: of more than twenty, those
-- that were not used for longest are forgotten.

CREATE OR REPLACE FUNCTION autoflow.remember_device(account uuid, hash text,
    ttl bigint, client_address inet, client_agent text) RETURNS uuid
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    made  uuid;
BEGIN
    DELETE FROM autoflow.devices
     WHERE id IN (SELECT id
                    FROM autoflow.devices
                   WHERE user_id = account
                   ORDER BY expires_at > now() DESC, last_used_at DESC, id DESC
                  OFFSET 19);

    INSERT INTO autoflow.devices
           (user_id, hash, device_info, ip_address, expires_at)
    VALUES (account, decode(remember_device.hash, 'hex'), client_agent,
            client_address, now() + ttl * interval '1 second')
    RETURNING id
      INTO made;

    RETURN made;
END
$$;

-- As lacks_factor(), of a session: that of a device which is remembered is as good,
-- as long as devices are.

CREATE OR REPLACE FUNCTION autoflow.session_lacks_factor(
    account autoflow.users, session autoflow.sessions, required_of text[],
    remembers boolean) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN required_of IS NOT NULL
       AND NOT (remembers
                AND coalesce(session.amr, '[]')
                    @> '[{"method": "device"}]')
       AND autoflow.lacks_factor(account, session.aal, required_of);
END
$$;

-- Deletes those that have expired, a batch; returns whether there may be more.

CREATE OR REPLACE FUNCTION autoflow.purge_devices() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n  bigint;
BEGIN
    DELETE FROM autoflow.devices
     WHERE id IN (SELECT id
                    FROM autoflow.devices
                   WHERE expires_at < now()
                   LIMIT 1000
                     FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS n = ROW_COUNT;

    RETURN n = 1000;
END
$$;

CREATE OR REPLACE FUNCTION autoflow.forget_devices() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_TABLE_NAME = 'users' THEN
        DELETE FROM autoflow.devices WHERE user_id = NEW.id;
    ELSE
        DELETE FROM autoflow.devices WHERE user_id = OLD.user_id;
    END IF;

    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION
    autoflow.use_device(uuid, text[], inet),
    autoflow.has_device(uuid, text[]),
    autoflow.remember_device(uuid, text, bigint, inet, text),
    autoflow.session_lacks_factor(autoflow.users, autoflow.sessions, text[],
                                  boolean),
    autoflow.purge_devices(),
    autoflow.forget_devices()
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.use_device(uuid, text[], inet),
    autoflow.has_device(uuid, text[]),
    autoflow.remember_device(uuid, text, bigint, inet, text),
    autoflow.session_lacks_factor(autoflow.users, autoflow.sessions, text[],
                                  boolean),
    autoflow.purge_devices()
    TO autoflow_app;

-- A device is not worth more than what it was remembered for: a factor that is
-- removed, or a password that is replaced (not by another hash of it).

CREATE OR REPLACE TRIGGER factors_forget_devices
    AFTER DELETE
    ON autoflow.factors FOR EACH ROW
    WHEN (OLD.confirmed_at IS NOT NULL)
    EXECUTE FUNCTION autoflow.forget_devices();

COMMIT;


BEGIN;

SET LOCAL lock_timeout = '5s';

CREATE OR REPLACE TRIGGER users_forget_devices
    AFTER UPDATE OF is_active, deleted_at, password_hash
    ON autoflow.users FOR EACH ROW
    WHEN ((OLD.is_active AND NOT NEW.is_active)
          OR (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
          OR (OLD.password_hash IS DISTINCT FROM NEW.password_hash
              AND OLD.last_login_at IS NOT DISTINCT FROM NEW.last_login_at))
    EXECUTE FUNCTION autoflow.forget_devices();

COMMIT;


BEGIN;

SET LOCAL lock_timeout = '5s';

ALTER TABLE autoflow.outbox
    DROP CONSTRAINT outbox_kind_check,
    ADD CONSTRAINT outbox_kind_check
        CHECK (kind IN ('verify_email', 'reset_password', 'email_changed',
                        'change_email', 'claim_account', 'invitation',
                        'factor_added', 'factor_removed', 'recovery_codes',
                        'passkey_cloned', 'new_device'))
        NOT VALID;

-- Sends a mail that anyone may request: none of its kind within a minute of the
-- last one to the address, and at most five an hour, not counting notices, or
-- else whoever knows a password could use the limit up and deny the owner a
-- reset.  Without an account it costs much the same.  The language is
-- null if whoever has caused the mail accepts none of ours.  Returns the mail's
-- id, or null.
--
-- What an account has sent to others is counted separately, as it must not count
-- for their owners: to addresses that it wants to have, five an hour for each
-- account, ten for each address; to whom it invites, five an hour for each
-- address, and a hundred for each account, a thousand for a superuser's.
--
-- The lock is there since two concurrent requests would not see each other's
-- row; the second one gets nothing, as it would a moment later.

CREATE OR REPLACE FUNCTION autoflow.request_mail(kind text, user_id uuid,
    address text, address_key text, language text) RETURNS uuid
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    -- kinds that are counted alone
    alone    CONSTANT text[] := ARRAY['change_email', 'invitation'];
    notices  CONSTANT text[] := ARRAY['email_changed', 'factor_added',
                                      'factor_removed', 'recovery_codes',
                                      'passkey_cloned', 'new_device'];
    change   CONSTANT boolean := kind = 'change_email';
    lately   integer;
    again    boolean;
    mail     uuid;
    maximum  integer;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended(
               'autoflow.outbox ' || address_key, 0))
    THEN
        RETURN NULL;
    END IF;

    SELECT count(*),
           coalesce(bool_or(o.kind = request_mail.kind
                            AND (NOT change
                                 OR o.user_id = request_mail.user_id)
                            AND o.created_at > now() - interval '1 minute'),
                    false)
      INTO lately, again
      FROM autoflow.outbox o
     WHERE o.recipient_key = address_key
       AND o.kind <> ALL (notices)
       AND CASE WHEN request_mail.kind = ANY (alone)
                THEN o.kind = request_mail.kind
                ELSE o.kind <> ALL (alone) END
       AND o.created_at > now() - interval '1 hour';

    IF user_id IS NULL OR again
       OR lately >= (CASE WHEN change THEN 10 ELSE 5 END)
    THEN
        RETURN NULL;
    END IF;

    maximum := CASE WHEN change THEN 5
                    WHEN kind = 'invitation' THEN
                        (SELECT CASE WHEN is_superuser THEN 1000 ELSE 100 END
                           FROM autoflow.users u
                          WHERE u.id = request_mail.user_id) END;

    -- an index knows when they expire
    IF maximum IS NOT NULL
       AND (SELECT count(*)
              FROM autoflow.outbox o
             WHERE o.user_id = request_mail.user_id
               AND o.kind = request_mail.kind
               AND o.expires_at > autoflow.mail_expiry(request_mail.kind,
                                                       now() - interval '1 hour'))
           >= maximum
    THEN
        RETURN NULL;
    END IF;

    INSERT INTO autoflow.outbox AS o
           (kind, user_id, recipient, recipient_key, language)
    VALUES (request_mail.kind, request_mail.user_id, address, address_key,
            request_mail.language)
    RETURNING o.id INTO mail;

    RETURN mail;
END
$$;

COMMIT;

ALTER TABLE autoflow.outbox VALIDATE CONSTRAINT outbox_kind_check;


-- the last step: whoever asks for this version needs all of it

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 29;
