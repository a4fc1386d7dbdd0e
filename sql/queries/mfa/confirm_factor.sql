-- Confirms a factor with a code of it, so that logins require one; its account is
-- locked by lock_account.  The session, if any, has given the code, too.  An account
-- without recovery codes gets some.
--
-- writes
-- mails
-- columns: problem text, json json, stored boolean, user_id uuid, claims json
--
-- :id, :user_id, :session_id
-- :password_hash       that the account must have; null: any, in a session
-- :step                of the code
-- :hashes              of recovery codes, in hex
-- :access_ttl          in seconds
-- :node_time           the node's clock, in seconds since 1970
-- :mail                whether mails are on
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- problem      reauthentication_required
-- json         the Factor; no row: meanwhile it was confirmed or removed
-- stored       whether the recovery codes are the account's
-- claims       of an access token that says so; null without a session

WITH factor AS MATERIALIZED (
    SELECT f.id, f.user_id, u AS account,
           autoflow.may_change_factors(f.user_id, :session_id::uuid) AS may
      FROM autoflow.factors f
      JOIN autoflow.users u ON u.id = f.user_id
     WHERE f.id = :id::uuid
       AND f.user_id = :user_id::uuid
       AND f.kind = 'totp'
       AND f.confirmed_at IS NULL
       AND f.created_at >= now() - interval '1 hour'
       AND (:password_hash::text IS NULL
            OR u.password_hash = :password_hash::text)
       AND u.is_active
       AND u.deleted_at IS NULL
), confirmed AS (
    UPDATE autoflow.factors f
       SET confirmed_at = now(),
           last_used_at = now(),
           last_step = :step::bigint
      FROM factor
     WHERE f.id = factor.id
       AND factor.may
    RETURNING f.*
), codes AS (
    INSERT INTO autoflow.recovery_codes (user_id, hash)
    SELECT user_id, decode(h.hash, 'hex')
      FROM confirmed, unnest(:hashes::text[]) AS h (hash)
     WHERE NOT EXISTS (SELECT
                         FROM autoflow.recovery_codes c
                        WHERE c.user_id = :user_id::uuid)
    RETURNING user_id
), proved AS MATERIALIZED (
    SELECT p AS session
      FROM confirmed,
           LATERAL autoflow.prove_session(
               confirmed.user_id, :session_id::uuid, '{otp,mfa}', 2,
               :access_ttl::bigint, :node_time::bigint) AS p
), mail AS (
    INSERT INTO autoflow.outbox (kind, user_id, recipient, recipient_key)
    SELECT 'factor_added', u.id, u.email, u.email_key
      FROM confirmed
      JOIN autoflow.users u ON u.id = confirmed.user_id
     WHERE :mail::boolean
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT user_id, 'factor_added', user_id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text,
           jsonb_build_object('factor', id, 'type', kind, 'name', name)
      FROM confirmed
)
SELECT CASE WHEN NOT factor.may THEN 'reauthentication_required' END
           AS problem,
       autoflow.factor_json(confirmed) AS json,
       EXISTS (SELECT FROM codes) AS stored,
       factor.user_id,
       CASE WHEN (session).id IS NOT NULL
            THEN autoflow.session_claims(account, session) END AS claims
  FROM factor
  LEFT JOIN confirmed ON true
  LEFT JOIN proved ON true;
