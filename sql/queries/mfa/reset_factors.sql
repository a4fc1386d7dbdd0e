-- Removes all factors and recovery codes of an account that lock_user has
-- locked: its owner has lost them, and must have proved that to a superuser.
--
-- writes
-- mails
-- columns: id uuid
--
-- :id
-- :user_id             the requesting user
-- :mail                whether mails are on
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- id           no row: not found

WITH account AS MATERIALIZED (
    SELECT id, email, email_key
      FROM autoflow.users
     WHERE id = :id::uuid
       AND deleted_at IS NULL
), removed AS (
    DELETE FROM autoflow.factors f
     USING account
     WHERE f.user_id = account.id
    RETURNING f.confirmed_at
), codes AS (
    DELETE FROM autoflow.recovery_codes c
     USING account
     WHERE c.user_id = account.id
), mail AS (
    INSERT INTO autoflow.outbox (kind, user_id, recipient, recipient_key)
    SELECT 'factor_removed', id, email, email_key
      FROM account
     WHERE :mail::boolean
       AND EXISTS (SELECT FROM removed WHERE confirmed_at IS NOT NULL)
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT :user_id::uuid, 'factors_reset', id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text,
           jsonb_build_object('count', (SELECT count(*) FROM removed))
      FROM account
)
SELECT id
  FROM account;
