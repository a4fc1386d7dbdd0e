-- Locks the account of a mail's token, before the statement of the same segment
-- that ends its sessions, which then also sees those of the previous lock
-- holder.
--
-- writes
-- columns: id uuid
--
-- :mail_id     the token's outbox entry
--
-- id           no row: no such mail

SELECT u.id
  FROM autoflow.outbox o
  JOIN autoflow.users u ON u.id = o.user_id
 WHERE o.id = :mail_id::uuid
   FOR NO KEY UPDATE OF u;
