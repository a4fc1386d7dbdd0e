-- Deploy autoflow:factor_bounds to pg
-- requires: devices
--
-- A session that has ended changes no factors, and nobody can have an address
-- flooded with notices about them.
--
-- Each transaction locks one table exclusively, so that it can't deadlock with a
-- statement that uses both.  After a failure the whole file may be run again.

BEGIN;

-- As before, but the session must not have ended: its token was looked at before
-- the request's body came, and before whoever has the account's lock let go of it.
-- Else a thief whose sessions its owner ends, by a new password for example, could
-- leave a passkey behind.  Without a session it is the first one that is added, by
-- whoever has just given the password.

CREATE OR REPLACE FUNCTION autoflow.may_change_factors(account uuid,
    session uuid) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE WHEN session IS NULL THEN NOT autoflow.has_factors(account)
                ELSE EXISTS (SELECT
                               FROM autoflow.sessions s
                              WHERE s.id = session
                                AND s.user_id = account
                                AND autoflow.session_lives(s)
                                AND (s.aal >= 2
                                     OR NOT autoflow.has_factors(account))) END;
END
$$;

COMMIT;


BEGIN;

SET LOCAL lock_timeout = '5s';

-- Whoever has a session can cause these notices as often as they like, and their
-- address may be somebody else's, while it isn't verified: ten of a kind an hour
-- tell enough.  The account is locked, and an index knows when they expire.

CREATE OR REPLACE FUNCTION autoflow.outbox_notices() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE WHEN (SELECT count(*)
                        FROM autoflow.outbox o
                       WHERE o.user_id = NEW.user_id
                         AND o.kind = NEW.kind
                         AND o.expires_at
                             > autoflow.mail_expiry(NEW.kind,
                                                    now() - interval '1 hour'))
                     < 10
                THEN NEW END;
END
$$;

CREATE OR REPLACE TRIGGER outbox_notices
    BEFORE INSERT ON autoflow.outbox FOR EACH ROW
    WHEN (NEW.kind IN ('factor_added', 'factor_removed', 'recovery_codes',
                       'passkey_cloned', 'new_device'))
    EXECUTE FUNCTION autoflow.outbox_notices();

REVOKE ALL ON FUNCTION autoflow.outbox_notices() FROM PUBLIC;

COMMIT;
