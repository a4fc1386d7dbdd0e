-- Revert autoflow:registration from pg
--
-- Invitations are deleted, and their mails, which nobody could send.

BEGIN;

SET LOCAL lock_timeout = '5s';

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 19;

DROP TRIGGER users_end_invitations ON autoflow.users;
DROP FUNCTION autoflow.users_end_invitations();
DROP FUNCTION autoflow.is_verified(autoflow.users, boolean);
DROP FUNCTION autoflow.may_invite(autoflow.users, text);
DROP FUNCTION autoflow.may_give(autoflow.users, text, text);
DROP FUNCTION autoflow.lock_role_ids(uuid[]);
DROP FUNCTION autoflow.invitation_of(uuid, text);
DROP FUNCTION autoflow.invitation_json(autoflow.invitations);
DROP FUNCTION autoflow.purge_invitations();
DROP TABLE autoflow.invitations;

ALTER TABLE autoflow.users DROP COLUMN verify_first;

DELETE FROM autoflow.outbox WHERE kind = 'invitation';

ALTER TABLE autoflow.outbox
    DROP CONSTRAINT outbox_kind_check,
    ADD CONSTRAINT outbox_kind_check
        CHECK (kind IN ('verify_email', 'reset_password', 'email_changed',
                        'change_email', 'claim_account'));

CREATE OR REPLACE FUNCTION autoflow.mail_expiry(kind text,
    created_at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN created_at + CASE WHEN kind IN ('reset_password', 'claim_account')
                         THEN interval '1 hour'
                         ELSE interval '24 hours' END;

CREATE OR REPLACE FUNCTION autoflow.request_mail(kind text, user_id uuid,
    address text, address_key text) RETURNS uuid
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    change  CONSTANT boolean := kind = 'change_email';
    lately  integer;
    again   boolean;
    mail    uuid;
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
       AND o.kind <> 'email_changed'
       AND (o.kind = 'change_email') = change
       AND o.created_at > now() - interval '1 hour';

    IF user_id IS NULL OR again
       OR lately >= (CASE WHEN change THEN 10 ELSE 5 END)
    THEN
        RETURN NULL;
    END IF;

    -- an index knows when they expire
    IF change AND (SELECT count(*)
                     FROM autoflow.outbox o
                    WHERE o.user_id = request_mail.user_id
                      AND o.kind = 'change_email'
                      AND o.expires_at > now()
                      AND o.created_at > now() - interval '1 hour') >= 5
    THEN
        RETURN NULL;
    END IF;

    INSERT INTO autoflow.outbox AS o (kind, user_id, recipient, recipient_key)
    VALUES (request_mail.kind, request_mail.user_id, address, address_key)
    RETURNING o.id INTO mail;

    RETURN mail;
END
$$;

COMMIT;
