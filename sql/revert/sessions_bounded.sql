-- Revert autoflow:sessions_bounded from pg
--
-- Sessions whose refresh token the previous version doesn't know are deleted:
-- their users must log in again.

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 8;

CREATE OR REPLACE FUNCTION autoflow.purge() RETURNS boolean
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

DROP TABLE autoflow.purged;

CREATE OR REPLACE FUNCTION autoflow.users_epoch() RETURNS trigger
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

DROP FUNCTION autoflow.refresh_verdict(autoflow.users, autoflow.sessions,
    bigint, bytea, bigint);
DROP FUNCTION autoflow.sessions_are_many(bigint);

DELETE FROM autoflow.sessions WHERE token_hash IS NULL;

REVOKE UPDATE (number, random) ON autoflow.sessions FROM autoflow_app;

ALTER TABLE autoflow.sessions
    DROP COLUMN random,
    DROP COLUMN number,
    ALTER COLUMN token_hash SET NOT NULL;

COMMENT ON COLUMN autoflow.sessions.token_hash IS
    'of the refresh token that is good now';
COMMENT ON COLUMN autoflow.sessions.previous_hash IS
    'of the one that was exchanged for it, at rotated_at';

CREATE OR REPLACE TRIGGER sessions_ended
    AFTER UPDATE ON autoflow.sessions FOR EACH ROW
    WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL)
    EXECUTE FUNCTION autoflow.sessions_ended();

COMMENT ON COLUMN autoflow.sessions.access_expires_at IS
    'when the last of its access tokens expires';

DROP FUNCTION autoflow.session_random();

DROP INDEX autoflow.sessions_user_id_idx;
CREATE INDEX sessions_user_id_idx ON autoflow.sessions (user_id);

COMMIT;
