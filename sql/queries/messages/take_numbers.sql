-- Locks the mailboxes of both parties, before a message is sent in the same
-- transaction, and takes the next number of each: in the order of their owners,
-- so that there are no deadlocks.  Missing mailboxes are created.
--
-- writes
-- columns: user_id uuid
--
-- :user_id, :recipient_id
--
-- user_id      of each that exists and is not deleted

INSERT INTO autoflow.mailboxes AS m (user_id, last_number)
SELECT id, 1
  FROM autoflow.users
 WHERE id IN (:user_id::uuid, :recipient_id::uuid)
   AND deleted_at IS NULL
 ORDER BY id
    ON CONFLICT (user_id) DO UPDATE SET last_number = m.last_number + 1
RETURNING user_id;
