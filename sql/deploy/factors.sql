-- Deploy autoflow:factors to pg
-- requires: languages
--
-- Second factors of accounts, and the recovery codes for whoever has lost them.
--
-- Each transaction locks one table exclusively, so that it can't deadlock with a
-- statement that uses both.  After a failure the whole file may be run again.

BEGIN;

SET LOCAL lock_timeout = '5s';

-- One table for all kinds: lists, limits and removal are the same.  A factor
-- counts once its owner has confirmed it, by using it.

CREATE TABLE IF NOT EXISTS autoflow.factors (
    id               uuid NOT NULL DEFAULT autoflow.uuid7(),
    user_id          uuid NOT NULL,
    kind             text NOT NULL,
    name             text NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    confirmed_at     timestamptz,
    last_used_at     timestamptz,

    sealed_seed      text,
    last_step        bigint,

    credential_id    bytea,
    public_key       bytea,
    algorithm        integer,
    counter          bigint,
    transports       text[],
    user_verified    boolean,
    backup_eligible  boolean,
    backed_up        boolean,
    attestation      text,
    aaguid           uuid,

    CONSTRAINT factors_pkey PRIMARY KEY (id),
    CONSTRAINT factors_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES autoflow.users ON DELETE CASCADE,
    CONSTRAINT factors_kind_check
        CHECK (CASE kind
               WHEN 'totp' THEN sealed_seed IS NOT NULL
               WHEN 'webauthn' THEN credential_id IS NOT NULL
                                    AND public_key IS NOT NULL
                                    AND algorithm IS NOT NULL
                                    AND counter IS NOT NULL
               ELSE false END),
    CONSTRAINT factors_name_check CHECK (autoflow.is_text(name, 1, 100)),
    CONSTRAINT factors_credential_id_check
        CHECK (octet_length(credential_id) BETWEEN 1 AND 1023)
) WITH (fillfactor = 80);

COMMENT ON TABLE autoflow.factors IS
    'second factors; those without confirmed_at do not count yet';
COMMENT ON COLUMN autoflow.factors.kind IS
    'totp (RFC 6238) or webauthn: a passkey or a security key';
COMMENT ON COLUMN autoflow.factors.sealed_seed IS
    'sealed by autoflow_seal_key, with the account''s id';
COMMENT ON COLUMN autoflow.factors.last_step IS
    'of the last code that was used: neither it nor an earlier one is again';
COMMENT ON COLUMN autoflow.factors.public_key IS 'a COSE_Key (RFC 9052)';
COMMENT ON COLUMN autoflow.factors.algorithm IS 'of COSE: -7, -8, -257';

-- not of columns that a login changes: using a factor is HOT

CREATE INDEX IF NOT EXISTS factors_user_id_idx
    ON autoflow.factors (user_id, id);
CREATE UNIQUE INDEX IF NOT EXISTS factors_credential_id_idx
    ON autoflow.factors (credential_id);

CREATE TABLE IF NOT EXISTS autoflow.recovery_codes (
    user_id     uuid NOT NULL,
    hash        bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    used_at     timestamptz,

    CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, hash),
    CONSTRAINT recovery_codes_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES autoflow.users ON DELETE CASCADE
);

COMMENT ON COLUMN autoflow.recovery_codes.hash IS
    'SHA-256 of the account''s id and the code, which has 80 random bits';

GRANT SELECT, INSERT, DELETE,
      UPDATE (name, confirmed_at, last_used_at, sealed_seed, last_step,
              counter, user_verified, backed_up)
    ON autoflow.factors TO autoflow_app;
GRANT SELECT, INSERT, DELETE, UPDATE (used_at)
    ON autoflow.recovery_codes TO autoflow_app;

COMMIT;


BEGIN;

SET LOCAL lock_timeout = '5s';

-- Whether an account has a factor, without which nobody may log in to it.

