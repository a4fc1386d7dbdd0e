-- Forgets mails that are long sent or given up.
--
-- deleted      how many

SELECT autoflow.mail_maintain() AS deleted;
