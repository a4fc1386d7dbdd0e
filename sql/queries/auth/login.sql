-- Logs in an account whose password was found right, and which lock_account
-- has locked: whoever else ends its sessions or opens one has done so.  Those
-- beyond as many as it may have are ended, the ones not used for longest.
--
-- :user_id
-- :password_hash       the stored hash that the password was compared with
-- :new_password_hash   takes its place; may be null
-- :require_verified    whether its address must be verified
-- :max_sessions        as many as it may have, with this one
-- :refresh_ttl, :access_ttl                            in seconds
-- :ip_address, :user_agent, :request_id                may be null
--
-- "user", claims, session_id, user_id, number, random
--                      in the first row; no row: since it was found the account
--                      was disabled or deleted, its address not verified any
--                      more, or its hash replaced; by a new password, or by
--                      another login that upgraded it: find it again to know
-- revoked              each session that was ended, in rows of their own; or
--                      the account, if they were many; may be null

WITH excess AS MATERIALIZED (
    SELECT id
      FROM autoflow.sessions s
     WHERE user_id = :user_id::uuid
       AND ended_at IS NULL
     ORDER BY autoflow.session_lives(s) DESC, last_used_at DESC, id DESC
    OFFSET :max_sessions::bigint - 1
), many AS MATERIALIZED (
    SELECT autoflow.sessions_are_many(count(*)) AS many
      FROM excess
), account AS (
    UPDATE autoflow.users
       SET last_login_at = now(),
           password_hash = coalesce(:new_password_hash::text, password_hash),
           tokens_stale_at = CASE WHEN many THEN clock_timestamp()
                                  ELSE tokens_stale_at END
      FROM many
     WHERE id = :user_id::uuid
       AND password_hash = :password_hash::text
       AND (email_verified OR NOT :require_verified::boolean)
       AND is_active
       AND deleted_at IS NULL
    RETURNING users.*
), ended AS (
    UPDATE autoflow.sessions s
       SET ended_at = now(),
           access_expires_at = CASE WHEN many THEN '-infinity'
                                    ELSE s.access_expires_at END
      FROM account, many, excess
     WHERE s.id = excess.id
       AND s.ended_at IS NULL
    RETURNING CASE WHEN NOT many
                   THEN autoflow.session_revocation(s) END AS revoked
), session AS (
    INSERT INTO autoflow.sessions
           (user_id, device_info, ip_address, number, expires_at,
            access_expires_at)
    SELECT id, :user_agent::text, :ip_address::inet, 1,
           now() + :refresh_ttl::bigint * interval '1 second',
           now() + :access_ttl::bigint * interval '1 second'
      FROM account
    RETURNING *
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            details)
    SELECT id, 'logged_in', id, :ip_address::inet, :user_agent::text,
           :request_id::text,
           CASE WHEN count > 0
                THEN jsonb_build_object('ended', count) ELSE '{}' END
      FROM account, (SELECT count(*) FROM ended) AS n
)
SELECT autoflow.user_json(account) AS "user",
       autoflow.claims_json(account, session.id) AS claims,
       session.id AS session_id,
       session.user_id,
       session.number,
       encode(session.random, 'hex') AS random,
       CASE WHEN many THEN autoflow.account_revocation(account) END AS revoked
  FROM account, session, many
 UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, revoked
  FROM ended
 WHERE revoked IS NOT NULL
 ORDER BY session_id;   -- nulls come last
