-- Whether a right current password may be said to be right: not if too many others
-- failed while it was compared.
--
-- reads
-- columns: exceeds boolean, seconds_left bigint
--
-- :user_id
-- :max_failures
--
-- exceeds      as of current_password_failed; no row: none has failed
-- seconds_left until the window ends

SELECT failures >= :max_failures::bigint AS exceeds,
       ceil(extract(epoch FROM ends_at - now()))::bigint AS seconds_left
  FROM autoflow.failed_attempts
 WHERE account = :user_id::uuid
   AND kind = 'current_password'
   AND ends_at > now();
