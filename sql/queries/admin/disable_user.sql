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
-- revoked      the account, if it was active; may be null; otherwise each session
--              that was left
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
)
SELECT autoflow.user_as(:dialect::text,
                        coalesce(after.account, before.account)) AS json,
       revoked, (before.account).id AS ended
  FROM before
  LEFT JOIN after ON true
  LEFT JOIN LATERAL autoflow.end_sessions(
      (before.account).id, NULL, (after.account).id IS NOT NULL,
      CASE WHEN (after.account).id IS NOT NULL THEN 'disabled' END,
      :user_id::uuid, :ip_address::inet, :user_agent::text,
      :request_id::text, :trace_id::text) AS revoked ON true;
