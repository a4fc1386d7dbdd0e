-- Logs in an account whose password was verified, and which lock_account has
-- locked.
--
-- writes
-- columns: user json, claims json, session_id uuid, user_id uuid,
--          number bigint, random text, excess bigint, revoked text
--
-- :user_id
-- :password_hash       the stored hash that was verified
-- :new_password_hash   its replacement by upgrade_password; may be null
-- :require_verified    whether its address must be verified
-- :mfa_required_of     of lacks_factor()
-- :device_hashes       of use_device(); null: none
-- :max_failures        of its password, at all nodes; null: any number
-- :max_sessions, :refresh_ttl, :access_ttl, :node_time, :accepted_language of
--                      open_session(); the last null: none of ours
-- :dialect             of user_as()
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- as open_session() no row: meanwhile the account was disabled or deleted, its
--                   address became unverified, it got a factor, or must have
--                   one, others failed too often, or its hash was replaced, by a
--                   new password or by another login that upgraded it: query it
--                   again

WITH opened AS MATERIALIZED (
    SELECT o.*, factors
      FROM autoflow.users u,
           LATERAL (SELECT autoflow.has_factors(u.id)) AS f (factors),
           LATERAL autoflow.open_session(
               u.id, CASE WHEN factors THEN '{pwd,device}'::text[]
                          ELSE '{pwd}' END, 1,
               :max_sessions::bigint, :refresh_ttl::bigint,
               :access_ttl::bigint, :ip_address::inet, :user_agent::text,
               :dialect::text, :node_time::bigint,
               :accepted_language::text) AS o
     WHERE u.id = :user_id::uuid
       AND u.password_hash IN (:password_hash::text, :new_password_hash::text)
       AND autoflow.is_verified(u, :require_verified::boolean)
       AND CASE WHEN factors
                THEN autoflow.has_device(u.id, :device_hashes::text[])
                ELSE NOT autoflow.lacks_factor(u, 1,
                                               :mfa_required_of::text[]) END
       AND (:max_failures::bigint IS NULL
            OR NOT EXISTS (SELECT
                             FROM autoflow.failed_attempts f
                            WHERE f.account = u.id
                              AND f.kind = 'password'
                              AND f.ends_at > now()
                              AND f.failures >= :max_failures::bigint))
       AND u.is_active
       AND u.deleted_at IS NULL
), used AS MATERIALIZED (
    SELECT user_id, autoflow.use_device(user_id, :device_hashes::text[],
                                        :ip_address::inet) AS device
      FROM opened
     WHERE factors
       AND session_id IS NOT NULL
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT opened.user_id, 'logged_in', opened.user_id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text,
           CASE WHEN excess > 0 OR device IS NOT NULL
                THEN jsonb_strip_nulls(jsonb_build_object(
                         'ended', nullif(excess, 0), 'device', device))
                ELSE '{}' END
      FROM opened
      LEFT JOIN used ON true
     WHERE session_id IS NOT NULL
)
SELECT "user", claims, session_id, user_id, number, random, excess, revoked
  FROM opened;
