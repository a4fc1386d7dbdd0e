-- A new access token for an account whose password was verified, and which
-- lock_account has locked: its session is fresh again.
--
-- writes
-- columns: problem text, user_id uuid, session_id uuid, claims json
--
-- :user_id, :session_id
-- :verified_hash       the stored hash that was verified
-- :require_verified    whether its address must be verified
-- :access_ttl          in seconds
-- :node_time           the node's clock, in seconds since 1970
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- problem              the session has ended, or the address is not verified; no
--                      row: the hash was replaced after it was read
-- claims               unless there is a problem

WITH owner AS MATERIALIZED (
    SELECT u AS account,
           autoflow.is_verified(u, :require_verified::boolean) AS verified
      FROM autoflow.users u
     WHERE u.id = :user_id::uuid
       AND u.password_hash = :verified_hash::text
       AND u.is_active
       AND u.deleted_at IS NULL
), proved AS MATERIALIZED (
    SELECT s AS session
      FROM owner,
           LATERAL autoflow.prove_session(
               (account).id, :session_id::uuid, '{pwd}', 1,
               :access_ttl::bigint, :node_time::bigint) AS s
     WHERE verified
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT (session).user_id, 'reauthenticated', (session).user_id,
           :ip_address::inet, :user_agent::text, :request_id::text,
           :trace_id::text,
           jsonb_build_object('session_id', (session).id)
      FROM proved
)
SELECT CASE WHEN NOT verified THEN 'email_not_verified'
            WHEN (session).id IS NULL THEN 'invalid_token' END AS problem,
       (account).id AS user_id,
       (session).id AS session_id,
       CASE WHEN (session).id IS NOT NULL
            THEN autoflow.session_claims(account, session) END AS claims
  FROM owner
  LEFT JOIN proved ON true;
