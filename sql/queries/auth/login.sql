-- Logs in an account whose password was found right.
--
-- :user_id
-- :password_hash       the stored hash that the password was compared with
-- :new_password_hash   takes its place; may be null
-- :require_verified    whether its address must be verified
-- :refresh_hash        SHA-256 of the refresh token, in hex
-- :refresh_ttl, :access_ttl                            in seconds
-- :ip_address, :user_agent, :request_id                may be null
--
-- "user", claims, session_id
--                      no row: since it was found the account was disabled or
--                      deleted, its address not verified any more, or its hash
--                      replaced; by a new password, or by another login that
--                      upgraded it: find it again to know

WITH account AS (
    UPDATE autoflow.users
       SET last_login_at = now(),
           password_hash = coalesce(:new_password_hash::text, password_hash)
     WHERE id = :user_id::uuid
       AND password_hash = :password_hash::text
       AND (email_verified OR NOT :require_verified::boolean)
       AND is_active
       AND deleted_at IS NULL
    RETURNING *
), session AS (
    INSERT INTO autoflow.sessions
           (user_id, device_info, ip_address, token_hash, expires_at,
            access_expires_at)
    SELECT id, :user_agent::text, :ip_address::inet,
           decode(:refresh_hash::text, 'hex'),
           now() + :refresh_ttl::bigint * interval '1 second',
           now() + :access_ttl::bigint * interval '1 second'
      FROM account
    RETURNING id, token_hash, expires_at
), token AS (
    INSERT INTO autoflow.refresh_tokens (token_hash, session_id, expires_at)
    SELECT token_hash, id, expires_at
      FROM session
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id)
    SELECT id, 'logged_in', id, :ip_address::inet, :user_agent::text,
           :request_id::text
      FROM account
)
SELECT autoflow.user_json(account) AS "user",
       autoflow.claims_json(account, session.id) AS claims,
       session.id AS session_id
  FROM account, session;
