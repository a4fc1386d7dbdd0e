-- Deploy autoflow:sessions_bounded to pg
-- requires: role_deletion
--
-- Limits what one account can accumulate: the number of active sessions is
-- capped, and refreshing leaves no rows behind.
--
-- Not one transaction: an index is built concurrently, and long operations
-- precede the lock on the table.  After a failure all of this may be deployed
-- again.

DROP INDEX CONCURRENTLY IF EXISTS autoflow.sessions_living_idx;
CREATE INDEX CONCURRENTLY sessions_living_idx
    ON autoflow.sessions (user_id) WHERE ended_at IS NULL;


-- A session that ends with its account, whose new epoch revokes its tokens, is
-- marked by its access_expires_at: checking each one is most of the cost of
-- ending many.  Without the mark it is checked as before.

BEGIN;

SET LOCAL lock_timeout = '5s';

CREATE OR REPLACE TRIGGER sessions_ended
    AFTER UPDATE ON autoflow.sessions FOR EACH ROW
    WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL
          AND NEW.access_expires_at > '-infinity')
    EXECUTE FUNCTION autoflow.sessions_ended();

COMMENT ON COLUMN autoflow.sessions.access_expires_at IS
    'when the last of its access tokens expires; -infinity: they were revoked '
    'with its account';

COMMIT;


-- An account with more than a thousand active sessions keeps the most recently
-- used.  By one revocation each: clients that still have a session refresh.

BEGIN;

WITH crowded AS (
    SELECT user_id
      FROM autoflow.sessions
     WHERE ended_at IS NULL
     GROUP BY user_id
    HAVING count(*) > 1000
), locked AS MATERIALIZED (
    SELECT id
      FROM autoflow.users
     WHERE id IN (SELECT user_id FROM crowded)
     ORDER BY id
       FOR NO KEY UPDATE
), account AS (
    UPDATE autoflow.users u
       SET token_epoch = token_epoch + 1
      FROM locked
     WHERE u.id = locked.id
    RETURNING u.id
), excess AS MATERIALIZED (
    SELECT account.id AS user_id, s.id
      FROM account,
           LATERAL (SELECT id
                      FROM autoflow.sessions
                     WHERE user_id = account.id
                       AND ended_at IS NULL
                     ORDER BY last_used_at DESC, id DESC
                    OFFSET 1000) AS s
), ended AS (
    UPDATE autoflow.sessions s
       SET ended_at = now(),
           access_expires_at = '-infinity'
      FROM excess
     WHERE s.id = excess.id
       AND s.ended_at IS NULL
    RETURNING s.user_id
)
INSERT INTO autoflow.audit_events (action, target_id, details)
SELECT 'logged_out', user_id,
       jsonb_build_object('scope', 'excess', 'count', count(*))
  FROM ended
 GROUP BY user_id;

COMMIT;


BEGIN;

-- better to fail than to make everyone wait for the end of a dump
SET LOCAL lock_timeout = '5s';

-- The secret part of refresh tokens (src/token/refresh.h), 244 random bits.  An
-- added column's default, if it is set afterwards, is not evaluated for
-- existing rows: nothing is rewritten.

CREATE FUNCTION autoflow.session_random() RETURNS bytea
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());

-- While a function takes the table's rows, PostgreSQL (since 15.19 and its
-- like) can't add a column with a default: these two are dropped and created
-- again.
DROP FUNCTION
    autoflow.session_revocation(autoflow.sessions),
    autoflow.session_lives(autoflow.sessions);

ALTER TABLE autoflow.sessions
    ADD COLUMN number bigint NOT NULL DEFAULT 0,
    ADD COLUMN random bytea,
    ALTER COLUMN token_hash DROP NOT NULL;

ALTER TABLE autoflow.sessions
    ALTER COLUMN random SET DEFAULT autoflow.session_random();

CREATE FUNCTION autoflow.session_revocation(session autoflow.sessions) RETURNS text
LANGUAGE sql VOLATILE STRICT PARALLEL SAFE
RETURN autoflow.revocation(session.id, NULL, clock_timestamp(),
                           session.access_expires_at + interval '10 minutes');

CREATE FUNCTION autoflow.session_lives(session autoflow.sessions) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN session.ended_at IS NULL
   AND greatest(session.expires_at,
                session.access_expires_at + interval '10 minutes') > now();

REVOKE ALL ON FUNCTION
    autoflow.session_revocation(autoflow.sessions),
    autoflow.session_lives(autoflow.sessions)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.session_revocation(autoflow.sessions),
    autoflow.session_lives(autoflow.sessions)
    TO autoflow_app;

COMMENT ON COLUMN autoflow.sessions.number IS
    'of the refresh token that is good now; 0: one of the former form';
COMMENT ON COLUMN autoflow.sessions.random IS
    'in its refresh tokens'' MACs, as long as it lives; null: none was made yet';
COMMENT ON COLUMN autoflow.sessions.token_hash IS
    'of the refresh token that is good now, if it is of the former form';
COMMENT ON COLUMN autoflow.sessions.previous_hash IS
    'of the one that was exchanged at rotated_at, likewise';

GRANT UPDATE (number, random) ON autoflow.sessions TO autoflow_app;

-- queries only need the active ones
DROP INDEX autoflow.sessions_user_id_idx;
ALTER INDEX autoflow.sessions_living_idx RENAME TO sessions_user_id_idx;


-- What has ended was revoked separately: a new epoch is only needed for the
-- active ones.

CREATE OR REPLACE FUNCTION autoflow.users_epoch() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.token_epoch := greatest(NEW.token_epoch, OLD.token_epoch + 1);
    NEW.tokens_until := (SELECT max(access_expires_at)
                           FROM autoflow.sessions
                          WHERE user_id = NEW.id
                            AND ended_at IS NULL);
    RETURN NEW;
