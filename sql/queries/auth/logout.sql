-- Ends a session, or the account's other ones, for the bearer of its access or
-- refresh token; lock_account has locked the account.  A refresh token can only
-- do that while it could be exchanged; a stolen one ends its own session.
--
-- writes
-- columns: problem text, ended uuid, revoked text
--
-- :user_id, :session_id
-- :number              of the refresh token; or null:
-- :token_hash          the SHA-256 of a legacy token, in hex; or null
-- :others              true: the other ones
-- :refresh_grace       in seconds
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- problem              the refresh token is invalid
-- ended                the session, if it has ended
-- revoked              each session that was ended; or the account, if there
--                      were many; may be null

WITH presented AS MATERIALIZED (
    SELECT u AS account, s AS session
      FROM autoflow.sessions s
      JOIN autoflow.users u ON u.id = s.user_id
     WHERE s.id = :session_id::uuid
       AND s.user_id = :user_id::uuid
       FOR NO KEY UPDATE OF s
), decision AS MATERIALIZED (
    SELECT (session).id AS session_id, verdict,
           :others::boolean AND verdict <> 'reused' AS others
      FROM presented,
           LATERAL (SELECT CASE
               WHEN coalesce(:number::text, :token_hash::text) IS NOT NULL
               THEN autoflow.refresh_verdict(
                        account, session, :number::bigint,
                        decode(:token_hash::text, 'hex'),
                        :refresh_grace::bigint)
               WHEN (session).ended_at IS NULL THEN 'current'
               ELSE 'ended'
           END) AS v (verdict)
), ending AS MATERIALIZED (
    SELECT session_id AS id
      FROM decision
     WHERE verdict IN ('current', 'former', 'reused')
       AND NOT others
     UNION ALL
    SELECT s.id
      FROM decision
      JOIN autoflow.sessions s ON s.user_id = :user_id::uuid
     WHERE verdict IN ('current', 'former')
       AND others
       AND s.id <> session_id
       AND autoflow.session_lives(s)
), account AS (
    UPDATE autoflow.users
       SET tokens_stale_at = clock_timestamp()
     WHERE id = :user_id::uuid
       AND autoflow.sessions_are_many((SELECT count(*) FROM ending))
    RETURNING *
), ended AS (
    UPDATE autoflow.sessions s
       SET ended_at = now(),
           access_expires_at = CASE WHEN account.id IS NOT NULL THEN '-infinity'
                                    ELSE s.access_expires_at END
      FROM ending
      LEFT JOIN account ON true
     WHERE s.id = ending.id
       AND s.ended_at IS NULL
    RETURNING CASE WHEN account.id IS NULL
                   THEN autoflow.session_revocation(s) END AS revoked
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT CASE WHEN verdict <> 'reused' THEN :user_id::uuid END,
           CASE WHEN verdict <> 'reused' THEN 'logged_out'
                ELSE 'refresh_token_reused' END,
           :user_id::uuid, :ip_address::inet, :user_agent::text,
           :request_id::text, :trace_id::text,
           CASE WHEN others
                THEN jsonb_build_object('scope', 'others', 'count', count)
                ELSE jsonb_build_object('session_id', session_id) END
      FROM decision, (SELECT count(*) FROM ended) AS n
     WHERE count > 0
)
SELECT CASE WHEN coalesce(:number::text, :token_hash::text) IS NOT NULL
            THEN autoflow.refresh_problem(coalesce(verdict, 'ended'))
       END AS problem,
       CASE WHEN coalesce(verdict, 'ended') IN ('ended', 'reused')
                 OR (verdict <> 'expired' AND NOT others)
            THEN :session_id::uuid END AS ended,
       coalesce(ended.revoked, autoflow.account_revocation(account)) AS revoked
  FROM (SELECT) AS one
  LEFT JOIN decision ON true
  LEFT JOIN account ON true
  LEFT JOIN ended ON ended.revoked IS NOT NULL;
