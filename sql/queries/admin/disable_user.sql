-- Disables an account, which is locked, and ends its sessions.
--
-- writes
-- columns: json json, revoked text, ended uuid
--
-- :id
-- :user_id             the requesting user
-- :dialect             of user_as()
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- json         a User; no row: not found; or users_last_superuser violated
-- revoked      the account, if it was active; may be null
-- ended        its id

WITH before AS (
    SELECT u AS account
      FROM autoflow.users u
     WHERE id = :id::uuid
       AND deleted_at IS NULL
), after AS (
    UPDATE autoflow.users u
       SET is_active = false,
           updated_at = now()
      FROM before
     WHERE u.id = (account).id
       AND (account).is_active
    RETURNING u AS account
), ended AS (
    UPDATE autoflow.sessions s
       SET ended_at = now(),
           access_expires_at = CASE WHEN (after.account).id IS NOT NULL
                                    THEN '-infinity'
                                    ELSE s.access_expires_at END
      FROM before
      LEFT JOIN after ON true
     WHERE s.user_id = (before.account).id
       AND autoflow.session_lives(s)
    RETURNING s.id
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT :user_id::uuid, 'disabled', (account).id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text,
           jsonb_build_object('scope', 'all',
                              'count', (SELECT count(*) FROM ended))
      FROM after
)
SELECT autoflow.user_as(:dialect::text,
                        coalesce(after.account, before.account)) AS json,
       autoflow.account_revocation(after.account) AS revoked,
       (before.account).id AS ended
  FROM before
  LEFT JOIN after ON true;
