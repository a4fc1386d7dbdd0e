-- Deletes what is in the mailboxes of deleted accounts, a batch of it.
--
-- writes
-- columns: more boolean
--
-- more         there may be more

SELECT autoflow.purge_mailboxes() AS more;
