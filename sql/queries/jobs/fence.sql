-- Sent before a job, in the same transaction: fails if someone else has claimed
-- the job meanwhile, which nobody can until the transaction ends.
--
-- writes
-- columns: ran timestamp with time zone
--
-- :job, :fence     as claimed

SELECT autoflow.job_fence(:job::text, :fence::bigint) AS ran;
