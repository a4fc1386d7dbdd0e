-- Deploy autoflow:failed_attempts to pg
-- requires: name_statistics
--
-- How often an account's password was wrong recently, at all nodes together: the
-- shared memory of each counts only its own.

BEGIN;

SET LOCAL lock_timeout = '5s';

-- Names that no account has are counted as accounts are, or the limit would tell
-- them apart: by a MAC, since someone may have typed a password there.

CREATE TABLE autoflow.failed_attempts (
    account   uuid NOT NULL,
    kind      text NOT NULL,
    failures  bigint NOT NULL,
    ends_at   timestamptz NOT NULL,

    CONSTRAINT failed_attempts_pkey PRIMARY KEY (account, kind)
) WITH (fillfactor = 70);

COMMENT ON TABLE autoflow.failed_attempts IS
    'what failed in the current window, for autoflow_attempts';
COMMENT ON COLUMN autoflow.failed_attempts.account IS
    'its id, or that of a name that no account has';
COMMENT ON COLUMN autoflow.failed_attempts.kind IS
    'password; each kind has a counter of its own';
COMMENT ON COLUMN autoflow.failed_attempts.ends_at IS
    'when the window ends, and the row may be deleted';

-- not changed while a window lasts: counting is HOT

CREATE INDEX failed_attempts_ends_at_idx ON autoflow.failed_attempts (ends_at);

GRANT SELECT ON autoflow.failed_attempts TO autoflow_app;


-- Counts a failure, in a window that begins with the first one.  Returns how many
-- there have been in it, and in how many seconds it ends.

CREATE FUNCTION autoflow.count_failure(account uuid, kind text, seconds bigint,
    OUT failures bigint, OUT seconds_left bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    counted  autoflow.failed_attempts;
BEGIN
    INSERT INTO autoflow.failed_attempts AS f
           (account, kind, failures, ends_at)
    VALUES (count_failure.account, count_failure.kind, 1,
            clock_timestamp() + make_interval(secs => seconds))
    ON CONFLICT (account, kind) DO UPDATE
       SET failures = CASE WHEN f.ends_at > clock_timestamp()
                           THEN f.failures + 1 ELSE 1 END,
           ends_at = CASE WHEN f.ends_at > clock_timestamp()
                          THEN f.ends_at ELSE excluded.ends_at END
    RETURNING * INTO counted;

    failures := counted.failures;
    seconds_left := ceil(extract(epoch FROM counted.ends_at
                                            - clock_timestamp()));
END
$$;


-- The failures in the current window; null if there is none.

CREATE FUNCTION autoflow.failures(account uuid, kind text) RETURNS bigint
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT f.failures
      FROM autoflow.failed_attempts f
     WHERE f.account = $1
       AND f.kind = $2
       AND f.ends_at > now();
END;


-- Deletes windows that have ended, at most a thousand; returns whether there may
-- be more.

CREATE FUNCTION autoflow.purge_failures() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    batch  CONSTANT integer := 1000;
    gone   bigint;
BEGIN
    DELETE FROM autoflow.failed_attempts
     WHERE (account, kind) IN
           (SELECT account, kind
              FROM autoflow.failed_attempts
             WHERE ends_at < now()
             LIMIT batch
               FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS gone = ROW_COUNT;

    RETURN gone = batch;
END
$$;

REVOKE ALL ON FUNCTION
    autoflow.count_failure(uuid, text, bigint),
    autoflow.failures(uuid, text),
    autoflow.purge_failures()
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.count_failure(uuid, text, bigint),
    autoflow.failures(uuid, text),
    autoflow.purge_failures()
    TO autoflow_app;


CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 19;

COMMIT;
