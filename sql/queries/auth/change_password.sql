-- Replaces a password whose owner knew it, or sets the first one, and ends the
-- account's other sessions; lock_account has locked it.  A trigger withdraws its
-- pending address: someone else who knew the password may have requested it.
--
-- writes
-- mails
-- columns: user_id uuid, revoked text
--
-- :user_id, :session_id
-- :verified_hash       the stored hash that was verified; null: there is none, and
--                      the session must be as for factors
-- :password_hash       the new one
-- :mail                whether mails are on
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- user_id              no row: the hash was replaced after it was read, or the
--                      session has ended
-- revoked              each session that was ended; or the account, if there
--                      were many; may be null

WITH account AS (
    UPDATE autoflow.users
       SET password_hash = :password_hash::text,
           updated_at = now()
     WHERE id = :user_id::uuid
       AND password_hash IS NOT DISTINCT FROM :verified_hash::text
       AND (:verified_hash::text IS NOT NULL
            OR autoflow.may_change_factors(id, :session_id::uuid))
       AND is_active
       AND deleted_at IS NULL
    RETURNING id, email, email_key
), mail AS (
    INSERT INTO autoflow.outbox (kind, user_id, recipient, recipient_key)
    SELECT 'password_changed', id, email, email_key
      FROM account
     WHERE :mail::boolean
)
SELECT account.id AS user_id, revoked
  FROM account
  LEFT JOIN LATERAL autoflow.end_sessions(
      account.id, :session_id::uuid, false, 'password_changed', account.id,
      :ip_address::inet, :user_agent::text, :request_id::text,
      :trace_id::text) AS revoked ON true;
