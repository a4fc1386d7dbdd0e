-- Verify autoflow_partitions:sessions on pg

BEGIN;

DO $$
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = 'autoflow.sessions'::regclass) <> 'p'
       OR to_regclass('autoflow.sessions_default') IS NULL
    THEN
        RAISE EXCEPTION 'sessions have no partitions';
    END IF;

    IF EXISTS (SELECT FROM pg_index
                WHERE indrelid = 'autoflow.sessions'::regclass AND NOT indisvalid)
       OR EXISTS (SELECT FROM pg_constraint
                   WHERE confrelid = 'autoflow.sessions'::regclass
                     AND NOT convalidated)
    THEN
        RAISE EXCEPTION 'an index or a foreign key of sessions is not valid';
    END IF;

    IF (SELECT prosrc FROM pg_proc
         WHERE oid = 'autoflow.audit_partitions()'::regprocedure)
       NOT LIKE '%sessions_partitions%'
    THEN
        RAISE EXCEPTION 'nobody creates the partitions of the next months';
    END IF;
END
$$;

ROLLBACK;
