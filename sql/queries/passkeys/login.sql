-- Logs in an account with a passkey alone, whose signature was verified;
-- lock_account has locked it.
--
-- writes
-- mails
-- columns: user json, claims json, session_id uuid, user_id uuid,
--          number bigint, random text, excess bigint, revoked text
--
-- :user_id, :factor_id
-- :require_verified    whether its address must be verified
-- :assertion           of use_passkey()
-- :max_sessions, :refresh_ttl, :access_ttl, :node_time, :accepted_language of
--                      open_session(); the last null: none of ours
-- :mail                whether mails are on
-- :dialect             of user_as()
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- as open_session() no row: use_passkey() says why, or the account has changed

WITH proved AS MATERIALIZED (
    SELECT u.id AS user_id,
           autoflow.use_passkey(
               u.id, :factor_id::uuid, true, :assertion::jsonb,
               :mail::boolean, :ip_address::inet, :user_agent::text,
               :request_id::text, :trace_id::text) AS methods
      FROM autoflow.users u
     WHERE u.id = :user_id::uuid
       AND autoflow.is_verified(u, :require_verified::boolean)
       AND u.is_active
       AND u.deleted_at IS NULL
), opened AS MATERIALIZED (
    SELECT o.*
      FROM proved,
           LATERAL autoflow.open_session(
               proved.user_id, proved.methods, 2, :max_sessions::bigint,
               :refresh_ttl::bigint, :access_ttl::bigint,
               :ip_address::inet, :user_agent::text,
               :dialect::text, :node_time::bigint,
               :accepted_language::text) AS o
     WHERE methods IS NOT NULL
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT user_id, 'logged_in', user_id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text,
           jsonb_strip_nulls(jsonb_build_object(
               'factor', :factor_id::uuid, 'type', 'webauthn',
               'ended', nullif(excess, 0)))
      FROM opened
     WHERE session_id IS NOT NULL
)
SELECT *
  FROM opened;
