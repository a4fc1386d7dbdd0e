-- Revert autoflow:passkeys from pg
--
-- Passkeys are deleted, and the mails about them: whoever has no other factor can
-- log in with the password again.  The recovery codes remain.

BEGIN;

SET LOCAL lock_timeout = '5s';

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 24;

DELETE FROM autoflow.factors WHERE kind = 'webauthn';

DROP FUNCTION autoflow.use_passkey(uuid, uuid, boolean, jsonb, boolean, inet,
                                   text, text, text);
DROP FUNCTION autoflow.passkey_methods(autoflow.factors);
DROP FUNCTION autoflow.credential_json(autoflow.factors);
DROP FUNCTION autoflow.passkey_problem(uuid, uuid);
DROP FUNCTION autoflow.is_fresh(uuid, uuid);
DROP FUNCTION autoflow.purge_challenges();
DROP FUNCTION autoflow.use_challenge(jsonb);
DROP TABLE autoflow.used_challenges;

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

REVOKE INSERT (confirmed_at, last_used_at, credential_id, public_key,
               algorithm, counter, transports, user_verified,
               backup_eligible, backed_up, attestation, aaguid)
    ON autoflow.factors FROM autoflow_app;

ALTER TABLE autoflow.factors
    DROP COLUMN user_handle,
    DROP COLUMN discoverable,
    DROP COLUMN clone_told_at;

COMMENT ON COLUMN autoflow.factors.user_verified IS NULL;

DELETE FROM autoflow.outbox WHERE kind = 'passkey_cloned';

ALTER TABLE autoflow.outbox
    DROP CONSTRAINT outbox_kind_check,
    ADD CONSTRAINT outbox_kind_check
        CHECK (kind IN ('verify_email', 'reset_password', 'email_changed',
                        'change_email', 'claim_account', 'invitation',
                        'factor_added', 'factor_removed', 'recovery_codes'));

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
