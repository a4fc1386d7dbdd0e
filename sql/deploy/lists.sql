-- Deploy autoflow:lists to pg
-- requires: administration
--
-- What lists with cursors need.  A null key has its place in their order as
-- any other has: nothing is less, or greater, than null.
--
-- Accounts go on logging in meanwhile, hence no transaction.  Deployed again
-- after a failure, it begins anew.
--
-- users_username_idx and users_last_login_at_idx serve the statements of
-- before.  They cost each login one more entry, and may go with list_json()
-- once no module of version 0.1 is left.

DROP INDEX CONCURRENTLY IF EXISTS autoflow.users_by_username_idx;
CREATE INDEX CONCURRENTLY users_by_username_idx
    ON autoflow.users (coalesce(lower(username COLLATE "C"), ''), id);

DROP INDEX CONCURRENTLY IF EXISTS autoflow.users_by_last_login_at_idx;
CREATE INDEX CONCURRENTLY users_by_last_login_at_idx
    ON autoflow.users (coalesce(last_login_at, '-infinity'), id);

DROP INDEX CONCURRENTLY IF EXISTS autoflow.roles_by_name_idx;
CREATE INDEX CONCURRENTLY roles_by_name_idx
    ON autoflow.roles (name COLLATE "C");

-- how the values of these expressions are spread
ANALYZE autoflow.users;


BEGIN;

-- The id of a role's name, or null.  A function, since the planner looks up
-- what is stable: it knows then whether a role is had by few, and whether to
-- begin with these or with the accounts in the order of the list.

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
