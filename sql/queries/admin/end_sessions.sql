-- Ends every session of another account, which lock_user has locked.
--
-- writes
-- columns: json json, revoked text, ended uuid
--
-- :id
-- :user_id             the requesting user
-- :dialect             of user_as()
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- json         a User; no row: not found
-- revoked      the account
-- ended        its id

WITH account AS (
    UPDATE autoflow.users
       SET token_epoch = token_epoch + 1
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
    SELECT :user_id::uuid, 'logged_out', id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text,
           jsonb_build_object('scope', 'all',
                              'count', (SELECT count(*) FROM ended))
      FROM account
)
SELECT autoflow.user_as(:dialect::text, account) AS json,
       autoflow.account_revocation(account) AS revoked, id AS ended
  FROM account;
