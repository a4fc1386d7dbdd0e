-- Verify autoflow:partitions on pg

DO $$
BEGIN
    IF NOT has_function_privilege('autoflow_app', 'autoflow.audit_partitions()',
                                  'EXECUTE')
       OR (SELECT prosrc FROM pg_proc
            WHERE oid = 'autoflow.audit_partitions()'::regprocedure)
          NOT LIKE '%sessions_partitions%'
    THEN
        RAISE EXCEPTION 'the partitions of sessions are created by nobody';
    END IF;
END
$$;
