-- Replaces the recovery codes of an account that lock_account has locked.
--
-- writes
-- mails
-- columns: problem text, id uuid
--
-- :user_id, :session_id
-- :hashes              of the new ones, in hex
-- :mail                whether mails are on
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- problem      reauthentication_required
-- id           the account; no row: it has no factor, disabled or deleted

WITH account AS MATERIALIZED (
    SELECT id, email, email_key,
           autoflow.may_change_factors(id, :session_id::uuid) AS may
      FROM autoflow.users
     WHERE id = :user_id::uuid
       AND is_active
       AND deleted_at IS NULL
       AND autoflow.has_factors(id)
), former AS (
    DELETE FROM autoflow.recovery_codes c
     USING account
     WHERE c.user_id = account.id
       AND account.may
), codes AS (
    INSERT INTO autoflow.recovery_codes (user_id, hash)
    SELECT account.id, decode(h.hash, 'hex')
      FROM account, unnest(:hashes::text[]) AS h (hash)
     WHERE account.may
), mail AS (
    INSERT INTO autoflow.outbox (kind, user_id, recipient, recipient_key)
    SELECT 'recovery_codes', id, email, email_key
      FROM account
     WHERE may
       AND :mail::boolean
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id)
    SELECT id, 'recovery_codes_made', id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text
      FROM account
     WHERE may
)
SELECT CASE WHEN NOT may THEN 'reauthentication_required' END AS problem, id
  FROM account;
