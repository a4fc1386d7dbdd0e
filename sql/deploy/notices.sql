-- Deploy autoflow:notices to pg
-- requires: ways_in
--
-- Which kinds of mails there are is known in one place: another one is a line of
-- is_notice().
--
-- Each transaction locks one table exclusively, so that it can't deadlock with a
-- statement that uses both.  After a failure the whole file may be run again.

BEGIN;

SET LOCAL lock_timeout = '5s';

-- Whether a kind of mail tells an owner what has happened, and asks for nothing;
-- null: there is no such kind.

CREATE OR REPLACE FUNCTION autoflow.is_notice(kind text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE kind
        WHEN 'verify_email'   THEN false
        WHEN 'reset_password' THEN false
        WHEN 'change_email'   THEN false
        WHEN 'claim_account'  THEN false
        WHEN 'invitation'     THEN false
        WHEN 'email_changed'  THEN true
        WHEN 'factor_added'   THEN true
        WHEN 'factor_removed' THEN true
        WHEN 'recovery_codes' THEN true
        WHEN 'passkey_cloned' THEN true
        WHEN 'new_device'     THEN true END;
END
$$;

REVOKE ALL ON FUNCTION autoflow.is_notice(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION autoflow.is_notice(text) TO autoflow_app;

ALTER TABLE autoflow.outbox
    DROP CONSTRAINT outbox_kind_check,
    ADD CONSTRAINT outbox_kind_check
        CHECK (autoflow.is_notice(kind) IS NOT NULL)
        NOT VALID;

-- As before, for all notices.

CREATE OR REPLACE TRIGGER outbox_notices
    BEFORE INSERT ON autoflow.outbox FOR EACH ROW
    WHEN (autoflow.is_notice(NEW.kind))
    EXECUTE FUNCTION autoflow.outbox_notices();

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
       AND NOT autoflow.is_notice(o.kind)
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
RETURN 32;
