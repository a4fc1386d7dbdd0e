-- Deploy autoflow:registration to pg
-- requires: cheaper_logins
--
-- Who may have an account: whoever registers one, perhaps not to be used before
-- its address is verified, or whoever is invited.
--
-- Each transaction locks one table exclusively, so that it can't deadlock with a
-- statement that uses both.  After a failure the whole file may be run again.

BEGIN;

SET LOCAL lock_timeout = '5s';

-- An invitation exists until it is accepted, withdrawn or has expired; what
-- became of it is in the audit log.

CREATE TABLE IF NOT EXISTS autoflow.invitations (
    id          uuid NOT NULL DEFAULT autoflow.uuid7(),
    email       text NOT NULL,
    email_key   text COLLATE "C" NOT NULL,
    roles       uuid[] NOT NULL DEFAULT '{}',
    invited_by  uuid NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    mailed_at   timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,

    CONSTRAINT invitations_pkey PRIMARY KEY (id),
    CONSTRAINT invitations_email_key UNIQUE (email_key),
    CONSTRAINT invitations_invited_by_fkey
        FOREIGN KEY (invited_by) REFERENCES autoflow.users ON DELETE CASCADE,
    CONSTRAINT invitations_email_check
        CHECK (autoflow.is_email(email)),
    CONSTRAINT invitations_roles_check
        CHECK (cardinality(roles) <= 32)
);

COMMENT ON COLUMN autoflow.invitations.roles IS
    'ids: a role that gets the name of a deleted one is another role';
COMMENT ON COLUMN autoflow.invitations.mailed_at IS
    'when it was mailed last; mails before created_at belong to another one';

CREATE INDEX IF NOT EXISTS invitations_created_at_idx
    ON autoflow.invitations (created_at, id);
CREATE INDEX IF NOT EXISTS invitations_invited_by_idx
    ON autoflow.invitations (invited_by, created_at, id);
CREATE INDEX IF NOT EXISTS invitations_expires_at_idx
    ON autoflow.invitations (expires_at);

GRANT SELECT,
      INSERT (email, email_key, roles, invited_by, expires_at),
      UPDATE (id, email, roles, invited_by, created_at, mailed_at, expires_at),
      DELETE
    ON autoflow.invitations TO autoflow_app;

COMMIT;


BEGIN;

SET LOCAL lock_timeout = '5s';

ALTER TABLE autoflow.users ADD COLUMN IF NOT EXISTS verify_first boolean;

COMMENT ON COLUMN autoflow.users.verify_first IS
    'true: it was registered where an address must be verified first, '
    'which verified_at says';

GRANT INSERT (verify_first) ON autoflow.users TO autoflow_app;


-- Whose inviter is disabled or deleted may not use an invitation, not even when
-- the inviter is enabled again: somebody else may have sent it.

CREATE OR REPLACE FUNCTION autoflow.users_end_invitations() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n  bigint;
BEGIN
    DELETE FROM autoflow.invitations WHERE invited_by = NEW.id;
    GET DIAGNOSTICS n = ROW_COUNT;

    IF n > 0 THEN
        INSERT INTO autoflow.audit_events (action, target_id, details)
        VALUES ('invitations_withdrawn', NEW.id,
                jsonb_build_object('count', n));
    END IF;

    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER users_end_invitations
    AFTER UPDATE OF is_active, deleted_at
    ON autoflow.users FOR EACH ROW
    WHEN ((OLD.is_active AND NOT NEW.is_active)
          OR (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL))
    EXECUTE FUNCTION autoflow.users_end_invitations();


-- Whether an account may be used as far as its address is concerned.

CREATE OR REPLACE FUNCTION autoflow.is_verified(account autoflow.users,
    required boolean) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN account.email_verified
    OR NOT (required
            OR (coalesce(account.verify_first, false)
                AND account.verified_at IS NULL));


-- Whether an account may invite others, and which roles it may give them: an
-- inviter those it has, except for the one that makes inviters.

