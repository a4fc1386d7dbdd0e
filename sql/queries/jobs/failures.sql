-- Deletes counters of failed attempts whose windows have ended, a batch of them.
--
-- writes
-- columns: more boolean
--
-- more         there may be more

SELECT autoflow.purge_failures() AS more;
