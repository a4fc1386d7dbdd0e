-- Deploy autoflow:jobs to pg
-- requires: sessions_bounded
--
-- Which node runs the recurring jobs (src/db/jobs.h).

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


-- Claims a due job, if there is one, for its period, during which nobody else
-- gets it.  A read-only database isn't tried: that would be an error each time.

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


-- Called before a job in the same transaction, with the fence of its claim.
-- Fails if someone else has claimed the job meanwhile, which nobody can until
-- the transaction ends, since the row is locked.

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
