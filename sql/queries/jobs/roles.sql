-- Deletes what deleted roles have left behind, a batch of it.
--
-- writes
-- columns: more boolean
--
-- more         there may be more

SELECT autoflow.purge_roles() AS more;
