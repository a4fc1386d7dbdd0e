-- Deletes addresses that are familiar no longer, a batch of them.
--
-- writes
--
-- more         there may be more

SELECT autoflow.purge_addresses() AS more;
