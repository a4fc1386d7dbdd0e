-- Claims a due job for its period: not one that has a holder, unless its period
-- is over, which means that the holder is gone.
--
-- writes
-- columns: name text, fence bigint
--
-- :names, :periods     of all jobs; in milliseconds
-- :holder              the claiming worker
--
-- fence                how often the job was claimed; no row: nothing is due,
--                      or the database is read-only

SELECT name, fence
  FROM autoflow.claim_job(:names::text[], :periods::bigint[], :holder::text);
