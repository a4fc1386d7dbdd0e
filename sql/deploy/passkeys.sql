-- Deploy autoflow:passkeys to pg
-- requires: factors
--
-- Passkeys and security keys are factors, whose credentials have columns since
-- there are factors; now with what is needed to use them.
--
-- Each transaction locks one table exclusively, so that it can't deadlock with a
-- statement that uses both.  After a failure the whole file may be run again.

BEGIN;

SET LOCAL lock_timeout = '5s';

ALTER TABLE autoflow.factors
    ADD COLUMN IF NOT EXISTS user_handle bytea,
    ADD COLUMN IF NOT EXISTS discoverable boolean,
    ADD COLUMN IF NOT EXISTS clone_told_at timestamptz;

COMMENT ON COLUMN autoflow.factors.user_handle IS
    'the account, as its authenticators know it: random, the same in all of its passkeys';
COMMENT ON COLUMN autoflow.factors.user_verified IS
    'whether a PIN or the like has been asked for: without that it logs nobody in alone';
COMMENT ON COLUMN autoflow.factors.clone_told_at IS
    'when its owner was last mailed that there must be two of it';

GRANT INSERT (user_id, kind, name, confirmed_at, last_used_at, credential_id,
              public_key, algorithm, counter, transports, user_verified,
              backup_eligible, backed_up, attestation, aaguid, user_handle,
              discoverable)
    ON autoflow.factors TO autoflow_app;

COMMIT;


BEGIN;

SET LOCAL lock_timeout = '5s';

-- Challenges that were used, until they would have expired, and some time more,
-- as clocks differ.  The key begins with the time, by which they are deleted.

CREATE TABLE IF NOT EXISTS autoflow.used_challenges (
    expires_at  timestamptz NOT NULL,
    hash        bytea NOT NULL,

    CONSTRAINT used_challenges_pkey PRIMARY KEY (expires_at, hash)
);

-- Uses a challenge, unless any request at any node has: "challenge" is its hash,
-- in hex, and it "expires" at a second since 1970.

CREATE OR REPLACE FUNCTION autoflow.use_challenge(used jsonb)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO autoflow.used_challenges (expires_at, hash)
    VALUES (to_timestamp((used -> 'expires')::bigint),
            decode(used ->> 'challenge', 'hex'))
    ON CONFLICT DO NOTHING;

    RETURN FOUND;
END
$$;

CREATE OR REPLACE FUNCTION autoflow.purge_challenges() RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    batch  CONSTANT integer := 1000;
    gone   bigint;
