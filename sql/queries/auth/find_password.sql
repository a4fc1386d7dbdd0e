-- The password's hash, the names that a new password is compared with, and how
-- often the current one was wrong recently.
--
-- reads
-- columns: password_hash text, email text, username text, full_name text,
--          failures bigint, seconds_left bigint
--
-- :user_id
--
-- password_hash, email, username, full_name            the last two may be
--              null; no row: disabled or deleted
-- failures, seconds_left       at all nodes, until the window ends in so many
--              seconds; null: no window

SELECT password_hash, email, username, full_name, f.failures,
       ceil(extract(epoch FROM f.ends_at - now()))::bigint AS seconds_left
  FROM autoflow.users u
       LEFT JOIN autoflow.failed_attempts f
              ON f.account = u.id
             AND f.kind = 'current_password'
             AND f.ends_at > now()
 WHERE id = :user_id::uuid
   AND is_active
   AND deleted_at IS NULL;
