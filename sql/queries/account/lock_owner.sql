-- Locks the account whose token a mail brought, before the statement of the
-- same segment that ends its sessions: that one sees those, too, of whoever
-- had the lock until now.
--
-- writes
-- columns: id uuid
--
-- :mail_id     the row of the outbox that the token is of
--
-- id           no row: there is no such mail

SELECT u.id
  FROM autoflow.outbox o
  JOIN autoflow.users u ON u.id = o.user_id
 WHERE o.id = :mail_id::uuid
   FOR NO KEY UPDATE OF u;
