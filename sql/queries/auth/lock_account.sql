-- Locks an account, before a statement of the same segment that ends its
-- sessions or reads its mails, which then also sees those of the previous lock
-- holder.
--
-- writes
-- columns: id uuid
--
-- :user_id
--
-- id           no row: no such account

SELECT id
  FROM autoflow.users
 WHERE id = :user_id::uuid
   FOR NO KEY UPDATE;
