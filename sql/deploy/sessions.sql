-- Deploy autoflow:sessions to pg
-- requires: accounts
-- requires: audit
--
-- What revokes a signed token before it expires.  Triggers do it, so that a
-- manual change has the same effect as the module's.

BEGIN;

-- A session has the state of its chain of refresh tokens, since one row can be
-- locked and then read in its current state; the tokens' own table only leads
-- to it.

ALTER TABLE autoflow.sessions
    ADD COLUMN token_hash         bytea,
    ADD COLUMN previous_hash      bytea,
    ADD COLUMN rotated_at         timestamptz,
    ADD COLUMN access_expires_at  timestamptz;

UPDATE autoflow.sessions s
   SET token_hash = (SELECT t.token_hash
                       FROM autoflow.refresh_tokens t
                      WHERE t.session_id = s.id
                      ORDER BY t.issued_at DESC
                      LIMIT 1),
       -- not known, and longer is safe
       access_expires_at = now() + interval '1 day';

DELETE FROM autoflow.sessions WHERE token_hash IS NULL;

ALTER TABLE autoflow.sessions
    ALTER COLUMN token_hash SET NOT NULL,
    ALTER COLUMN access_expires_at SET NOT NULL,
    SET (fillfactor = 80);   -- each refresh updates a row, and no index

COMMENT ON COLUMN autoflow.sessions.token_hash IS
    'of the refresh token that is good now';
COMMENT ON COLUMN autoflow.sessions.previous_hash IS
    'of the one that was exchanged for it, at rotated_at';
COMMENT ON COLUMN autoflow.sessions.access_expires_at IS
    'when the last of its access tokens expires';

ALTER TABLE autoflow.refresh_tokens DROP COLUMN used_at;

CREATE INDEX refresh_tokens_expires_at_idx
    ON autoflow.refresh_tokens (expires_at);

ALTER TABLE autoflow.users ADD COLUMN tokens_until timestamptz;

COMMENT ON COLUMN autoflow.users.tokens_until IS
    'when the last access token of an earlier epoch expires';

-- SELECT … FOR SHARE or UPDATE requires the right to update
GRANT UPDATE (token_epoch, updated_at) ON autoflow.users TO autoflow_app;
GRANT UPDATE (last_used_at, ip_address, expires_at, ended_at, token_hash,
              previous_hash, rotated_at, access_expires_at)
    ON autoflow.sessions TO autoflow_app;
GRANT SELECT ON autoflow.refresh_tokens TO autoflow_app;


CREATE TABLE autoflow.revocations (
    subject_id  uuid NOT NULL,
    epoch       bigint,
    revoked_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,

    CONSTRAINT revocations_pkey PRIMARY KEY (subject_id)
);

COMMENT ON TABLE autoflow.revocations IS
    'what every node must know to refuse tokens that were signed';
COMMENT ON COLUMN autoflow.revocations.subject_id IS
    'a session or an account, which it may outlive';
COMMENT ON COLUMN autoflow.revocations.epoch IS
    'of an account: the least that is valid; null: a session';

CREATE INDEX revocations_expires_at_idx ON autoflow.revocations (expires_at);

GRANT SELECT ON autoflow.revocations TO autoflow_app;


-- A revocation in the module's format, from a statement, the table or the
-- notification: "subject epoch revoked_at expires_at"; the epoch is "-" for a
-- session, the times are seconds, the first one truncated as a token's "iat"
-- is.  Null if there never was a token.

