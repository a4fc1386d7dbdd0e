-- Creates a role.
--
-- writes
-- columns: json json
--
-- :name
-- :description         may be null
-- :user_id             the requesting user
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- json         a Role; or roles_name_key violated

WITH role AS (
    INSERT INTO autoflow.roles (name, description)
    VALUES (:name::text, :description::text)
    RETURNING *
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT :user_id::uuid, 'role_created', id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text,
           jsonb_build_object('name', name)
      FROM role
)
SELECT autoflow.role_json(role) AS json
  FROM role;
