-- Logs in an account with a factor, after its password; lock_account has locked
-- it.  A code is used once: of requests with the same one, the first to get the
-- lock.
--
-- writes
-- mails
-- columns: user json, claims json, session_id uuid, user_id uuid,
--          number bigint, random text, excess bigint, revoked text
--
-- :user_id
-- :password_hash       the stored hash that the password was verified with
-- :require_verified    whether its address must be verified
-- :factor_id           null: it is a recovery code,
-- :recovery_hash       whose hash this is, in hex; or null
-- :step                of the factor's code; null: it is a passkey's
-- :assertion           of use_passkey(); null: it is none
-- :sealed_seed         the factor's, sealed with a newer key; null: as it is
-- :max_sessions, :refresh_ttl, :access_ttl, :node_time of open_session()
-- :mail                whether mails are on
-- :dialect             of user_as()
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- as open_session() no row: the code was used, or its factor removed; others
--                   were wrong too often; use_passkey() says why; or the account
--                   has changed

WITH account AS MATERIALIZED (
    SELECT u.id, u.email, u.email_key
      FROM autoflow.users u
     WHERE u.id = :user_id::uuid
       AND u.password_hash IS NOT DISTINCT FROM :password_hash::text
       AND autoflow.is_verified(u, :require_verified::boolean)
       AND (:step::bigint IS NULL
            OR autoflow.code_seconds_left(u.id) IS NULL)
       AND u.is_active
       AND u.deleted_at IS NULL
), used AS (
    UPDATE autoflow.factors f
       SET last_step = :step::bigint,
           sealed_seed = coalesce(:sealed_seed::text, f.sealed_seed),
           last_used_at = now()
      FROM account
     WHERE f.id = :factor_id::uuid
       AND f.user_id = account.id
       AND f.confirmed_at IS NOT NULL
       AND coalesce(f.last_step, -1) < :step::bigint
    RETURNING f.id, f.user_id, f.kind
), spent AS (
    UPDATE autoflow.recovery_codes c
       SET used_at = now()
      FROM account
     WHERE c.user_id = account.id
       AND c.hash = decode(:recovery_hash::text, 'hex')
       AND c.used_at IS NULL
    RETURNING c.user_id
), signed AS MATERIALIZED (
    SELECT account.id AS user_id,
           autoflow.use_passkey(
               account.id, :factor_id::uuid, false, :assertion::jsonb,
               :mail::boolean, :ip_address::inet, :user_agent::text,
               :request_id::text, :trace_id::text) AS methods
      FROM account
     WHERE :assertion::jsonb IS NOT NULL
), proved AS MATERIALIZED (
    SELECT user_id, id AS factor, kind, '{otp,mfa}'::text[] AS methods
      FROM used
     UNION ALL
    SELECT user_id, NULL, 'recovery_code', '{otp,mfa}'
      FROM spent
     UNION ALL
    SELECT user_id, :factor_id::uuid, 'webauthn', methods
      FROM signed
     WHERE methods IS NOT NULL
), opened AS MATERIALIZED (
    SELECT o.*, proved.factor, proved.kind
      FROM proved,
           LATERAL autoflow.open_session(
               proved.user_id, '{pwd}' || proved.methods, 2,
               :max_sessions::bigint, :refresh_ttl::bigint,
               :access_ttl::bigint, :ip_address::inet, :user_agent::text,
               :dialect::text, :node_time::bigint) AS o
), forgotten AS MATERIALIZED (
    SELECT autoflow.forget_code_failures(user_id)
      FROM proved
), mail AS (
    INSERT INTO autoflow.outbox (kind, user_id, recipient, recipient_key)
    SELECT 'recovery_codes', account.id, account.email, account.email_key
      FROM spent
      JOIN account ON account.id = spent.user_id
     WHERE :mail::boolean
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT user_id, 'logged_in', user_id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text,
           jsonb_strip_nulls(jsonb_build_object(
               'factor', factor, 'type', kind,
               'ended', nullif(excess, 0)))
      FROM opened
     WHERE session_id IS NOT NULL
)
SELECT opened."user", opened.claims, opened.session_id, opened.user_id,
       opened.number, opened.random, opened.excess, opened.revoked
  FROM opened
  LEFT JOIN forgotten ON true;
