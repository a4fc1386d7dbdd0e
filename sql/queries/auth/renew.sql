-- A new access token beside the current refresh token, which is not exchanged:
-- nobody knows when the response arrives, or whether it does.
--
-- writes
-- columns: verdict text, user_id uuid, random text, claims json, revoked text
--
-- :session_id, :number of the presented token
-- :theft               whether a token that was exchanged and is no longer good
--                      ends its session: its MAC was verified
-- :require_verified    whether the address must be verified
-- :mfa_required_of, :mfa_remembers     of session_lacks_factor(): today's, whenever
--                      the session was opened
-- :refresh_grace, :access_ttl                          in seconds
-- :node_time           the node's clock, in seconds since 1970
-- :session_idle        since the last use, in seconds; 0: unlimited
-- :session_lifetime    since the login, likewise
-- :ip_address, :user_agent, :request_id                may be null
--
-- verdict              that of session_verdict(), unverified or unenrolled; no row: no such
--                      session
-- random               of the session, in hex
-- claims               if the verdict is current or former
-- revoked              if the session has been ended; may be null

WITH presented AS MATERIALIZED (
    SELECT u AS account, s AS session
      FROM autoflow.sessions s
      JOIN autoflow.users u ON u.id = s.user_id
     WHERE s.id = :session_id::uuid
       FOR SHARE OF u
       FOR NO KEY UPDATE OF s
), decision AS MATERIALIZED (
    SELECT account, session,
           CASE WHEN :require_verified::boolean
                     AND NOT (account).email_verified
                     AND worth IN ('current', 'former') THEN 'unverified'
                WHEN worth IN ('current', 'former')
                     AND autoflow.session_lacks_factor(
                             account, session, :mfa_required_of::text[],
                             :mfa_remembers::boolean)
                THEN 'unenrolled'
                ELSE worth
           END AS verdict
      FROM presented,
           LATERAL (SELECT autoflow.session_verdict(
               account, session, :number::bigint, NULL, true,
               :refresh_grace::bigint, :session_idle::bigint,
               :session_lifetime::bigint)) AS w (worth)
), used AS (
    UPDATE autoflow.sessions s
       -- after rotated_at, whatever the clock says
       SET last_used_at = CASE WHEN verdict = 'current'
                               THEN greatest(now(), s.rotated_at
                                                    + interval '1 microsecond')
                               ELSE s.last_used_at END,
           ip_address = coalesce(:ip_address::inet, s.ip_address),
           authenticated_at = autoflow.proof_time(s),
           access_expires_at =
               greatest(s.access_expires_at,
                        greatest(now(), to_timestamp(:node_time::bigint))
                        + :access_ttl::bigint * interval '1 second')
      FROM decision d
     WHERE s.id = (d.session).id
       AND verdict IN ('current', 'former')
), ended AS (
    UPDATE autoflow.sessions s
       SET ended_at = now()
      FROM decision d
     WHERE s.id = (d.session).id
       AND verdict = 'reused'
       AND :theft::boolean
    RETURNING s.*
), event AS (
    INSERT INTO autoflow.audit_events
           (action, target_id, ip_address, user_agent, request_id, details)
    SELECT 'refresh_token_reused', user_id, :ip_address::inet,
           :user_agent::text, :request_id::text,
           jsonb_build_object('session_id', id)
      FROM ended
)
SELECT verdict,
       (account).id AS user_id,
       encode((session).random, 'hex') AS random,
       CASE WHEN verdict IN ('current', 'former')
            THEN autoflow.session_claims(account, session) END AS claims,
       autoflow.session_revocation(ended) AS revoked
  FROM decision
  LEFT JOIN ended ON true;
