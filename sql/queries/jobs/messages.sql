-- Deletes messages from the mailboxes of deleted accounts, a batch of them.
--
-- writes
-- columns: more boolean
--
-- more         there may be more

SELECT autoflow.purge_mailboxes() AS more;
