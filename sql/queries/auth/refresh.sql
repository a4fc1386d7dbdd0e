-- Exchanges a refresh token, which belongs to a session, for its successor,
-- once; repeated within the grace period, and before the successor was used,
-- for the same one.  Any other use of an exchanged token is theft, and ends its
-- session.  But a browser may have lost the response, and can't know: by cookie
-- there is no period (see session_verdict()).
--
-- The session is locked, and its row alone decides; the account is locked for
-- the claims, and first, as wherever both are.
--
-- writes
-- columns: problem text, ended uuid, session_id uuid, user_id uuid,
--          number bigint, random text, successor integer, user json,
--          claims json, revoked text
--
-- :session_id
-- :number              of the presented token; null: it is a legacy token,
-- :token_hash          and this is its SHA-256, in hex
-- :successors          then: an array of the hashes of its successors, by each
--                      accepted secret
-- :by_cookie           whether it was in a cookie
-- :require_verified    whether the address must be verified; until it is, the
--                      token is not exchanged
-- :mfa_required_of, :mfa_remembers     of session_lacks_factor(): today's, whenever
--                      the session was opened
-- :refresh_grace, :refresh_ttl, :access_ttl            in seconds
-- :node_time           the node's clock, in seconds since 1970
-- :session_idle        since the last use, in seconds; 0: unlimited
-- :session_lifetime    since the login, likewise
-- :dialect             of user_as()
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- problem              the refresh token is invalid; no row: no such session
-- ended                the session, if it has ended
-- number, random       of the successor; the latter in hex
-- successor            the index of the successor in :successors, from 1, if
--                      number is 0
-- "user", claims       unless there is a problem
-- revoked              with reused; may be null

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
                     AND worth IN ('current', 'former', 'reused')
                THEN 'email_not_verified'
                WHEN worth IN ('current', 'former')
                     AND autoflow.session_lacks_factor(
                             account, session, :mfa_required_of::text[],
                             :mfa_remembers::boolean)
                THEN 'mfa_enrolment_required'
                ELSE worth
           END AS verdict
      FROM presented,
           LATERAL (SELECT autoflow.session_verdict(
               account, session, :number::bigint,
               decode(:token_hash::text, 'hex'), :by_cookie::boolean,
               :refresh_grace::bigint, :session_idle::bigint,
               :session_lifetime::bigint)) AS w (worth)
), rotated AS (
    UPDATE autoflow.sessions s
       SET number = greatest(s.number, :number::bigint) + 1,
           random = coalesce(s.random, autoflow.session_random()),
           token_hash = NULL,
           previous_hash = s.token_hash,
           rotated_at = now(),
           expires_at =
               least(now() + :refresh_ttl::bigint * interval '1 second',
                     s.created_at + nullif(:session_lifetime::bigint, 0)
                                    * interval '1 second'),
           last_used_at = now(),
           ip_address = coalesce(:ip_address::inet, s.ip_address),
           authenticated_at = autoflow.proof_time(s),
           access_expires_at =
               greatest(s.access_expires_at,
                        greatest(now(), to_timestamp(:node_time::bigint))
                        + :access_ttl::bigint * interval '1 second')
      FROM decision d
     WHERE s.id = (d.session).id
       AND verdict = 'current'
    RETURNING s.number, s.random
), repeated AS (
    UPDATE autoflow.sessions s
       SET authenticated_at = autoflow.proof_time(s),
           access_expires_at =
               greatest(s.access_expires_at,
                        greatest(now(), to_timestamp(:node_time::bigint))
                        + :access_ttl::bigint * interval '1 second')
      FROM decision d
     WHERE s.id = (d.session).id
       AND verdict = 'former'
), ended AS (
    UPDATE autoflow.sessions s
       SET ended_at = now()
      FROM decision d
     WHERE s.id = (d.session).id
       AND verdict = 'reused'
    RETURNING s.*
), event AS (
    INSERT INTO autoflow.audit_events
           (action, target_id, ip_address, user_agent, request_id, trace_id,
            details)
    SELECT 'refresh_token_reused', user_id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text,
           jsonb_build_object('session_id', id)
      FROM ended
)
SELECT CASE
           WHEN verdict IN ('email_not_verified', 'mfa_enrolment_required')
           THEN verdict
           -- without a number, its successor was made by the previous version,
           -- with a secret that is no longer in use
           WHEN verdict = 'former' AND (session).number = 0
                AND place IS NULL THEN 'invalid_token'
           ELSE autoflow.refresh_problem(verdict)
       END AS problem,
       CASE WHEN verdict IN ('ended', 'reused')
            THEN (session).id END AS ended,
       (session).id AS session_id,
       (account).id AS user_id,
       coalesce(rotated.number, (session).number) AS number,
       encode(coalesce(rotated.random, (session).random), 'hex') AS random,
       place AS successor,
       CASE WHEN verdict IN ('current', 'former')
            THEN autoflow.user_as(:dialect::text, account) END AS "user",
       CASE WHEN verdict IN ('current', 'former')
            THEN autoflow.session_claims(account, session) END AS claims,
       autoflow.session_revocation(ended) AS revoked
  FROM decision,
       LATERAL array_position(:successors::text[],
                              encode((session).token_hash, 'hex')) AS place
  LEFT JOIN rotated ON true
  LEFT JOIN ended ON true;
