-- Deploy autoflow:jobs to pg
-- requires: sessions_bounded
--
-- Who of all nodes does what is done from time to time (src/db/jobs.h).

BEGIN;

CREATE TABLE autoflow.jobs (
    name    text NOT NULL,
    holder  text NOT NULL,
    fence   bigint NOT NULL DEFAULT 1,
    period  interval NOT NULL,
    until   timestamptz NOT NULL,
    ran_at  timestamptz,

    CONSTRAINT jobs_pkey PRIMARY KEY (name)
);

COMMENT ON COLUMN autoflow.jobs.holder IS
    'the worker that has taken it: host and process';
COMMENT ON COLUMN autoflow.jobs.fence IS
    'how often it was taken';
COMMENT ON COLUMN autoflow.jobs.until IS
    'when it is due again, and anybody may take it';
COMMENT ON COLUMN autoflow.jobs.ran_at IS
    'when it was done for the last time';

GRANT SELECT,
      INSERT (name, holder, period, until),
      UPDATE (holder, fence, period, until, ran_at)
    ON autoflow.jobs TO autoflow_app;


-- Takes a job that is due, if there is one, for its period.  Nobody else gets it
-- before that is over.  Where nothing can be written nothing is tried: it would
-- be an error each time.

CREATE FUNCTION autoflow.claim_job(names text[], periods bigint[],
    claimer text) RETURNS TABLE (name text, fence bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF current_setting('transaction_read_only')::boolean THEN
        RETURN;
    END IF;

    RETURN QUERY
    WITH due AS (
        SELECT name, job.period * interval '1 millisecond' AS period
          FROM unnest(names, periods) AS job (name, period)
          LEFT JOIN autoflow.jobs j USING (name)
         WHERE j.until IS NULL
            OR j.until <= now()
         ORDER BY j.until NULLS FIRST
         LIMIT 1
    )
    INSERT INTO autoflow.jobs AS j (name, holder, period, until)
    SELECT due.name, claimer, due.period, now() + due.period
      FROM due
        ON CONFLICT ON CONSTRAINT jobs_pkey DO UPDATE
       SET holder = excluded.holder,
           fence = j.fence + 1,
           period = excluded.period,
           until = excluded.until
     WHERE j.until <= now()
    RETURNING j.name, j.fence;
END
$$;


-- Whoever does a job calls this before, in the same transaction, with the fence
-- that they took it with.  It fails if somebody else has taken it meanwhile; if
-- not, nobody can until the transaction is over, since the row is locked.

CREATE FUNCTION autoflow.job_fence(job text, held bigint) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE autoflow.jobs
       SET until = now() + period,
           ran_at = now()
     WHERE name = job
       AND fence = held;

    IF NOT FOUND THEN
        RAISE EXCEPTION 'somebody else has taken it meanwhile'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    RETURN now();
END
$$;

REVOKE ALL ON FUNCTION
    autoflow.claim_job(text[], bigint[], text),
    autoflow.job_fence(text, bigint)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.claim_job(text[], bigint[], text),
    autoflow.job_fence(text, bigint)
    TO autoflow_app;


CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 10;

COMMIT;
