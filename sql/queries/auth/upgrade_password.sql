-- Replaces the hash of a password by another one of the same password, for the
-- following login in the segment: last_login_at tells triggers that it is the
-- same.
--
-- writes
-- columns: id uuid
--
-- :user_id
-- :password_hash       the stored hash that was verified
-- :new_password_hash
-- :require_verified    as for the login, without which nothing is replaced
--
-- id                   no row: the hash was replaced after it was read

UPDATE autoflow.users u
   SET password_hash = :new_password_hash::text,
       last_login_at = now()
 WHERE id = :user_id::uuid
   AND password_hash = :password_hash::text
   AND autoflow.is_verified(u, :require_verified::boolean)
   AND is_active
   AND deleted_at IS NULL
RETURNING id;
