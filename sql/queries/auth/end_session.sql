-- Ends one of an account's sessions.
--
-- writes
-- columns: revoked text, ended uuid
--
-- :id, :user_id
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- revoked      may be null; no row: it is not the account's, or has ended
-- ended        its id

WITH ended AS (
    UPDATE autoflow.sessions s
       SET ended_at = now()
     WHERE id = :id::uuid
       AND user_id = :user_id::uuid
       AND autoflow.session_lives(s)
    RETURNING *
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT user_id, 'logged_out', user_id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text,
           jsonb_build_object('session_id', id)
      FROM ended
)
SELECT autoflow.session_revocation(ended) AS revoked, id AS ended
  FROM ended;
