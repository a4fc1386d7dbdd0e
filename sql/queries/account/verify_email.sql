-- Verifies an address with the token that was mailed to it.  If it was pending,
-- it becomes the account's address, and access tokens with the previous one are
-- revoked.  The account is locked before the mail's row, as everywhere.
--
-- writes
-- columns: user_id uuid, revoked text
--
-- :mail_id     the token's outbox entry
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- user_id      no row: the token was used or has expired; or users_email_key
--              violated: another account has the address now
-- revoked      the account, if its address has changed; may be null

WITH owner AS MATERIALIZED (
    SELECT u.id, u.email
      FROM autoflow.outbox o
      JOIN autoflow.users u ON u.id = o.user_id
     WHERE o.id = :mail_id::uuid
       AND u.is_active
       AND u.deleted_at IS NULL
       FOR NO KEY UPDATE OF u
), token AS (
    UPDATE autoflow.outbox o
       SET used_at = now()
      FROM owner
     WHERE o.id = :mail_id::uuid
       AND o.user_id = owner.id
       AND o.kind IN ('verify_email', 'change_email')
       AND o.used_at IS NULL
       AND o.expires_at > now()
    RETURNING o.user_id, o.recipient
), account AS (
    UPDATE autoflow.users u
       SET email = token.recipient,
           email_key = CASE token.recipient WHEN u.email THEN u.email_key
                                            ELSE u.pending_email_key END,
           email_verified = true,
           pending_email = nullif(u.pending_email, token.recipient),
           pending_email_key = CASE WHEN u.pending_email <> token.recipient
                                    THEN u.pending_email_key END,
           updated_at = now()
      FROM token
     WHERE u.id = token.user_id
       AND token.recipient IN (u.email, u.pending_email)
    RETURNING u.*
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT account.id,
           CASE WHEN account.email <> owner.email
                THEN 'email_changed'
                ELSE 'email_verified' END,
           account.id, :ip_address::inet, :user_agent::text,
           :request_id::text, :trace_id::text,
           CASE WHEN account.email <> owner.email
                THEN jsonb_build_object('from', owner.email,
                                        'to', account.email,
                                        'verified', true)
                ELSE '{}' END
      FROM account, owner
)
SELECT account.id AS user_id,
       CASE WHEN account.email <> owner.email
            THEN autoflow.account_revocation(account) END AS revoked
  FROM account, owner;