BEGIN
    DELETE FROM autoflow.used_challenges
     WHERE (expires_at, hash) IN (SELECT c.expires_at, c.hash
                                    FROM autoflow.used_challenges c
                                   WHERE c.expires_at
                                         < now() - interval '1 hour'
                                   LIMIT batch
                                     FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS gone = ROW_COUNT;

    RETURN gone = batch;
END
$$;


-- Whether a session's owner has proved lately who they are.

CREATE OR REPLACE FUNCTION autoflow.is_fresh(account uuid, session uuid)
RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN EXISTS (SELECT
                 FROM autoflow.sessions s
                WHERE s.id = session
                  AND s.user_id = account
                  AND coalesce(s.authenticated_at, s.created_at)
                      > now() - interval '10 minutes');


-- Why a session may not add a passkey, now: the code of a problem, or null.

CREATE OR REPLACE FUNCTION autoflow.passkey_problem(account uuid,
    session uuid) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE WHEN NOT (autoflow.may_change_factors(account, session)
                          AND autoflow.is_fresh(account, session))
                THEN 'reauthentication_required'
                WHEN (SELECT count(*)
                        FROM autoflow.factors f
                       WHERE f.user_id = account
                         AND (f.confirmed_at IS NOT NULL
                              OR f.created_at
                                 >= now() - interval '1 hour')) >= 20
                THEN 'limit_reached' END;
END
$$;


-- By which methods (RFC 8176) somebody is authenticated who has used a passkey:
-- its key stays in one device, or is copied to others.

CREATE OR REPLACE FUNCTION autoflow.passkey_methods(passkey autoflow.factors)
RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ARRAY[CASE WHEN passkey.backup_eligible THEN 'swk' ELSE 'hwk' END,
                 'user', 'mfa'];
END
$$;

-- WebAuthn's PublicKeyCredentialDescriptorJSON.

CREATE OR REPLACE FUNCTION autoflow.credential_json(passkey autoflow.factors)
RETURNS json
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN json_build_object(
        'type', 'public-key',
        'id', rtrim(translate(encode(passkey.credential_id, 'base64'),
                              E'+/\n', '-_'), '='),
        'transports', passkey.transports);
END
$$;


-- Uses a passkey of an account, which is locked, after its assertion was verified.
-- Returns the methods by which its owner is now authenticated, or null: the
-- challenge was used before; the passkey was removed, or can't log in alone; or
-- its counter hasn't grown: then there are two of it, and the owner is told, once
-- a day.
--
-- Of the assertion: "verified", whether somebody was asked for a PIN or the like,
-- "counter", "backup_eligible", "backed_up"; and the "challenge", by its hash in
-- hex, and when it "expires".  That a PIN was asked for, which it never was
-- before, counts only beside another factor (WebAuthn, section 7.2).

CREATE OR REPLACE FUNCTION autoflow.use_passkey(account uuid, factor uuid,
    alone boolean, assertion jsonb, mail boolean, client_address inet,
    client_agent text, request_id text, trace_id text)
RETURNS text[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    counted   CONSTANT bigint := (assertion -> 'counter')::bigint;
    verified  CONSTANT boolean := (assertion -> 'verified')::boolean;
    passkey   autoflow.factors;
BEGIN
    SELECT *
      INTO passkey
      FROM autoflow.factors f
     WHERE f.id = factor
       AND f.user_id = account
       AND f.kind = 'webauthn'
       AND f.confirmed_at IS NOT NULL;

    IF NOT FOUND
       OR (alone AND NOT (verified AND passkey.user_verified))
       OR (assertion -> 'backup_eligible')::boolean
          <> passkey.backup_eligible
       OR NOT autoflow.use_challenge(assertion)
    THEN
        RETURN NULL;
    END IF;

    IF counted <= passkey.counter AND (counted, passkey.counter) <> (0, 0)
    THEN
        INSERT INTO autoflow.audit_events
               (action, target_id, ip_address, user_agent, request_id,
                trace_id, details)
        VALUES ('passkey_cloned', account, client_address, client_agent,
                request_id, trace_id,
                jsonb_build_object('factor', factor, 'name', passkey.name,
                                   'counter', counted,
                                   'last', passkey.counter));

        IF mail AND (passkey.clone_told_at > now() - interval '1 day')
                    IS NOT TRUE
        THEN
            UPDATE autoflow.factors f
               SET clone_told_at = now()
             WHERE f.id = factor;

            INSERT INTO autoflow.outbox
                   (kind, user_id, recipient, recipient_key)
            SELECT 'passkey_cloned', u.id, u.email, u.email_key
              FROM autoflow.users u
             WHERE u.id = account;
        END IF;

        RETURN NULL;
    END IF;

    UPDATE autoflow.factors f
       SET counter = counted,
           user_verified = f.user_verified OR verified,
           backed_up = (assertion -> 'backed_up')::boolean,
           discoverable = f.discoverable OR alone,
           last_used_at = now()
     WHERE f.id = factor;

    RETURN autoflow.passkey_methods(passkey);
END
$$;


-- As before, and what there is to know of a passkey.

CREATE OR REPLACE FUNCTION autoflow.factor_json(factor autoflow.factors)
RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE factor.kind
        WHEN 'webauthn' THEN
            json_build_object(
                'id', factor.id,
                'type', factor.kind,
                'name', factor.name,
                'confirmed', factor.confirmed_at IS NOT NULL,
                'created_at', autoflow.rfc3339(factor.created_at),
                'last_used_at', autoflow.rfc3339(factor.last_used_at),
                'sign_in', factor.user_verified AND factor.discoverable,
                'backed_up', factor.backed_up,
                'transports', factor.transports)
        ELSE
            json_build_object(
                'id', factor.id,
                'type', factor.kind,
                'name', factor.name,
                'confirmed', factor.confirmed_at IS NOT NULL,
                'created_at', autoflow.rfc3339(factor.created_at),
                'last_used_at', autoflow.rfc3339(factor.last_used_at)) END;
END
$$;

REVOKE ALL ON FUNCTION
    autoflow.use_challenge(jsonb),
    autoflow.purge_challenges(),
    autoflow.is_fresh(uuid, uuid),
    autoflow.passkey_problem(uuid, uuid),
    autoflow.passkey_methods(autoflow.factors),
    autoflow.credential_json(autoflow.factors),
    autoflow.use_passkey(uuid, uuid, boolean, jsonb, boolean, inet, text,
                         text, text)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.use_challenge(jsonb),
    autoflow.purge_challenges(),
    autoflow.is_fresh(uuid, uuid),
    autoflow.passkey_problem(uuid, uuid),
    autoflow.passkey_methods(autoflow.factors),
    autoflow.credential_json(autoflow.factors),
    autoflow.use_passkey(uuid, uuid, boolean, jsonb, boolean, inet, text,
                         text, text)
    TO autoflow_app;

COMMIT;


BEGIN;

SET LOCAL lock_timeout = '5s';

ALTER TABLE autoflow.outbox
    DROP CONSTRAINT outbox_kind_check,
    ADD CONSTRAINT outbox_kind_check
        CHECK (kind IN ('verify_email', 'reset_password', 'email_changed',
                        'change_email', 'claim_account', 'invitation',
                        'factor_added', 'factor_removed', 'recovery_codes',
                        'passkey_cloned'))
        NOT VALID;

-- As before, but for the notice of another kind, which isn't counted.

CREATE OR REPLACE FUNCTION autoflow.request_mail(kind text, user_id uuid,
    address text, address_key text, language text) RETURNS uuid
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    -- kinds that are counted alone
    alone    CONSTANT text[] := ARRAY['change_email', 'invitation'];
    notices  CONSTANT text[] := ARRAY['email_changed', 'factor_added',
                                      'factor_removed', 'recovery_codes',
                                      'passkey_cloned'];
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
RETURN 25;
