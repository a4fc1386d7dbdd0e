-- Logs in an account whose first factor the preceding statement of the segment has
-- added, or confirmed, so that two were given.
--
-- writes
-- columns: user json, claims json, session_id uuid, user_id uuid,
--          number bigint, random text, excess bigint, revoked text
--
-- :user_id
-- :max_sessions, :refresh_ttl, :access_ttl, :node_time, :accepted_language of
--                      open_session(); the last null: none of ours
-- :dialect             of user_as()
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- as open_session() no row: it was not confirmed

WITH opened AS MATERIALIZED (
    SELECT o.*, f.id AS factor, f.kind
      FROM autoflow.factors f,
           LATERAL autoflow.open_session(
               f.user_id,
               CASE f.kind WHEN 'webauthn'
                           THEN '{pwd}' || autoflow.passkey_methods(f)
                           ELSE '{pwd,otp,mfa}' END, 2, :max_sessions::bigint,
               :refresh_ttl::bigint, :access_ttl::bigint,
               :ip_address::inet, :user_agent::text,
               :dialect::text, :node_time::bigint,
               :accepted_language::text) AS o
     WHERE f.user_id = :user_id::uuid
       AND f.confirmed_at = now()
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT user_id, 'logged_in', user_id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text,
           jsonb_strip_nulls(jsonb_build_object(
               'factor', factor, 'type', kind, 'ended', nullif(excess, 0)))
      FROM opened
     WHERE session_id IS NOT NULL
)
SELECT "user", claims, session_id, user_id, number, random, excess, revoked
  FROM opened;
