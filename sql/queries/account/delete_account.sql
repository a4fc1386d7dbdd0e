-- Deletes the account of a token's bearer, which is locked: its address and
-- username are free, its sessions end, and the tokens in its mails; its row
-- stays.
--
-- :user_id
-- :ip_address, :user_agent, :request_id                may be null
--
-- revoked      the account; may be null; no row: it was deleted already

WITH account AS (
    UPDATE autoflow.users
       SET is_active = false,
           deleted_at = now(),
           updated_at = now()
     WHERE id = :user_id::uuid
       AND deleted_at IS NULL
    RETURNING *
), ended AS (
    UPDATE autoflow.sessions s
       SET ended_at = now()
      FROM account
     WHERE s.user_id = account.id
       AND autoflow.session_lives(s)
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id)
    SELECT id, 'deleted', id, :ip_address::inet, :user_agent::text,
           :request_id::text
      FROM account
)
SELECT autoflow.account_revocation(account) AS revoked
  FROM account;
