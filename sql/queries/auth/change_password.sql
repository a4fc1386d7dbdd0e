-- Replaces a password whose owner knew it, and ends the account's other
-- sessions; lock_account has locked it.  A trigger withdraws its pending
-- address: someone else who knew the password may have requested it.
--
-- writes
-- columns: user_id uuid, revoked text
--
-- :user_id, :session_id
-- :verified_hash       the stored hash that was verified
-- :password_hash       the new one
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- user_id              no row: the hash was replaced after it was read
-- revoked              each session that was ended; or the account, if there
--                      were many; may be null

WITH others AS MATERIALIZED (
    SELECT id
      FROM autoflow.sessions s
     WHERE user_id = :user_id::uuid
       AND id <> :session_id::uuid
       AND autoflow.session_lives(s)
), many AS MATERIALIZED (
    SELECT autoflow.sessions_are_many(count(*)) AS many
      FROM others
), account AS (
    UPDATE autoflow.users
       SET password_hash = :password_hash::text,
           tokens_stale_at = CASE WHEN many THEN clock_timestamp()
                                  ELSE tokens_stale_at END,
           updated_at = now()
      FROM many
     WHERE id = :user_id::uuid
       AND password_hash = :verified_hash::text
       AND is_active
       AND deleted_at IS NULL
    RETURNING users.*
), ended AS (
    UPDATE autoflow.sessions s
       SET ended_at = now(),
           access_expires_at = CASE WHEN many THEN '-infinity'
                                    ELSE s.access_expires_at END
      FROM account, many, others
     WHERE s.id = others.id
       AND s.ended_at IS NULL
    RETURNING CASE WHEN NOT many
                   THEN autoflow.session_revocation(s) END AS revoked
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT id, 'password_changed', id, :ip_address::inet, :user_agent::text,
           :request_id::text, :trace_id::text,
           jsonb_build_object('scope', 'others',
                              'count', (SELECT count(*) FROM ended))
      FROM account
)
SELECT account.id AS user_id,
       CASE WHEN many THEN autoflow.account_revocation(account)
            ELSE ended.revoked END AS revoked
  FROM account
 CROSS JOIN many
  LEFT JOIN ended ON ended.revoked IS NOT NULL;
