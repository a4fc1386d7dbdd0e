-- A mail could not be sent.  It is tried again after 10, 20, 40… seconds, up
-- to an hour, a quarter more or less so that not all come at once; unless
-- that can't help, or would be too late.  What was told so late that another
-- worker has taken the mail changes nothing.
--
-- writes
-- columns: given_up boolean
--
-- :mail_id, :attempt               as they were claimed
-- :error       why not
-- :permanent   whether trying again can't help
--
-- given_up     no row: it was told too late

WITH failure AS (
    SELECT id,
           now() + least(interval '1 hour',
                         interval '10 seconds' * 2 ^ least(attempts - 1, 20))
                   * (0.75 + random() / 2) AS again
      FROM autoflow.outbox
     WHERE id = :mail_id::uuid
)
UPDATE autoflow.outbox o
   SET last_error = :error::text,
       due_at = failure.again,
       failed_at = CASE WHEN :permanent::boolean
                             OR failure.again >= o.expires_at
                        THEN now() END
  FROM failure
 WHERE o.id = failure.id
   AND o.attempts = :attempt::integer
   AND o.sent_at IS NULL
RETURNING o.failed_at IS NOT NULL AS given_up;
