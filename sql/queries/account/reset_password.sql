-- Sets a new password with a token from a mail, which also verifies the
-- address, and ends all sessions of the account, which lock_owner has locked.
-- Triggers withdraw its pending address, and invalidate its other tokens of
-- this kind: whoever knew the previous password may have requested them. The
-- address of the client becomes familiar, so that attacks from elsewhere don't
-- lock the owner out.
--
-- writes
-- mails
-- columns: user_id uuid, revoked text, familiar boolean
--
-- :mail_id     the token's outbox entry
-- :password_hash
-- :mail                whether mails are on
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- user_id      no row: the token was used or has expired, or the account has
--              changed its address
-- revoked      the account; may be null
-- familiar     whether the address is new

WITH token AS (
    UPDATE autoflow.outbox o
       SET used_at = now()
      FROM autoflow.users u
     WHERE o.id = :mail_id::uuid
       AND u.id = o.user_id
       AND u.email = o.recipient
       AND u.is_active
       AND u.deleted_at IS NULL
       AND o.kind IN ('reset_password', 'claim_account')
       AND o.used_at IS NULL
       AND o.expires_at > now()
    RETURNING o.user_id
), account AS (
    UPDATE autoflow.users u
       SET password_hash = :password_hash::text,
           email_verified = true,
           token_epoch = token_epoch + 1,
           updated_at = now()
      FROM token
     WHERE u.id = token.user_id
    RETURNING u.id, u.email, u.email_key
), mail AS (
    INSERT INTO autoflow.outbox (kind, user_id, recipient, recipient_key)
    SELECT 'password_changed', id, email, email_key
      FROM account
     WHERE :mail::boolean
)
SELECT account.id AS user_id, revoked,
       autoflow.use_address(account.id, :ip_address::inet) AS familiar
  FROM account,
       LATERAL autoflow.end_sessions(
           account.id, NULL, true, 'password_reset', account.id,
           :ip_address::inet, :user_agent::text, :request_id::text,
           :trace_id::text) AS revoked;
