-- Replaces the roles of an account, which is locked.
--
-- writes
-- columns: json json, errors json, revoked text
--
-- :id
-- :roles               a JSON array of names
-- :user_id             the requesting user
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- json, errors         {"roles"}; or unknown roles, and nothing was changed; no
--                      row: no such account
-- revoked              the account, if its roles have changed; may be null

WITH given AS MATERIALIZED (
    SELECT DISTINCT name, locked.id
      FROM json_array_elements_text(:roles::json) AS n (name)
      LEFT JOIN autoflow.lock_roles(:roles::json) AS locked USING (name)
), names AS (
    SELECT CASE WHEN bool_or(id IS NULL) THEN json_build_array(
               json_build_object(
                   'field', 'roles',
                   'code', 'reference',
                   'message', 'has names of no role: '
                              || string_agg(name, ', ' ORDER BY name COLLATE "C")
                                     FILTER (WHERE id IS NULL))) END AS errors,
           coalesce(array_agg(name ORDER BY name COLLATE "C"), '{}') AS roles
      FROM given
), account AS MATERIALIZED (
    SELECT users.id, errors, roles,
           autoflow.role_names(users.id) AS roles_before
      FROM autoflow.users, names
     WHERE users.id = :id::uuid
       AND deleted_at IS NULL
), changed AS MATERIALIZED (
    SELECT id, roles, roles_before
      FROM account
     WHERE errors IS NULL
       AND roles <> roles_before
), taken AS (
    DELETE FROM autoflow.user_roles m
     USING changed
     WHERE m.user_id = changed.id
       AND m.role_id NOT IN (SELECT id FROM given)
), added AS (
    INSERT INTO autoflow.user_roles (user_id, role_id)
    SELECT changed.id, given.id
      FROM changed, given
    ON CONFLICT DO NOTHING
), raised AS (
    UPDATE autoflow.users u
       SET tokens_stale_at = clock_timestamp()
      FROM changed
     WHERE u.id = changed.id
    RETURNING u AS account
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT :user_id::uuid, 'roles_changed', id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text,
           jsonb_build_object('from', roles_before, 'to', roles)
      FROM changed
)
SELECT (SELECT row_to_json(answer)
          FROM (SELECT roles) AS answer) AS json,
       errors,
       autoflow.account_revocation(raised.account) AS revoked
  FROM account
  LEFT JOIN raised ON true;
