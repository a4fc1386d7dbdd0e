-- Revert autoflow:sessions from pg

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 1;

DROP FUNCTION autoflow.purge();
DROP FUNCTION autoflow.list_json(json, bigint, bigint, bigint);

CREATE OR REPLACE FUNCTION autoflow.claims_json(account autoflow.users,
    session uuid) RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN row_to_json(claims)
      FROM (SELECT account.id AS sub,
                   session AS sid,
                   account.token_epoch AS epoch,
                   account.email,
                   account.email_verified,
                   autoflow.role_names(account.id) AS roles,
                   account.is_superuser
           ) AS claims;
END
$$;

ALTER FUNCTION autoflow.user_json(autoflow.users) STABLE;

DROP TRIGGER roles_renamed ON autoflow.roles;
DROP TRIGGER user_roles_changed_to ON autoflow.user_roles;
DROP TRIGGER user_roles_changed_from ON autoflow.user_roles;
DROP TRIGGER user_roles_taken ON autoflow.user_roles;
DROP TRIGGER user_roles_added ON autoflow.user_roles;
DROP TRIGGER users_revoked ON autoflow.users;
DROP TRIGGER users_epoch ON autoflow.users;
DROP TRIGGER sessions_deleted ON autoflow.sessions;
DROP TRIGGER sessions_ended ON autoflow.sessions;

DROP FUNCTION autoflow.roles_renamed();
DROP FUNCTION autoflow.user_roles_changed();
DROP FUNCTION autoflow.users_revoked();
DROP FUNCTION autoflow.users_epoch();
DROP FUNCTION autoflow.sessions_ended();
DROP FUNCTION autoflow.session_lives(autoflow.sessions);
DROP FUNCTION autoflow.revoke(uuid, bigint, timestamptz);
DROP FUNCTION autoflow.account_revocation(autoflow.users);
DROP FUNCTION autoflow.session_revocation(autoflow.sessions);
DROP FUNCTION autoflow.revocation(uuid, bigint, timestamptz, timestamptz);

DROP TABLE autoflow.revocations;

REVOKE SELECT ON autoflow.refresh_tokens FROM autoflow_app;
REVOKE UPDATE (last_used_at, ip_address, expires_at, ended_at)
    ON autoflow.sessions FROM autoflow_app;
REVOKE UPDATE (token_epoch, updated_at) ON autoflow.users FROM autoflow_app;

ALTER TABLE autoflow.users DROP COLUMN tokens_until;
ALTER TABLE autoflow.refresh_tokens ADD COLUMN used_at timestamptz;
DROP INDEX autoflow.refresh_tokens_expires_at_idx;

ALTER TABLE autoflow.sessions
    DROP COLUMN access_expires_at,
    DROP COLUMN rotated_at,
    DROP COLUMN previous_hash,
    DROP COLUMN token_hash,
    RESET (fillfactor);

COMMIT;
