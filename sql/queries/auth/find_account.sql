-- The account with which someone logs in.
--
-- reads
-- columns: user_id uuid, password_hash text, is_active boolean,
--          email_verified boolean
--
-- :login       an e-mail address or a username; a username has no @, so at
--              most one row fits
-- :login_key   the address's key; null: not an address
--
-- no row: no such account

SELECT id AS user_id, password_hash, is_active, email_verified
  FROM autoflow.users
 WHERE deleted_at IS NULL
   AND (email_key = :login_key::text
        OR lower(username COLLATE "C") = lower(:login::text COLLATE "C"));
