-- Forgets mails that are long sent or given up, a batch of them.
--
-- writes
-- columns: more boolean
--
-- more         there may be more

SELECT autoflow.mail_maintain() > 0 AS more;
