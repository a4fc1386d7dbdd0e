-- Locks an account, before a statement of the same segment that ends its
-- sessions, or looks at its mails: that one sees those, too, of whoever had the
-- lock until now.
--
-- writes
-- columns: id uuid
--
-- :user_id
--
-- id           no row: there is no such account

SELECT id
  FROM autoflow.users
 WHERE id = :user_id::uuid
   FOR NO KEY UPDATE;
