-- Deploy autoflow:factor_policy to pg
-- requires: code_proofs
--
-- Who must have a second factor.

BEGIN;

SET LOCAL lock_timeout = '5s';

-- Whether an account's sessions must be of two factors, and this one is not.  Whose
-- they must be is configured: 'everyone', 'superuser', 'role=NAME'; null: nobody's.

CREATE FUNCTION autoflow.lacks_factor(account autoflow.users, level integer,
    required_of text[]) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN required_of IS NOT NULL
       AND coalesce(level, 1) < 2
       AND ('everyone' = ANY (required_of)
            OR (account.is_superuser AND 'superuser' = ANY (required_of))
            OR EXISTS (SELECT
                         FROM unnest(autoflow.role_names(account.id)) AS role
                        WHERE 'role=' || role = ANY (required_of)));
END
$$;

REVOKE ALL ON FUNCTION
    autoflow.lacks_factor(autoflow.users, integer, text[])
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.lacks_factor(autoflow.users, integer, text[])
    TO autoflow_app;


CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 28;

COMMIT;
