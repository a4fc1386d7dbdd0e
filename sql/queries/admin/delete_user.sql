-- Deletes an account, which is locked: frees its address and username, and ends
-- its sessions; its row is kept.
--
-- writes
-- columns: revoked text, ended uuid
--
-- :id
-- :user_id             the requesting user, possibly the same
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- revoked      the account; may be null; no row: not found; or
--              users_last_superuser violated
-- ended        its id

WITH account AS (
    UPDATE autoflow.users
       SET is_active = false,
           deleted_at = now(),
           updated_at = now()
     WHERE id = :id::uuid
       AND deleted_at IS NULL
    RETURNING *
), ended AS (
    UPDATE autoflow.sessions s
       SET ended_at = now(),
           access_expires_at = '-infinity'
      FROM account
     WHERE s.user_id = account.id
       AND autoflow.session_lives(s)
    RETURNING s.id
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT :user_id::uuid, 'deleted', id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text,
           jsonb_build_object('scope', 'all',
                              'count', (SELECT count(*) FROM ended))
      FROM account
)
SELECT autoflow.account_revocation(account) AS revoked, id AS ended
  FROM account;
