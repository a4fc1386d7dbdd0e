-- Deletes a role, and so takes it from the accounts that have it, which are
-- locked.
--
-- :id
-- :user_id             who does it
-- :ip_address, :user_agent, :request_id                may be null
--
-- id           no row: there is none
-- revoked      each account that had it; may be null

WITH members AS MATERIALIZED (
    SELECT user_id
      FROM autoflow.user_roles
     WHERE role_id = :id::uuid
), role AS (
    DELETE FROM autoflow.roles
     WHERE id = :id::uuid
    RETURNING id, name
), raised AS (
    UPDATE autoflow.users u
       SET roles_changed_at = clock_timestamp()
      FROM members, role
     WHERE u.id = members.user_id
    RETURNING u AS account
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            details)
    SELECT :user_id::uuid, action, target_id, :ip_address::inet,
           :user_agent::text, :request_id::text, details
      FROM (SELECT 'role_deleted' AS action, id AS target_id,
                   jsonb_build_object('name', name) AS details
              FROM role
             UNION ALL
            SELECT 'roles_changed', user_id,
                   jsonb_build_object('deleted', name)
              FROM members, role) AS e
)
SELECT role.id, autoflow.account_revocation(raised.account) AS revoked
  FROM role
  LEFT JOIN raised ON true;
