-- Deploy autoflow:languages to pg
-- requires: proofs
--
-- In which language a mail is written: what whoever has caused it accepts, or
-- else what the account was last used in; null is the templates' own.
--
-- Each transaction locks one table exclusively, so that it can't deadlock with
-- a statement that uses several.  After a failure the whole may be run again.

BEGIN;

SET LOCAL lock_timeout = '5s';

ALTER TABLE autoflow.users ADD COLUMN IF NOT EXISTS language text COLLATE "C";

COMMENT ON COLUMN autoflow.users.language IS
    'of the last login, as mails have templates for it; null: unknown';

GRANT INSERT (language), UPDATE (language) ON autoflow.users TO autoflow_app;

COMMIT;


BEGIN;

SET LOCAL lock_timeout = '5s';

ALTER TABLE autoflow.invitations
    ADD COLUMN IF NOT EXISTS language text COLLATE "C";

COMMENT ON COLUMN autoflow.invitations.language IS
    'of its mails; null: unknown';

GRANT INSERT (language), UPDATE (language)
    ON autoflow.invitations TO autoflow_app;

COMMIT;


BEGIN;

SET LOCAL lock_timeout = '5s';

ALTER TABLE autoflow.outbox ADD COLUMN IF NOT EXISTS language text COLLATE "C";

COMMENT ON COLUMN autoflow.outbox.language IS
    'what whoever has caused it accepts; null: the account''s';

GRANT INSERT (language) ON autoflow.outbox TO autoflow_app;


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
       AND o.kind <> 'email_changed'
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


-- For what knows no language: the account's then.

CREATE OR REPLACE FUNCTION autoflow.request_mail(kind text, user_id uuid,
    address text, address_key text) RETURNS uuid
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    RETURN autoflow.request_mail(kind, user_id, address, address_key, NULL);
END
$$;

REVOKE ALL ON FUNCTION
    autoflow.request_mail(text, uuid, text, text, text)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.request_mail(text, uuid, text, text, text)
    TO autoflow_app;

COMMIT;


-- the last step: whoever asks for this version needs all of it

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 23;
