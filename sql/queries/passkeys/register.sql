-- Adds a passkey to an account that lock_account has locked.  The session, if any,
-- has given it, too.  An account without recovery codes gets some.
--
-- writes
-- mails
-- columns: problem text, json json, stored boolean, user_id uuid, claims json
--
-- :user_id, :session_id
-- :password_hash       that the account must have; null: any, in a session
-- :name
-- :credential          of add_passkey(), and use_challenge()
-- :hashes              of recovery codes, in hex
-- :access_ttl          in seconds
-- :node_time           the node's clock, in seconds since 1970
-- :mail                whether mails are on
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- problem      reauthentication_required, limit_reached
-- json         the Factor; no row: disabled or deleted, or the challenge was used;
--              or factors_credential_id_idx violated
-- stored       whether the recovery codes are the account's
-- claims       of an access token of the session; null without one

WITH account AS MATERIALIZED (
    SELECT u.id, u.email, u.email_key, u AS owner,
           autoflow.factor_problem(u.id, :session_id::uuid) AS problem
      FROM autoflow.users u
     WHERE u.id = :user_id::uuid
       AND (:password_hash::text IS NULL
            OR u.password_hash = :password_hash::text)
       AND u.is_active
       AND u.deleted_at IS NULL
), allowed AS MATERIALIZED (
    SELECT account.*
      FROM account
     WHERE problem IS NOT NULL
        OR autoflow.use_challenge(:credential::jsonb)
), added AS MATERIALIZED (
    SELECT p.*
      FROM allowed,
           LATERAL autoflow.add_passkey(allowed.id, :name::text,
                                        :credential::jsonb) AS p
     WHERE allowed.problem IS NULL
), codes AS (
    INSERT INTO autoflow.recovery_codes (user_id, hash)
    SELECT user_id, decode(h.hash, 'hex')
      FROM added, unnest(:hashes::text[]) AS h (hash)
     WHERE NOT EXISTS (SELECT
                         FROM autoflow.recovery_codes c
                        WHERE c.user_id = :user_id::uuid)
    RETURNING user_id
), proved AS MATERIALIZED (
    SELECT p AS session
      FROM added,
           LATERAL autoflow.prove_session(
               added.user_id, :session_id::uuid,
               autoflow.passkey_methods(added), 2, :access_ttl::bigint,
               :node_time::bigint) AS p
), mail AS (
    INSERT INTO autoflow.outbox (kind, user_id, recipient, recipient_key)
    SELECT 'factor_added', account.id, account.email, account.email_key
      FROM added
      JOIN account ON account.id = added.user_id
     WHERE :mail::boolean
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT user_id, 'factor_added', user_id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text,
           jsonb_build_object('factor', id, 'type', kind, 'name', name)
      FROM added
)
SELECT allowed.problem, autoflow.factor_json(added) AS json,
       EXISTS (SELECT FROM codes) AS stored,
       allowed.id AS user_id,
       CASE WHEN (session).id IS NOT NULL
            THEN autoflow.session_claims(owner, session) END AS claims
  FROM allowed
  LEFT JOIN added ON true
  LEFT JOIN proved ON true;
