-- Deploy autoflow:lists to pg
-- requires: administration
--
-- Support for lists with cursors.  A null key has its place in their order like
-- any other: nothing compares as less or greater than null.
--
-- Not one transaction, so that logins continue meanwhile.  After a failure it
-- may be deployed again.
--
-- users_username_idx and users_last_login_at_idx serve the previous version's
-- statements.  They cost each login one more entry, and may be dropped, with
-- list_json(), when no node of version 0.1 is left.

DROP INDEX CONCURRENTLY IF EXISTS autoflow.users_by_username_idx;
CREATE INDEX CONCURRENTLY users_by_username_idx
    ON autoflow.users (coalesce(lower(username COLLATE "C"), ''), id);

DROP INDEX CONCURRENTLY IF EXISTS autoflow.users_by_last_login_at_idx;
CREATE INDEX CONCURRENTLY users_by_last_login_at_idx
    ON autoflow.users (coalesce(last_login_at, '-infinity'), id);

DROP INDEX CONCURRENTLY IF EXISTS autoflow.roles_by_name_idx;
CREATE INDEX CONCURRENTLY roles_by_name_idx
    ON autoflow.roles (name COLLATE "C");

-- for the statistics of these expressions
ANALYZE autoflow.users;


BEGIN;

-- The id of a role by name, or null.  A function, since the planner evaluates
-- stable ones: it then knows whether few accounts have a role, and whether to
-- begin with these or with the accounts in the list's order.

CREATE OR REPLACE FUNCTION autoflow.role_id(role text) RETURNS uuid
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
AS $$
BEGIN
    RETURN (SELECT id FROM autoflow.roles WHERE name = role);
END
$$;

REVOKE ALL ON FUNCTION autoflow.role_id(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION autoflow.role_id(text) TO autoflow_app;


CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 5;

COMMIT;
