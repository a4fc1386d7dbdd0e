-- Deploy autoflow:half_partitions to pg
-- requires: clocks
--
-- Where making partitions of sessions has failed half-way, and nobody has gone on
-- with it, logins would be refused from the month on in which the first partition
-- ends: the daily job undoes it a week before.

BEGIN;

-- What sql/partitions/ has left half-way, if anything: until when sessions can be
-- opened.  It is the bound of a constraint, or of the partition that the table has
-- become without anybody knowing.

CREATE FUNCTION autoflow.sessions_halfway() RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bound  text;
BEGIN
    SELECT coalesce(pg_get_constraintdef(k.oid), pg_get_expr(c.relpartbound, c.oid))
      INTO bound
      FROM pg_class c
      LEFT JOIN pg_constraint k
        ON k.conrelid = c.oid AND k.conname = 'sessions_first_check'
     WHERE c.oid = 'autoflow.sessions'::regclass
       AND (k.oid IS NOT NULL OR c.relispartition);

    -- the time is in the id
    RETURN to_timestamp(('x' || replace(substring(bound FROM '''([0-9a-f-]{13})'),
                                        '-', ''))::bit(48)::bigint / 1000.0);
END
$$;

-- Makes sessions the table again that they were.  Nobody waits for longer than 0.2
-- seconds: if they are locked for long, it is done tomorrow.

CREATE FUNCTION autoflow.sessions_undo() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '200ms'
AS $$
BEGIN
    LOCK TABLE autoflow.users, autoflow.sessions, autoflow.refresh_tokens
        IN ACCESS EXCLUSIVE MODE;

    IF (SELECT relispartition
          FROM pg_class
         WHERE oid = 'autoflow.sessions'::regclass)
    THEN
        ALTER TABLE autoflow.sessions_parted DETACH PARTITION autoflow.sessions;
    END IF;

    DROP TABLE IF EXISTS autoflow.sessions_parted;
    ALTER TABLE autoflow.sessions
        DROP CONSTRAINT IF EXISTS sessions_first_check;

EXCEPTION WHEN lock_not_available THEN
    NULL;
END
$$;


-- As before, but only where sessions have partitions.

CREATE OR REPLACE FUNCTION autoflow.audit_partitions() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM autoflow.audit_maintain(NULL);

    IF (SELECT relkind
          FROM pg_class
         WHERE oid = 'autoflow.sessions'::regclass) = 'p'
    THEN
        PERFORM autoflow.sessions_partitions();

    ELSIF autoflow.sessions_halfway() < now() + interval '7 days' THEN
        PERFORM autoflow.sessions_undo();
    END IF;
END
$$;

REVOKE ALL ON FUNCTION
    autoflow.sessions_halfway(),
    autoflow.sessions_undo()
    FROM PUBLIC;

COMMIT;
