-- Deletes mails that were sent or given up long ago, a batch of them.
--
-- writes
-- columns: more boolean
--
-- more         there may be more

SELECT autoflow.mail_maintain() > 0 AS more;
