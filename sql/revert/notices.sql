-- Revert autoflow:notices from pg

BEGIN;

SET LOCAL lock_timeout = '5s';

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 31;

ALTER TABLE autoflow.outbox
    DROP CONSTRAINT outbox_kind_check,
    ADD CONSTRAINT outbox_kind_check
        CHECK (kind IN ('verify_email', 'reset_password', 'email_changed',
                        'change_email', 'claim_account', 'invitation',
                        'factor_added', 'factor_removed', 'recovery_codes',
                        'passkey_cloned', 'new_device'))
        NOT VALID;

CREATE OR REPLACE TRIGGER outbox_notices
    BEFORE INSERT ON autoflow.outbox FOR EACH ROW
    WHEN (NEW.kind IN ('factor_added', 'factor_removed', 'recovery_codes',
                       'passkey_cloned', 'new_device'))
    EXECUTE FUNCTION autoflow.outbox_notices();

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

DROP FUNCTION autoflow.is_notice(text);

COMMIT;

ALTER TABLE autoflow.outbox VALIDATE CONSTRAINT outbox_kind_check;