CREATE OR REPLACE FUNCTION autoflow.may_invite(account autoflow.users,
    inviters text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN account.is_active
   AND account.deleted_at IS NULL
   AND (account.is_superuser
        OR coalesce(inviters = ANY (autoflow.role_names(account.id)), false));

CREATE OR REPLACE FUNCTION autoflow.may_give(account autoflow.users,
    role text, inviters text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN account.is_superuser
    OR (role IS DISTINCT FROM inviters
        AND role = ANY (autoflow.role_names(account.id)));


-- As for the names of roles, by their ids.

CREATE OR REPLACE FUNCTION autoflow.lock_role_ids(ids uuid[], OUT id uuid,
    OUT name text) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
        SELECT r.id, r.name
          FROM autoflow.roles r
         WHERE r.id = ANY (ids)
           AND deleted_at IS NULL
         ORDER BY r.id
           FOR KEY SHARE;
END
$$;


-- The invitation that a mail's token belongs to, or null: whoever has sent it
-- must still be allowed to.

CREATE OR REPLACE FUNCTION autoflow.invitation_of(mail uuid, inviters text)
RETURNS uuid
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT i.id
          FROM autoflow.outbox o
          JOIN autoflow.invitations i
            ON i.email_key = o.recipient_key AND i.created_at <= o.created_at
          JOIN autoflow.users u ON u.id = i.invited_by
         WHERE o.id = mail
           AND o.kind = 'invitation'
           AND o.used_at IS NULL
           AND o.expires_at > now()
           AND i.expires_at > now()
           AND autoflow.may_invite(u, inviters));
END
$$;

CREATE OR REPLACE FUNCTION autoflow.invitation_json(
    invitation autoflow.invitations) RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN row_to_json(answer)
      FROM (SELECT invitation.id,
                   invitation.email,
                   ARRAY(SELECT name
                           FROM autoflow.roles
                          WHERE id = ANY (invitation.roles)
                            AND deleted_at IS NULL
                          ORDER BY name COLLATE "C") AS roles,
                   invitation.invited_by,
                   autoflow.rfc3339(invitation.created_at) AS created_at,
                   autoflow.rfc3339(invitation.mailed_at) AS mailed_at,
                   autoflow.rfc3339(invitation.expires_at) AS expires_at
           ) AS answer;
END
$$;


-- Deletes invitations that have expired, at most a thousand; returns whether
-- there may be more.

CREATE OR REPLACE FUNCTION autoflow.purge_invitations() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    batch  CONSTANT integer := 1000;
    gone   bigint;
BEGIN
    DELETE FROM autoflow.invitations
     WHERE id IN (SELECT id
                    FROM autoflow.invitations
                   WHERE expires_at < now()
                   LIMIT batch
                     FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS gone = ROW_COUNT;

    RETURN gone = batch;
END
$$;


-- A mail with an invitation is kept as long as the invitation can last.

CREATE OR REPLACE FUNCTION autoflow.mail_expiry(kind text,
    created_at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN created_at + CASE WHEN kind IN ('reset_password', 'claim_account')
                         THEN interval '1 hour'
                         WHEN kind = 'invitation' THEN interval '720 hours'
                         ELSE interval '24 hours' END;


-- Sends a mail that anyone may request: none of its kind within a minute of the
-- last one to the address, and at most five an hour, not counting notices, or
-- else whoever knows a password could use the limit up and deny the owner a
-- reset.  Without an account it costs much the same.  Returns the mail's id, or
-- null.
--
-- What an account has sent to others is counted separately, as it must not count
-- for their owners: to addresses that it wants to have, five an hour for each
-- account, ten for each address; to whom it invites, five an hour for each
-- address, and a hundred for each account, a thousand for a superuser's.
--
-- The lock is there since two concurrent requests would not see each other's
-- row; the second one gets nothing, as it would a moment later.

CREATE OR REPLACE FUNCTION autoflow.request_mail(kind text, user_id uuid,
    address text, address_key text) RETURNS uuid
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

    INSERT INTO autoflow.outbox AS o (kind, user_id, recipient, recipient_key)
    VALUES (request_mail.kind, request_mail.user_id, address, address_key)
    RETURNING o.id INTO mail;

    RETURN mail;
END
$$;

REVOKE ALL ON FUNCTION
    autoflow.users_end_invitations(),
    autoflow.is_verified(autoflow.users, boolean),
    autoflow.may_invite(autoflow.users, text),
    autoflow.may_give(autoflow.users, text, text),
    autoflow.lock_role_ids(uuid[]),
    autoflow.invitation_of(uuid, text),
    autoflow.invitation_json(autoflow.invitations),
    autoflow.purge_invitations()
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.is_verified(autoflow.users, boolean),
    autoflow.may_invite(autoflow.users, text),
    autoflow.may_give(autoflow.users, text, text),
    autoflow.lock_role_ids(uuid[]),
    autoflow.invitation_of(uuid, text),
    autoflow.invitation_json(autoflow.invitations),
    autoflow.purge_invitations()
    TO autoflow_app;

COMMIT;


BEGIN;

SET LOCAL lock_timeout = '5s';

ALTER TABLE autoflow.outbox
    DROP CONSTRAINT outbox_kind_check,
    ADD CONSTRAINT outbox_kind_check
        CHECK (kind IN ('verify_email', 'reset_password', 'email_changed',
                        'change_email', 'claim_account', 'invitation'))
        NOT VALID;

COMMIT;

ALTER TABLE autoflow.outbox VALIDATE CONSTRAINT outbox_kind_check;


-- the last step: whoever asks for this version needs all of it

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 20;
