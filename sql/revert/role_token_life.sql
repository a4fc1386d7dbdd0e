-- Revert autoflow:role_token_life from pg

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.delete_role(role_id uuid, token_life interval,
    OUT id uuid, OUT name text, OUT revoked text) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    role  autoflow.roles;
BEGIN
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
