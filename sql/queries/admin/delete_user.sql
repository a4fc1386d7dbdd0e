-- Deletes an account, which is locked: frees its address and username, and ends
-- its sessions; its row is kept.
--
-- writes
-- columns: revoked text, ended uuid
--
-- :id
-- :user_id             the requesting user, possibly the same
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- revoked      the account; may be null; no row: not found; or
--              users_last_superuser violated
-- ended        its id

WITH account AS (
    UPDATE autoflow.users
       SET is_active = false,
           deleted_at = now(),
           updated_at = now()
     WHERE id = :id::uuid
       AND deleted_at IS NULL
    RETURNING id
)
SELECT revoked, account.id AS ended
  FROM account,
       LATERAL autoflow.end_sessions(
           account.id, NULL, true, 'deleted', :user_id::uuid,
           :ip_address::inet, :user_agent::text, :request_id::text,
           :trace_id::text) AS revoked;
