-- Takes a job that is due, for its period: none that somebody else has, who is
-- taken to be gone when that is over.
--
-- writes
-- columns: name text, fence bigint
--
-- :names, :periods     of all jobs there are; in milliseconds
-- :holder              who takes it
--
-- fence                how often it was taken; no row: nothing is due,
--                      or the database takes no writes

SELECT name, fence
  FROM autoflow.claim_job(:names::text[], :periods::bigint[], :holder::text);
