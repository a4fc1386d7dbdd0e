-- Verify autoflow:half_partitions on pg

BEGIN;

SELECT autoflow.sessions_halfway();

DO $$
BEGIN
    IF (SELECT prosrc FROM pg_proc
         WHERE oid = 'autoflow.audit_partitions()'::regprocedure)
       NOT LIKE '%sessions_undo%'
    THEN
        RAISE EXCEPTION 'half of the partitions of sessions are left there';
    END IF;
END
$$;

ROLLBACK;