END
$$;


-- Whether an account's sessions are revoked together, by a new epoch, instead
-- of one by one: a revocation is an entry in each node's memory.  The account
-- must be updated first: see sessions_ended().

CREATE FUNCTION autoflow.sessions_are_many(number bigint) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN number > 100;


-- The verdict on a refresh token of a session; by its number or, if it is a
-- legacy token, by its hash.  Both rows are locked.
--
--   current    the valid one; or a later one, which we issued before the
--              database lost it in a failover
--   former     exchanged for the valid one, which was not used yet, within the
--              grace period: its bearer gets the same one again
--   reused     exchanged already: it was stolen
--   expired
--   ended      its session has ended, or its account may not have any

CREATE FUNCTION autoflow.refresh_verdict(account autoflow.users,
    session autoflow.sessions, presented bigint, presented_hash bytea,
    grace bigint) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN session.ended_at IS NOT NULL
         OR NOT account.is_active
         OR account.deleted_at IS NOT NULL
    THEN 'ended'
    WHEN session.expires_at <= now() THEN 'expired'
    WHEN presented >= session.number OR presented_hash = session.token_hash
    THEN 'current'
    WHEN (presented = session.number - 1
          OR (presented_hash = session.previous_hash AND session.number <= 1))
         AND now() <= session.rotated_at + grace * interval '1 second'
    THEN 'former'
    ELSE 'reused'
END;


-- The position of purge() among the sessions.

CREATE TABLE autoflow.purged (
    session_id  uuid NOT NULL,
    until_id    uuid NOT NULL
);

COMMENT ON TABLE autoflow.purged IS
    'one row: the last session that purge() has looked at, and where its round ends';

INSERT INTO autoflow.purged
VALUES ('00000000-0000-0000-0000-000000000000',
        '00000000-0000-0000-0000-000000000000');


-- Deletes expired rows: revocations after a day, and after a week legacy
-- refresh tokens, and sessions that have ended or expired.  At most a thousand
-- of each at a time; returns whether there may be more.
--
-- No index has these sessions, since a refresh would have to write it: the
-- function scans them by id, a thousand rows each time, over and over.  A
-- session is deleted when none of its refresh tokens is left.

CREATE OR REPLACE FUNCTION autoflow.purge() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    batch     CONSTANT integer := 1000;
    age       CONSTANT interval := '7 days';
    first_id  uuid;
    last_id   uuid;
    ids       uuid[];
    gone      uuid[];
    n         bigint;
    more      boolean;
BEGIN
    DELETE FROM autoflow.revocations
     WHERE subject_id IN (SELECT subject_id
                            FROM autoflow.revocations
                           WHERE expires_at < now() - interval '1 day'
                           LIMIT batch
                             FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS n = ROW_COUNT;
    more := n = batch;

    DELETE FROM autoflow.refresh_tokens
     WHERE token_hash IN (SELECT token_hash
                            FROM autoflow.refresh_tokens
                           WHERE expires_at < now() - age
                           LIMIT batch
                             FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS n = ROW_COUNT;
    more := more OR n = batch;

    SELECT session_id, until_id INTO first_id, last_id
      FROM autoflow.purged
       FOR UPDATE SKIP LOCKED;

    IF NOT FOUND THEN
        RETURN more;   -- another node is at it
    END IF;

    -- the time is in the id: what is added after a round has begun is left to
    -- the next one, or where many are added no round would end
    IF first_id = '00000000-0000-0000-0000-000000000000' THEN
        last_id := rpad(lpad(to_hex(floor(extract(epoch FROM clock_timestamp())
                                          * 1000)::bigint + 1), 12, '0'),
                        32, '0');
    END IF;

    ids := ARRAY(SELECT id
                   FROM autoflow.sessions
                  WHERE id > first_id
                    AND id < last_id
                  ORDER BY id
                  LIMIT batch);

    gone := ARRAY(SELECT id
                    FROM autoflow.sessions
                   WHERE id = ANY (ids)
                     AND coalesce(ended_at,
                                  greatest(expires_at, access_expires_at))
                         < now() - age
                     FOR UPDATE SKIP LOCKED);

    DELETE FROM autoflow.refresh_tokens
     WHERE token_hash IN (SELECT token_hash
                            FROM autoflow.refresh_tokens
                           WHERE session_id = ANY (gone)
                           LIMIT batch);
    GET DIAGNOSTICS n = ROW_COUNT;

    DELETE FROM autoflow.sessions s
     WHERE id = ANY (gone)
       AND NOT EXISTS (SELECT
                         FROM autoflow.refresh_tokens t
                        WHERE t.session_id = s.id);

    IF n = batch THEN
        RETURN true;   -- the same ones again, until they have no tokens
    END IF;

    UPDATE autoflow.purged
       SET session_id = CASE WHEN cardinality(ids) = batch
                             THEN ids[batch]
                             ELSE '00000000-0000-0000-0000-000000000000' END,
           until_id = last_id;

    -- where some are to go there are others; where none is, there is time
    RETURN more OR (cardinality(ids) = batch AND gone <> '{}');
END
$$;


REVOKE ALL ON FUNCTION
    autoflow.session_random(),
    autoflow.sessions_are_many(bigint),
    autoflow.refresh_verdict(autoflow.users, autoflow.sessions, bigint, bytea,
                             bigint)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.session_random(),
    autoflow.sessions_are_many(bigint),
    autoflow.refresh_verdict(autoflow.users, autoflow.sessions, bigint, bytea,
                             bigint)
    TO autoflow_app;


CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 9;

COMMIT;
