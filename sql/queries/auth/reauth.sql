-- A new access token for an account whose password or code was verified, and which
-- lock_account has locked: its session is fresh again.
--
-- writes
-- mails
-- columns: problem text, user_id uuid, session_id uuid, claims json
--
-- :user_id, :session_id
-- :verified_hash       the stored hash that was verified; null: it was a code,
-- :factor_id, :step, :recovery_hash, :sealed_seed      of use_code()
-- :mail                whether mails are on
-- :require_verified    whether its address must be verified
-- :access_ttl          in seconds
-- :node_time           the node's clock, in seconds since 1970
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- problem              the session has ended, or the address is not verified; no
--                      row: the hash was replaced after it was read, or the code
--                      is good for nothing any more
-- claims               unless there is a problem

WITH owner AS MATERIALIZED (
    SELECT u AS account,
           autoflow.is_verified(u, :require_verified::boolean) AS verified
      FROM autoflow.users u
     WHERE u.id = :user_id::uuid
       AND (:verified_hash::text IS NULL
            OR u.password_hash = :verified_hash::text)
       AND u.is_active
       AND u.deleted_at IS NULL
), proof AS MATERIALIZED (
    SELECT '{pwd}'::text[] AS methods, 1 AS assurance, NULL::uuid AS factor,
           NULL::text AS kind
     WHERE :verified_hash::text IS NOT NULL
     UNION ALL
    SELECT '{otp,mfa}', 2, c.used_factor, c.used_kind
      FROM owner,
           LATERAL autoflow.use_code(
               (account).id, :factor_id::uuid, :step::bigint,
               :recovery_hash::text, :sealed_seed::text,
               :mail::boolean) AS c
     WHERE verified
       AND :verified_hash::text IS NULL
), proved AS MATERIALIZED (
    SELECT s AS session, proof.factor, proof.kind
      FROM owner, proof,
           LATERAL autoflow.prove_session(
               (account).id, :session_id::uuid, proof.methods,
               proof.assurance, :access_ttl::bigint,
               :node_time::bigint) AS s
     WHERE verified
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT (session).user_id, 'reauthenticated', (session).user_id,
           :ip_address::inet, :user_agent::text, :request_id::text,
           :trace_id::text,
           jsonb_strip_nulls(jsonb_build_object(
               'session_id', (session).id, 'factor', factor, 'type', kind))
      FROM proved
)
SELECT CASE WHEN NOT verified THEN 'email_not_verified'
            WHEN (session).id IS NULL THEN 'invalid_token' END AS problem,
       (account).id AS user_id,
       (session).id AS session_id,
       CASE WHEN (session).id IS NOT NULL
            THEN autoflow.session_claims(account, session) END AS claims
  FROM owner
  LEFT JOIN proved ON true
 WHERE NOT verified
    OR EXISTS (SELECT FROM proof);
