-- Exchanges a refresh token for its successor, once; who asks again within the
-- grace, and before the successor was used, gets the same one.  Any other use
-- of a token that was exchanged is theft, and ends its session.
--
-- The session is locked, and its row alone decides; the account is locked for
-- the claims, and first, as wherever both are.
--
-- :token_hash          SHA-256 of the presented token, in hex
-- :successors          an array of those of its successors, by each secret
--                      that is accepted: the first is the one to make now
-- :require_verified    whether the account's address must be verified; until
--                      it is, the token stays as it is
-- :refresh_grace, :refresh_ttl, :access_ttl            in seconds
-- :ip_address, :user_agent, :request_id                may be null
--
-- verdict              rotate, repeat, token_reused, session_ended,
--                      token_expired, email_not_verified or invalid_token; no
--                      row: an unknown token
-- successor            which of :successors is the one, from 1
-- session_id
-- "user", claims       with rotate and repeat
-- revoked              with token_reused; may be null

WITH presented AS MATERIALIZED (
    SELECT u AS account, s AS session, t.expires_at,
           encode(s.token_hash, 'hex') AS current_hash,
           encode(s.previous_hash, 'hex') AS previous_hash
      FROM autoflow.refresh_tokens t
      JOIN autoflow.sessions s ON s.id = t.session_id
      JOIN autoflow.users u ON u.id = s.user_id
     WHERE t.token_hash = decode(:token_hash::text, 'hex')
       FOR SHARE OF u
       FOR NO KEY UPDATE OF s
), decision AS (
    SELECT *,
           (session).id AS session_id,
           (account).id AS user_id,
           CASE WHEN (session).ended_at IS NOT NULL
                     OR NOT (account).is_active
                     OR (account).deleted_at IS NOT NULL THEN 'session_ended'
                WHEN expires_at <= now() THEN 'token_expired'
                WHEN :require_verified::boolean
                     AND NOT (account).email_verified
                THEN 'email_not_verified'
                WHEN current_hash = :token_hash::text THEN 'rotate'
                WHEN previous_hash IS DISTINCT FROM :token_hash::text
                     OR now() > (session).rotated_at
                                + :refresh_grace::bigint * interval '1 second'
                THEN 'token_reused'
                WHEN current_hash = ANY (:successors::text[]) THEN 'repeat'
                -- a secret was taken out of use since
                ELSE 'invalid_token'
           END AS verdict
      FROM presented
), session AS (
    UPDATE autoflow.sessions s
       SET previous_hash = token_hash,
           token_hash = decode((:successors::text[])[1], 'hex'),
           rotated_at = now(),
           expires_at = now() + :refresh_ttl::bigint * interval '1 second',
           last_used_at = now(),
           ip_address = coalesce(:ip_address::inet, s.ip_address),
           access_expires_at =
               greatest(s.access_expires_at,
                        now() + :access_ttl::bigint * interval '1 second')
      FROM decision d
     WHERE s.id = d.session_id
       AND verdict = 'rotate'
    RETURNING s.*
), repeated AS (
    UPDATE autoflow.sessions s
       SET access_expires_at =
               greatest(s.access_expires_at,
                        now() + :access_ttl::bigint * interval '1 second')
      FROM decision d
     WHERE s.id = d.session_id
       AND verdict = 'repeat'
), token AS (
    INSERT INTO autoflow.refresh_tokens (token_hash, session_id, expires_at)
    SELECT token_hash, id, expires_at
      FROM session
), ended AS (
    UPDATE autoflow.sessions s
       SET ended_at = now()
      FROM decision d
     WHERE s.id = d.session_id
       AND verdict = 'token_reused'
    RETURNING s.*
), event AS (
    INSERT INTO autoflow.audit_events
           (action, target_id, ip_address, user_agent, request_id, details)
    SELECT 'refresh_token_reused', user_id, :ip_address::inet,
           :user_agent::text, :request_id::text,
           jsonb_build_object('session_id', id)
      FROM ended
)
SELECT verdict, session_id,
       CASE verdict
           WHEN 'rotate' THEN 1
           WHEN 'repeat' THEN array_position(:successors::text[], current_hash)
       END AS successor,
       CASE WHEN verdict IN ('rotate', 'repeat')
            THEN autoflow.user_json(account) END AS "user",
       CASE WHEN verdict IN ('rotate', 'repeat')
            THEN autoflow.claims_json(account, session_id) END AS claims,
       autoflow.session_revocation(ended) AS revoked
  FROM decision
  LEFT JOIN ended ON true;
