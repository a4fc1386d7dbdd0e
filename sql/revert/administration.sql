-- Revert autoflow:administration from pg
--
-- pg_trgm is kept: others may use it by now.

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 3;

DROP FUNCTION autoflow.audit_is_overdue();
DROP INDEX autoflow.audit_events_target_id_idx;
DROP INDEX autoflow.audit_events_actor_id_idx;
DROP INDEX autoflow.audit_events_action_idx;

DROP TRIGGER user_roles_bounded ON autoflow.user_roles;
DROP FUNCTION autoflow.user_roles_bounded();
DROP TRIGGER users_last_superuser ON autoflow.users;
DROP FUNCTION autoflow.users_last_superuser();

DROP FUNCTION autoflow.role_json(autoflow.roles);

CREATE OR REPLACE FUNCTION autoflow.user_json(account autoflow.users)
RETURNS json
LANGUAGE plpgsql VOLATILE PARALLEL SAFE
AS $$
BEGIN
    RETURN row_to_json(answer)
      FROM (SELECT account.id,
                   account.email,
                   account.pending_email,
                   account.username,
                   account.full_name,
                   account.bio,
                   account.is_active,
                   account.is_superuser,
                   account.email_verified,
                   autoflow.role_names(account.id) AS roles,
                   autoflow.rfc3339(account.created_at) AS created_at,
                   autoflow.rfc3339(account.updated_at) AS updated_at,
                   autoflow.rfc3339(account.last_login_at) AS last_login_at
           ) AS answer;
END
$$;

DROP FUNCTION autoflow.user_json(autoflow.users, text[]);

REVOKE INSERT (user_id, role_id), DELETE
    ON autoflow.user_roles FROM autoflow_app;
REVOKE INSERT (name, description), DELETE ON autoflow.roles FROM autoflow_app;
REVOKE INSERT (is_superuser, email_verified),
       UPDATE (username, full_name, bio, is_active, is_superuser, deleted_at)
    ON autoflow.users FROM autoflow_app;

DROP INDEX autoflow.users_superuser_idx;
DROP INDEX autoflow.users_inactive_idx;
DROP INDEX autoflow.users_last_login_at_idx;
DROP INDEX autoflow.users_username_idx;
DROP INDEX autoflow.users_email_idx;
DROP INDEX autoflow.users_created_at_idx;

DROP TRIGGER users_named_again ON autoflow.users;
DROP TRIGGER users_named_new ON autoflow.users;
DROP FUNCTION autoflow.users_named();
DROP TABLE autoflow.user_names;

COMMIT;
