-- Before a job, in one transaction with it: fails if somebody else has taken
-- it meanwhile.  Nobody can until the transaction is over.
--
-- writes
-- columns: ran timestamp with time zone
--
-- :job, :fence     as it was taken

SELECT autoflow.job_fence(:job::text, :fence::bigint) AS ran;
