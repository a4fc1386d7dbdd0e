-- Records that a mail could not be sent.  It is retried after 10, 20, 40…
-- seconds, up to an hour, with 25% jitter; unless that is pointless, or would
-- be too late.  Ignored if another worker has claimed the mail meanwhile.
--
-- writes
-- columns: given_up boolean
--
-- :mail_id, :attempt               as claimed
-- :error       the reason
-- :permanent   whether retrying is pointless
--
-- given_up     no row: ignored

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
