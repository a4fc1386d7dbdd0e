-- Revert autoflow:partitions from pg

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.audit_partitions() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM autoflow.audit_maintain(NULL);
END
$$;

COMMIT;
