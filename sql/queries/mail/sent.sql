-- Records that a mail has been sent.
--
-- writes
-- columns: id uuid
--
-- :mail_id

UPDATE autoflow.outbox
   SET sent_at = now(),
       last_error = NULL
 WHERE id = :mail_id::uuid
RETURNING id;