CREATE FUNCTION autoflow.revocation(subject uuid, epoch bigint, at timestamptz,
    until timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN until IS NOT NULL THEN
    format('%s %s %s %s', subject, coalesce(epoch::text, '-'),
           floor(extract(epoch FROM at)), ceil(extract(epoch FROM until)))
END;

-- Ten minutes: nodes date the tokens, whose clocks may differ by five, and have
-- a leeway of at most five.  The time is that of the clock, not of the
-- transaction, which may have waited for one that issued a token.

CREATE FUNCTION autoflow.session_revocation(session autoflow.sessions) RETURNS text
LANGUAGE sql VOLATILE STRICT PARALLEL SAFE
RETURN autoflow.revocation(session.id, NULL, clock_timestamp(),
                           session.access_expires_at + interval '10 minutes');

CREATE FUNCTION autoflow.account_revocation(account autoflow.users) RETURNS text
LANGUAGE sql VOLATILE STRICT PARALLEL SAFE
RETURN autoflow.revocation(account.id, account.token_epoch, clock_timestamp(),
                           account.tokens_until + interval '10 minutes');


-- Whether a token of a session may be valid: if it outlives refresh tokens, or
-- with a leeway, that may be only the access token.

CREATE FUNCTION autoflow.session_lives(session autoflow.sessions) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN session.ended_at IS NULL
   AND greatest(session.expires_at,
                session.access_expires_at + interval '10 minutes') > now();


-- The module's role can't write revocations directly: they follow from changes
-- of sessions and accounts, and can't be undone.

CREATE FUNCTION autoflow.revoke(subject uuid, least_epoch bigint,
    until timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r  autoflow.revocations;
BEGIN
    until := until + interval '10 minutes';

    IF until IS NULL OR until <= now() THEN
        RETURN;   -- its tokens have expired
    END IF;

    INSERT INTO autoflow.revocations AS old
           (subject_id, epoch, revoked_at, expires_at)
    VALUES (subject, least_epoch, clock_timestamp(), until)
    ON CONFLICT (subject_id) DO UPDATE
       SET epoch = greatest(old.epoch, excluded.epoch),
           revoked_at = excluded.revoked_at,
           expires_at = greatest(old.expires_at, excluded.expires_at)
    RETURNING * INTO r;

    PERFORM pg_notify('autoflow_revocations',
                      autoflow.revocation(r.subject_id, r.epoch, r.revoked_at,
                                          r.expires_at));
END
$$;


CREATE FUNCTION autoflow.sessions_ended() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- with its account, in this transaction, its tokens are revoked already
    IF NOT EXISTS (SELECT
                     FROM autoflow.revocations
                    WHERE subject_id = OLD.user_id
                      AND xmin = pg_current_xact_id()::xid)
    THEN
        PERFORM autoflow.revoke(OLD.id, NULL, OLD.access_expires_at);
    END IF;

    RETURN NULL;
END
$$;

CREATE TRIGGER sessions_ended
    AFTER UPDATE ON autoflow.sessions FOR EACH ROW
    WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL)
    EXECUTE FUNCTION autoflow.sessions_ended();

CREATE TRIGGER sessions_deleted
    AFTER DELETE ON autoflow.sessions FOR EACH ROW
    WHEN (OLD.ended_at IS NULL)
    EXECUTE FUNCTION autoflow.sessions_ended();


-- Changes of what tokens contain of an account, or of whether it may have any,
-- raise the epoch.  (Verifying the address takes nothing away from a token.)
-- The row is locked by now, and issuing a token locks it, too: tokens that the
-- query of sessions doesn't see have the new epoch.

CREATE FUNCTION autoflow.users_epoch() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.token_epoch := greatest(NEW.token_epoch, OLD.token_epoch + 1);
    NEW.tokens_until := (SELECT max(access_expires_at)
                           FROM autoflow.sessions
                          WHERE user_id = NEW.id);
    RETURN NEW;
END
$$;

CREATE TRIGGER users_epoch
    BEFORE UPDATE ON autoflow.users FOR EACH ROW
    WHEN (OLD.token_epoch <> NEW.token_epoch
          OR OLD.is_superuser <> NEW.is_superuser
          OR OLD.email <> NEW.email
          OR (OLD.email_verified AND NOT NEW.email_verified)
          OR (OLD.is_active AND NOT NEW.is_active)
          OR (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL))
    EXECUTE FUNCTION autoflow.users_epoch();

CREATE FUNCTION autoflow.users_revoked() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM autoflow.revoke(NEW.id, NEW.token_epoch, NEW.tokens_until);
    RETURN NULL;
END
$$;

CREATE TRIGGER users_revoked
    AFTER UPDATE ON autoflow.users FOR EACH ROW
    WHEN (OLD.token_epoch <> NEW.token_epoch)
    EXECUTE FUNCTION autoflow.users_revoked();


-- Tokens contain roles, too.  In the order of ids, to avoid deadlocks.

CREATE FUNCTION autoflow.user_roles_changed() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM autoflow.users
      WHERE id IN (SELECT user_id FROM changed)
      ORDER BY id
        FOR NO KEY UPDATE;

    UPDATE autoflow.users
       SET token_epoch = token_epoch + 1
     WHERE id IN (SELECT user_id FROM changed);

    RETURN NULL;
END
$$;

CREATE TRIGGER user_roles_added
    AFTER INSERT ON autoflow.user_roles
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION autoflow.user_roles_changed();

CREATE TRIGGER user_roles_taken
    AFTER DELETE ON autoflow.user_roles
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION autoflow.user_roles_changed();

CREATE TRIGGER user_roles_changed_from
    AFTER UPDATE ON autoflow.user_roles
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION autoflow.user_roles_changed();

CREATE TRIGGER user_roles_changed_to
    AFTER UPDATE ON autoflow.user_roles
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION autoflow.user_roles_changed();

-- renaming counts as removing and assigning it again

CREATE FUNCTION autoflow.roles_renamed() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE autoflow.user_roles
       SET role_id = NEW.id
     WHERE role_id = NEW.id;

    RETURN NULL;
END
$$;

CREATE TRIGGER roles_renamed
    AFTER UPDATE ON autoflow.roles FOR EACH ROW
    WHEN (OLD.name <> NEW.name)
    EXECUTE FUNCTION autoflow.roles_renamed();

REVOKE ALL ON FUNCTION
    autoflow.revocation(uuid, bigint, timestamptz, timestamptz),
    autoflow.session_revocation(autoflow.sessions),
    autoflow.account_revocation(autoflow.users),
    autoflow.session_lives(autoflow.sessions),
    autoflow.revoke(uuid, bigint, timestamptz),
    autoflow.sessions_ended(),
    autoflow.users_epoch(),
    autoflow.users_revoked(),
    autoflow.user_roles_changed(),
    autoflow.roles_renamed()
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.revocation(uuid, bigint, timestamptz, timestamptz),
    autoflow.session_revocation(autoflow.sessions),
    autoflow.account_revocation(autoflow.users),
    autoflow.session_lives(autoflow.sessions)
    TO autoflow_app;


-- VOLATILE for a snapshot of its own: a statement that waited for the row of
-- the account has its current epoch, but would see the old roles.  Such a
-- statement locks the row (at least FOR SHARE) before it calls this.
--
-- "iat" is the database's time, for the watermark of revocations.

CREATE OR REPLACE FUNCTION autoflow.claims_json(account autoflow.users,
    session uuid) RETURNS json
LANGUAGE plpgsql VOLATILE PARALLEL SAFE
AS $$
BEGIN
    RETURN row_to_json(claims)
      FROM (SELECT account.id AS sub,
                   session AS sid,
                   account.token_epoch AS epoch,
                   account.email,
                   account.email_verified,
                   autoflow.role_names(account.id) AS roles,
                   account.is_superuser,
                   floor(extract(epoch FROM now()))::bigint AS iat
           ) AS claims;
END
$$;


-- the same for the response that contains the token

ALTER FUNCTION autoflow.user_json(autoflow.users) VOLATILE;


-- The response of a list.

CREATE FUNCTION autoflow.list_json(data json, total bigint, page bigint,
    size bigint) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT row_to_json(list)
      FROM (SELECT coalesce(data, '[]') AS data,
                   total,
                   page,
                   size,
                   (total + size - 1) / size AS pages) AS list);

