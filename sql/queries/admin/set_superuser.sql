-- Grants superuser rights to an account, which is locked, or revokes them.
--
-- writes
-- columns: json json, revoked text
--
-- :id
-- :is_superuser        null: toggles it, without a body
-- :user_id             the requesting user
-- :dialect             of user_as()
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- json         a User; no row: not found; or users_last_superuser violated
-- revoked      the account, if it was changed; may be null

WITH before AS (
    SELECT u AS account
      FROM autoflow.users u
     WHERE id = :id::uuid
       AND deleted_at IS NULL
), after AS (
    UPDATE autoflow.users u
       SET is_superuser = NOT u.is_superuser,
           updated_at = now()
      FROM before
     WHERE u.id = (account).id
       AND :is_superuser::boolean IS DISTINCT FROM (account).is_superuser
    RETURNING u AS account
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id)
    SELECT :user_id::uuid,
           CASE WHEN (account).is_superuser THEN 'promoted' ELSE 'demoted' END,
           (account).id, :ip_address::inet, :user_agent::text,
           :request_id::text, :trace_id::text
      FROM after
)
SELECT autoflow.user_as(:dialect::text,
                        coalesce(after.account, before.account)) AS json,
       autoflow.account_revocation(after.account) AS revoked
  FROM before
  LEFT JOIN after ON true;
