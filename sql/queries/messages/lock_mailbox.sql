-- Locks an account's mailbox, before a statement of the same transaction that
-- changes its contents.
--
-- writes
-- columns: user_id uuid
--
-- :user_id
--
-- user_id      no row: it has none

SELECT user_id
  FROM autoflow.mailboxes
 WHERE user_id = :user_id::uuid
   FOR NO KEY UPDATE;
