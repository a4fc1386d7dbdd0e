-- Deletes a role, and thereby revokes it from its members.
--
-- writes
-- columns: id uuid, revoked text
--
-- :id
-- :access_ttl          in seconds
-- :user_id             the requesting user
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- id           no row: not found
-- revoked      its name

WITH role AS MATERIALIZED (
    SELECT *
      FROM autoflow.delete_role(:id::uuid,
                                :access_ttl::bigint * interval '1 second')
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT :user_id::uuid, 'role_deleted', id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text,
           jsonb_build_object('name', name)
      FROM role
)
SELECT id, revoked
  FROM role;
