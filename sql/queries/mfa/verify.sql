-- Logs in an account with a factor, after its password; lock_account has locked
-- it.
--
-- writes
-- mails
-- columns: user json, claims json, session_id uuid, user_id uuid,
--          number bigint, random text, excess bigint, revoked text,
--          device uuid
--
-- :user_id
-- :password_hash       the stored hash that the password was verified with
-- :require_verified    whether its address must be verified
-- :assertion           of use_passkey(), of :factor_id; null: it is a code
-- :factor_id, :step, :recovery_hash, :sealed_seed      of use_code()
-- :device_hash, :mfa_remember          of remember_device(); the first null: it is not
--                      remembered
-- :max_sessions, :refresh_ttl, :access_ttl, :node_time, :accepted_language of
--                      open_session(); the last null: none of ours
-- :mail                whether mails are on
-- :dialect             of user_as()
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- as open_session() no row: the factor is good for nothing any more, or the account
--                   has changed
-- device            that is remembered; or null

WITH account AS MATERIALIZED (
    SELECT u.id
      FROM autoflow.users u
     WHERE u.id = :user_id::uuid
       AND u.password_hash IS NOT DISTINCT FROM :password_hash::text
       AND autoflow.is_verified(u, :require_verified::boolean)
       AND u.is_active
       AND u.deleted_at IS NULL
), used AS MATERIALIZED (
    SELECT account.id AS user_id, c.used_factor, c.used_kind,
           '{otp,mfa}'::text[] AS methods
      FROM account,
           LATERAL autoflow.use_code(
               account.id, :factor_id::uuid, :step::bigint,
               :recovery_hash::text, :sealed_seed::text,
               :mail::boolean) AS c
     WHERE :assertion::jsonb IS NULL
), signed AS MATERIALIZED (
    SELECT account.id AS user_id,
           autoflow.use_passkey(
               account.id, :factor_id::uuid, false, :assertion::jsonb,
               :mail::boolean, :ip_address::inet, :user_agent::text,
               :request_id::text, :trace_id::text) AS methods
      FROM account
     WHERE :assertion::jsonb IS NOT NULL
), proved AS MATERIALIZED (
    SELECT user_id, used_factor AS factor, used_kind AS kind, methods
      FROM used
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
               :dialect::text, :node_time::bigint,
               :accepted_language::text) AS o
), forgotten AS MATERIALIZED (
    SELECT autoflow.forget_code_failures(user_id)
      FROM signed
     WHERE methods IS NOT NULL
), remembered AS MATERIALIZED (
    SELECT user_id, autoflow.remember_device(
               user_id, :device_hash::text, :mfa_remember::bigint,
               :ip_address::inet, :user_agent::text) AS device
      FROM opened
     WHERE session_id IS NOT NULL
       AND :device_hash::text IS NOT NULL
), mail AS (
    INSERT INTO autoflow.outbox (kind, user_id, recipient, recipient_key)
    SELECT 'new_device', u.id, u.email, u.email_key
      FROM remembered
      JOIN autoflow.users u ON u.id = remembered.user_id
     WHERE :mail::boolean
), noted AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT user_id, 'device_remembered', user_id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text,
           jsonb_build_object('device', device)
      FROM remembered
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
SELECT "user", claims, session_id, opened.user_id, number, random, excess,
       revoked, device
  FROM opened
  LEFT JOIN remembered ON true
  LEFT JOIN forgotten ON true;