REVOKE ALL ON FUNCTION autoflow.list_json(json, bigint, bigint, bigint)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION autoflow.list_json(json, bigint, bigint, bigint)
    TO autoflow_app;


-- Deletes expired rows: revocations after a day, refresh tokens after a week,
-- with each session's last one the session itself.  At most a thousand of each
-- at a time; returns whether there may be more.

CREATE FUNCTION autoflow.purge() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    batch        CONSTANT integer := 1000;
    revocations  bigint;
    tokens       bigint;
BEGIN
    DELETE FROM autoflow.revocations
     WHERE subject_id IN (SELECT subject_id
                            FROM autoflow.revocations
                           WHERE expires_at < now() - interval '1 day'
                           LIMIT batch
                             FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS revocations = ROW_COUNT;

    WITH gone AS (
        DELETE FROM autoflow.refresh_tokens
         WHERE token_hash IN (SELECT token_hash
                                FROM autoflow.refresh_tokens
                               WHERE expires_at < now() - interval '7 days'
                               LIMIT batch
                                 FOR UPDATE SKIP LOCKED)
        RETURNING session_id
    ), sessions AS (
        DELETE FROM autoflow.sessions
         WHERE id IN (SELECT session_id FROM gone)
           AND expires_at < now() - interval '7 days'
    )
    SELECT count(*) INTO tokens FROM gone;

    RETURN greatest(revocations, tokens) = batch;
END
$$;

REVOKE ALL ON FUNCTION autoflow.purge() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION autoflow.purge() TO autoflow_app;


CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 2;

COMMIT;
