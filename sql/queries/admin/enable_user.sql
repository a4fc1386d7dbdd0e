-- Enables an account, which is locked.
--
-- writes
-- columns: json json
--
-- :id
-- :user_id             the requesting user
-- :dialect             of user_as()
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- json         a User; no row: not found

WITH before AS (
    SELECT u AS account
      FROM autoflow.users u
     WHERE id = :id::uuid
       AND deleted_at IS NULL
), after AS (
    UPDATE autoflow.users u
       SET is_active = true,
           updated_at = now()
      FROM before
     WHERE u.id = (account).id
       AND NOT (account).is_active
    RETURNING u AS account
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id)
    SELECT :user_id::uuid, 'enabled', (account).id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text
      FROM after
)
SELECT autoflow.user_as(:dialect::text,
                        coalesce(after.account, before.account)) AS json
  FROM before
  LEFT JOIN after ON true;
