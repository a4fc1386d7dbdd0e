-- Ends every session of an account.
--
-- writes
-- columns: revoked text, ended uuid
--
-- :user_id
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- revoked              the account; may be null
-- ended                likewise

WITH account AS (
    UPDATE autoflow.users
       SET token_epoch = token_epoch + 1
     WHERE id = :user_id::uuid
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
    SELECT id, 'logged_out', id, :ip_address::inet, :user_agent::text,
           :request_id::text, :trace_id::text,
           jsonb_build_object('scope', 'all',
                              'count', (SELECT count(*) FROM ended))
      FROM account
)
SELECT autoflow.account_revocation(account) AS revoked, id AS ended
  FROM account;
