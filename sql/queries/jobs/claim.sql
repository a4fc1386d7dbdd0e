-- Takes a job that is due, for its period: none that somebody else has, who is
-- taken to be gone when that is over.
--
-- :names, :periods     of all jobs there are; in milliseconds
-- :holder              who takes it
--
-- name
-- fence                how often it was taken
--
-- no row: nothing is due

WITH due AS (
    SELECT name, job.period * interval '1 millisecond' AS period
      FROM unnest(:names::text[], :periods::bigint[]) AS job (name, period)
      LEFT JOIN autoflow.jobs j USING (name)
     WHERE j.until IS NULL
        OR j.until <= now()
     ORDER BY j.until NULLS FIRST
     LIMIT 1
)
INSERT INTO autoflow.jobs AS j (name, holder, period, until)
SELECT name, :holder::text, period, now() + period
  FROM due
    ON CONFLICT (name) DO UPDATE
   SET holder = excluded.holder,
       fence = j.fence + 1,
       period = excluded.period,
       until = excluded.until
 WHERE j.until <= now()
RETURNING j.name, j.fence;
