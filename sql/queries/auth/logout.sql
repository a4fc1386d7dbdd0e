-- Ends a session, or the account's other ones.
--
-- :session_id          of the access token; null:
-- :token_hash          SHA-256 of a refresh token of the session, in hex
-- :others              true: the others
-- :ip_address, :user_agent, :request_id                may be null
--
-- session_id           no row: there is no such session, or it has ended
-- revoked              each session that was ended; may be null

WITH present AS (
    SELECT id, user_id
      FROM autoflow.sessions
     WHERE id = coalesce(:session_id::uuid,
                         (SELECT session_id
                            FROM autoflow.refresh_tokens
                           WHERE token_hash = decode(:token_hash::text, 'hex')
                             AND expires_at > now()))
       AND ended_at IS NULL
), ended AS (
    UPDATE autoflow.sessions s
       SET ended_at = now()
      FROM present p
     WHERE s.user_id = p.user_id
       AND (s.id = p.id) <> :others::boolean
       AND autoflow.session_lives(s)
    RETURNING s.*
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            details)
    SELECT user_id, 'logged_out', user_id, :ip_address::inet,
           :user_agent::text, :request_id::text,
           jsonb_build_object('session_id', id)
      FROM ended
)
SELECT present.id AS session_id, autoflow.session_revocation(ended) AS revoked
  FROM present
  LEFT JOIN ended ON true;
