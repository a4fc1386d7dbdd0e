-- Deploy autoflow:role_token_life to pg
-- requires: imports_directory
--
-- A deleted role's revocation lasts for as long as tokens with it may.  Whoever
-- has stolen the module's connection must not make that end before it begins.

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.delete_role(role_id uuid, token_life interval,
    OUT id uuid, OUT name text, OUT revoked text) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    role  autoflow.roles;
BEGIN
    IF token_life < interval '0' THEN
        RAISE EXCEPTION 'tokens don''t live for less than no time'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    UPDATE autoflow.roles r
       SET deleted_at = now(),
           free_at = clock_timestamp() + token_life + interval '10 minutes'
     WHERE r.id = role_id
       AND deleted_at IS NULL
    RETURNING r.* INTO role;

    IF FOUND THEN
        RETURN QUERY
            SELECT role.id, role.deleted_name,
                   autoflow.revocation(subject, least_epoch, at, until)
              FROM autoflow.role_revocation(role);
    END IF;
END
$$;

COMMIT;
