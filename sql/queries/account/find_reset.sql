-- The account whose password a token from a mail may set.
--
-- reads
-- columns: email text, username text, full_name text
--
-- :mail_id     the token's outbox entry
--
-- email, username, full_name      the last two may be null; no row: the token
--                                 was used or has expired, or the account has
--                                 changed its address

SELECT u.email, u.username, u.full_name
  FROM autoflow.outbox o
  JOIN autoflow.users u ON u.id = o.user_id AND u.email = o.recipient
 WHERE o.id = :mail_id::uuid
   AND o.kind IN ('reset_password', 'claim_account')
   AND o.used_at IS NULL
   AND o.expires_at > now()
   AND u.is_active
   AND u.deleted_at IS NULL;
