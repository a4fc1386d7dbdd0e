-- Revert autoflow:half_partitions from pg

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.audit_partitions() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM autoflow.audit_maintain(NULL);

    IF to_regprocedure('autoflow.sessions_partitions(timestamptz)')
       IS NOT NULL
    THEN
        PERFORM autoflow.sessions_partitions();
    END IF;
END
$$;

DROP FUNCTION autoflow.sessions_undo();
DROP FUNCTION autoflow.sessions_halfway();

COMMIT;
