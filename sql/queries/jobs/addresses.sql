-- Deletes addresses that are no longer familiar, a batch of them.
--
-- writes
-- columns: more boolean
--
-- more         there may be more

SELECT autoflow.purge_addresses() AS more;
