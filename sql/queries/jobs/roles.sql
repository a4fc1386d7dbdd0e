-- Deletes what deleted roles have left behind, a batch of it.
--
-- more         there may be more

SELECT autoflow.purge_roles() AS more;
