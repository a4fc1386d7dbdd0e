-- Replaces a password whose owner knew it, and ends the account's other
-- sessions.  A trigger withdraws an address that it waits for: whoever else
-- knew the password may have asked for it.
--
-- :user_id, :session_id
-- :old_hash            the stored hash that was compared
-- :password_hash       the new one
-- :ip_address, :user_agent, :request_id                may be null
--
-- user_id              no row: the hash was replaced since it was read
-- revoked              each session that was ended; may be null

WITH account AS (
    UPDATE autoflow.users
       SET password_hash = :password_hash::text,
           updated_at = now()
     WHERE id = :user_id::uuid
       AND password_hash = :old_hash::text
       AND is_active
       AND deleted_at IS NULL
    RETURNING *
), ended AS (
    UPDATE autoflow.sessions s
       SET ended_at = now()
      FROM account
     WHERE s.user_id = account.id
       AND s.id <> :session_id::uuid
       AND autoflow.session_lives(s)
    RETURNING s.*
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id)
    SELECT id, 'password_changed', id, :ip_address::inet, :user_agent::text,
           :request_id::text
      FROM account
)
SELECT account.id AS user_id, autoflow.session_revocation(ended) AS revoked
  FROM account
  LEFT JOIN ended ON true;
