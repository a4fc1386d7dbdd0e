-- Deploy autoflow:partitions to pg
-- requires: endings
--
-- The job that creates the audit log's partitions creates those of sessions, too, if
-- these have any: see sql/partitions/.

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

COMMIT;
