-- Deletes the remains of deleted roles, a batch of them.
--
-- writes
-- columns: more boolean
--
-- more         there may be more

SELECT autoflow.purge_roles() AS more;
