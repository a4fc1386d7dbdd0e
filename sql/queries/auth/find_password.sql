-- The password's hash, and the names that a new password is compared with.
--
-- reads
-- columns: password_hash text, email text, username text, full_name text
--
-- :user_id
--
-- password_hash, email, username, full_name            the last two may be
--              null; no row: disabled or deleted

SELECT password_hash, email, username, full_name
  FROM autoflow.users
 WHERE id = :user_id::uuid
   AND is_active
   AND deleted_at IS NULL;