CREATE OR REPLACE FUNCTION autoflow.has_factors(account uuid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN EXISTS (SELECT
                 FROM autoflow.factors f
                WHERE f.user_id = account
                  AND f.confirmed_at IS NOT NULL);

-- Whether a session may change its account's factors: with a factor only after it
-- was given.

CREATE OR REPLACE FUNCTION autoflow.may_change_factors(account uuid,
    session uuid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN NOT autoflow.has_factors(account)
    OR EXISTS (SELECT
                 FROM autoflow.sessions s
                WHERE s.id = session
                  AND s.user_id = account
                  AND s.aal >= 2);

CREATE OR REPLACE FUNCTION autoflow.factor_json(factor autoflow.factors)
RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN json_build_object(
        'id', factor.id,
        'type', factor.kind,
        'name', factor.name,
        'confirmed', factor.confirmed_at IS NOT NULL,
        'created_at', autoflow.rfc3339(factor.created_at),
        'last_used_at', autoflow.rfc3339(factor.last_used_at));
END
$$;


-- Five wrong codes are compared, then one after each pause, which doubles from a
-- minute to a day: of a million codes three are right.  The row says when all of
-- that is forgotten, a week after the pause.

CREATE OR REPLACE FUNCTION autoflow.code_pause(failures bigint)
RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN failures < 5 THEN interval '0'
            ELSE least(interval '1 day',
                       interval '1 minute' * 2 ^ least(failures - 5, 11))
       END;

-- How many seconds are left of an account's pause; null: there is none.

CREATE OR REPLACE FUNCTION autoflow.code_seconds_left(account uuid)
RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT ceil(extract(epoch FROM f.ends_at - interval '7 days'
                                           - clock_timestamp()))
              FROM autoflow.failed_attempts f
             WHERE f.account = code_seconds_left.account
               AND f.kind = 'code'
               AND f.ends_at - interval '7 days' > clock_timestamp()
               AND f.failures >= 5);
END
$$;

-- Counts a wrong code, unless there is a pause: then returns what is left of it.

CREATE OR REPLACE FUNCTION autoflow.count_code_failure(account uuid)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    counted  autoflow.failed_attempts;
    already  bigint;
    pause    bigint;
BEGIN
    INSERT INTO autoflow.failed_attempts (account, kind, failures, ends_at)
    VALUES (count_code_failure.account, 'code', 0,
            clock_timestamp() + interval '7 days')
    ON CONFLICT (account, kind) DO NOTHING;

    SELECT *
      INTO counted
      FROM autoflow.failed_attempts f
     WHERE f.account = count_code_failure.account
       AND f.kind = 'code'
       FOR UPDATE;

    already := CASE WHEN counted.ends_at > clock_timestamp()
                    THEN counted.failures ELSE 0 END;
    pause := ceil(extract(epoch FROM counted.ends_at - interval '7 days'
                                     - clock_timestamp()));

    IF already >= 5 AND pause > 0 THEN
        RETURN pause;
    END IF;

    UPDATE autoflow.failed_attempts f
       SET failures = already + 1,
           ends_at = clock_timestamp() + autoflow.code_pause(already + 1)
                     + interval '7 days'
     WHERE f.account = count_code_failure.account
       AND f.kind = 'code';

    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION autoflow.forget_code_failures(account uuid)
RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM autoflow.failed_attempts f
     WHERE f.account = forget_code_failures.account
       AND f.kind = 'code'
$$;

REVOKE ALL ON FUNCTION
    autoflow.has_factors(uuid),
    autoflow.may_change_factors(uuid, uuid),
    autoflow.factor_json(autoflow.factors),
    autoflow.code_pause(bigint),
    autoflow.code_seconds_left(uuid),
    autoflow.count_code_failure(uuid),
    autoflow.forget_code_failures(uuid)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.has_factors(uuid),
    autoflow.may_change_factors(uuid, uuid),
    autoflow.factor_json(autoflow.factors),
    autoflow.code_seconds_left(uuid),
    autoflow.count_code_failure(uuid),
    autoflow.forget_code_failures(uuid)
    TO autoflow_app;

COMMIT;


BEGIN;

SET LOCAL lock_timeout = '5s';

-- Factors go with their account; and when an address that was never verified is
-- claimed, by a new password from a mail: somebody else may have added them.

CREATE OR REPLACE FUNCTION autoflow.users_end_factors() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n  bigint;
BEGIN
    DELETE FROM autoflow.recovery_codes WHERE user_id = NEW.id;
    DELETE FROM autoflow.factors WHERE user_id = NEW.id;
    GET DIAGNOSTICS n = ROW_COUNT;

    IF n > 0 THEN
        INSERT INTO autoflow.audit_events (action, target_id, details)
        VALUES ('factors_removed', NEW.id, jsonb_build_object('count', n));
    END IF;

    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER users_end_factors
    AFTER UPDATE OF deleted_at, password_hash
    ON autoflow.users FOR EACH ROW
    WHEN ((OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
          OR (OLD.password_hash IS DISTINCT FROM NEW.password_hash
              AND OLD.verified_at IS NULL AND NEW.verified_at IS NOT NULL))
    EXECUTE FUNCTION autoflow.users_end_factors();

REVOKE ALL ON FUNCTION autoflow.users_end_factors() FROM PUBLIC;

COMMIT;


BEGIN;

SET LOCAL lock_timeout = '5s';

ALTER TABLE autoflow.outbox
    DROP CONSTRAINT outbox_kind_check,
    ADD CONSTRAINT outbox_kind_check
        CHECK (kind IN ('verify_email', 'reset_password', 'email_changed',
                        'change_email', 'claim_account', 'invitation',
                        'factor_added', 'factor_removed', 'recovery_codes'))
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
                                      'factor_removed', 'recovery_codes'];
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
RETURN 24;
