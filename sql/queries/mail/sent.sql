-- A mail has been sent.
--
-- writes
--
-- :mail_id
--
-- id

UPDATE autoflow.outbox
   SET sent_at = now(),
       last_error = NULL
 WHERE id = :mail_id::uuid
RETURNING id;
