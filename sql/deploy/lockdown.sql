-- Deploy autoflow:lockdown to pg
-- requires: message_lists
--
-- What sql/privileges.sql takes away from the module's role, and leaves it.

BEGIN;

-- Creates the audit log's partitions.  audit_maintain() can also drop some, so
-- whoever has stolen the module's connection could use it to get rid of all
-- events but those of the last month: it is the owner's, from when no node of
-- version 0.1 calls it any more.

CREATE FUNCTION autoflow.audit_partitions() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM autoflow.audit_maintain(NULL);
END
$$;

REVOKE ALL ON FUNCTION autoflow.audit_partitions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION autoflow.audit_partitions() TO autoflow_app;


-- These are column by column from now on.

GRANT INSERT (user_id, first_name, last_name)
    ON autoflow.profiles TO autoflow_app;
GRANT INSERT (user_id, device_info, ip_address, number, expires_at,
              access_expires_at, amr, aal)
    ON autoflow.sessions TO autoflow_app;


-- A database of our own may be closed to everybody else (docs/production.md).

DO $$
BEGIN
    SET LOCAL client_min_messages = error;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO autoflow_app',
                   current_database());
EXCEPTION WHEN insufficient_privilege THEN
    NULL;   -- it isn't the owner's of the schema
END
$$;


CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 17;

COMMIT;
