-- Deploy autoflow_partitions:sessions to pg
-- requires: autoflow:partitions
--
-- Sessions in partitions by month, for a database whose sessions are too many for
-- one table: docs/partitions.md says what that costs.
--
-- The table becomes the first partition, up to a month that begins in a month at
-- least, and no row is moved.  It is done while nodes serve, in steps of which none
-- makes others wait for a second.  After a failure it may be deployed again, and
-- has to be, or reverted, before that month: the first step leaves a constraint.

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.sessions_from(at timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN rpad(lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0'),
            32, '0')::uuid;

COMMENT ON FUNCTION autoflow.sessions_from(timestamptz) IS
    'the least id of a session that began then, as ids begin with the time';


-- Locks all that sessions are connected with until the end of the transaction:
-- accounts, too, since attaching a partition drops triggers of its foreign key
-- there.  A lock is waited for no longer than 0.2 seconds, with others queued up
-- behind, and then all are given back for a while.

CREATE OR REPLACE PROCEDURE autoflow.sessions_lock()
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '200ms'
AS $$
BEGIN
    FOR attempt IN 1 .. 600 LOOP
        BEGIN
            LOCK TABLE autoflow.users, autoflow.sessions, autoflow.refresh_tokens
                IN ACCESS EXCLUSIVE MODE;
            RETURN;

        EXCEPTION WHEN lock_not_available THEN
            PERFORM pg_sleep(0.2 + random());
        END;
    END LOOP;

    RAISE EXCEPTION 'sessions can not be locked: is there a long transaction?'
        USING ERRCODE = 'lock_not_available';
END
$$;


-- The functions that depend on the table, on its type, or on other such functions.

CREATE OR REPLACE FUNCTION autoflow.sessions_users() RETURNS SETOF regprocedure
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE objects (class, id) AS (
        SELECT refclass, refid
          FROM pg_class AS c,
       LATERAL (VALUES ('pg_class'::regclass, c.oid),
                       ('pg_type'::regclass, c.reltype)) AS own (refclass, refid)
         WHERE c.oid = 'autoflow.sessions'::regclass
         UNION
        SELECT classid, objid
          FROM objects
          JOIN pg_depend ON refclassid = class AND refobjid = id
         WHERE classid = 'pg_proc'::regclass
    )
    SELECT id::regprocedure FROM objects WHERE class = 'pg_proc'::regclass
$$;


-- Statements that give to the table of sessions, when it is another one, what this
-- one has: privileges, functions that depend on it or on its type, and triggers.
-- Without a search_path, all names in them are qualified.

CREATE OR REPLACE FUNCTION autoflow.sessions_parts() RETURNS text[]
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    WITH sessions AS (
        SELECT oid, relacl
          FROM pg_class
         WHERE oid = 'autoflow.sessions'::regclass
    ), granted (privilege, grantee) AS (
        SELECT privilege_type, grantee
          FROM sessions, aclexplode(relacl)
         UNION ALL
        SELECT format('%s (%I)', privilege_type, attname), grantee
          FROM sessions
          JOIN pg_attribute ON attrelid = oid, aclexplode(attacl)
    ), functions AS (
        SELECT oid, proacl FROM pg_proc WHERE oid IN (SELECT autoflow.sessions_users())
    ), other (place, id, statement) AS (
        SELECT 1, 0::oid, format('GRANT %s ON autoflow.sessions TO %s', privilege,
                         grantee::regrole)
          FROM granted
         UNION ALL
        SELECT 2, oid, pg_get_functiondef(oid)
          FROM functions
         UNION ALL
        SELECT 3, oid, format('REVOKE ALL ON FUNCTION %s FROM PUBLIC',
                              oid::regprocedure)
          FROM functions
         WHERE proacl IS NOT NULL
         UNION ALL
        SELECT 4, oid, format('GRANT EXECUTE ON FUNCTION %s TO %s', oid::regprocedure,
                         grantee::regrole)
          FROM functions, aclexplode(proacl)
         WHERE grantee <> 0
    )
    SELECT ARRAY(SELECT statement FROM other ORDER BY place, id)
           || ARRAY(SELECT pg_get_triggerdef(t.oid)
                      FROM sessions
                      JOIN pg_trigger t ON tgrelid = sessions.oid
                     WHERE NOT tgisinternal)
$$;


CREATE OR REPLACE FUNCTION autoflow.sessions_rename(from_ text, to_ text)
RETURNS text[]
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(SELECT format('ALTER INDEX autoflow.%I RENAME TO %I', relname,
                               replace(relname, from_, to_))
                   FROM pg_index
                   JOIN pg_class ON oid = indexrelid
                  WHERE indrelid = to_regclass('autoflow.' || from_))
           || format('ALTER TABLE autoflow.%I RENAME TO %I', from_, to_)
$$;

-- Makes another table, `successor`, that of sessions, which gets the name `former`:
-- `meanwhile` is executed when it has that, and neither triggers nor references.

CREATE OR REPLACE PROCEDURE autoflow.sessions_replace(former text,
    meanwhile text[], successor text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sessions    CONSTANT regclass := 'autoflow.sessions';
    row_type    CONSTANT oid := (SELECT reltype FROM pg_class WHERE oid = sessions);
    parts       text[];
    users       regprocedure[];
    referring   text;
    statements  text[];
    statement   text;
BEGIN
    parts := autoflow.sessions_parts();
    users := ARRAY(SELECT autoflow.sessions_users());

    SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s NOT VALID', conrelid::regclass,
                  conname, pg_get_constraintdef(oid))
      INTO STRICT referring
      FROM pg_constraint
     WHERE confrelid = sessions
       AND contype = 'f'
       AND conparentid = 0;

    statements := ARRAY(
        SELECT format('DROP TRIGGER %I ON autoflow.sessions', tgname)
          FROM pg_trigger
         WHERE tgrelid = sessions AND NOT tgisinternal
    ) || ARRAY(
        SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)
          FROM pg_constraint
         WHERE confrelid = sessions AND contype = 'f' AND conparentid = 0
    ) || ARRAY(
        -- another type returned isn't another function
        SELECT format('DROP FUNCTION %s', used)
          FROM unnest(users) AS used
          JOIN pg_proc ON pg_proc.oid = used
         WHERE row_type = prorettype
           AND row_type <> ALL (proargtypes)
    ) || autoflow.sessions_rename('sessions', former)
      || meanwhile
      || autoflow.sessions_rename(successor, 'sessions')
      || parts || referring;

    FOREACH statement IN ARRAY statements LOOP
        EXECUTE statement;
    END LOOP;

    -- those that have the former type: others have been replaced
    FOR statement IN
        SELECT format('DROP FUNCTION %s', used)
          FROM unnest(users) AS used
          JOIN pg_proc ON pg_proc.oid = used
         WHERE row_type = ANY (proargtypes)
    LOOP
        EXECUTE statement;
    END LOOP;
END
$$;


-- Creates the partitions of the next two months and drops those of former ones that
-- are empty.  A month that has sessions in the default partition remains there.  If
-- anybody has a lock for long, it is done some other time.

CREATE OR REPLACE FUNCTION autoflow.sessions_partitions(
    at timestamptz DEFAULT now()) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET lock_timeout = '200ms'
AS $$
DECLARE
    months     CONSTANT text := '"sessions_"YYYY_MM';
    this       CONSTANT text := to_char(at, months);
    parts      text[];
    part       text;
    month      timestamptz;
    first_id   uuid;
    next_id    uuid;
    is_empty   boolean;
BEGIN
    parts := ARRAY(SELECT relname
                     FROM pg_inherits
                     JOIN pg_class ON pg_class.oid = inhrelid
                    WHERE inhparent = 'autoflow.sessions'::regclass
                      AND relname ~ '^sessions_\d{4}_\d{2}$'
                    ORDER BY relname);

    FOR month IN
        SELECT date_trunc('month', at) + n * interval '1 month'
          FROM generate_series(1, 2) AS n
    LOOP
        part := to_char(month, months);
        first_id := autoflow.sessions_from(month);
        next_id := autoflow.sessions_from(month + interval '1 month');

        CONTINUE WHEN part = ANY (parts)
                      OR part < parts[1]    -- the first partition has it
                      OR EXISTS (SELECT FROM autoflow.sessions_default
                                  WHERE id >= first_id AND id < next_id);

        -- whose estimates are of all partitions; what is created locks them
        ANALYZE autoflow.sessions;

        LOCK TABLE autoflow.users IN SHARE ROW EXCLUSIVE MODE;
        EXECUTE format('CREATE TABLE autoflow.%I PARTITION OF autoflow.sessions
                            FOR VALUES FROM (%L) TO (%L) WITH (fillfactor = 80)',
                       part, first_id, next_id);
    END LOOP;

    FOREACH part IN ARRAY parts || CASE WHEN parts[1] <= this
                                        THEN 'sessions_first' END
    LOOP
        CONTINUE WHEN part BETWEEN this AND 'sessions_9'
                      OR to_regclass('autoflow.' || part) IS NULL;

        EXECUTE format('SELECT NOT EXISTS (SELECT FROM autoflow.%I)', part)
           INTO is_empty;

        IF is_empty THEN
            EXECUTE format('ALTER TABLE autoflow.sessions
                                DETACH PARTITION autoflow.%I', part);
            EXECUTE format('DROP TABLE autoflow.%I', part);
        END IF;
    END LOOP;

EXCEPTION WHEN lock_not_available THEN
    NULL;
END
$$;

REVOKE ALL ON ROUTINE
    autoflow.sessions_from(timestamptz),
    autoflow.sessions_lock(),
    autoflow.sessions_parts(),
    autoflow.sessions_users(),
    autoflow.sessions_rename(text, text),
    autoflow.sessions_replace(text, text[], text),
    autoflow.sessions_partitions(timestamptz)
    FROM PUBLIC;

COMMIT;


-- First: until when there are sessions in the table.  That is checked beside
-- whoever writes, so that the table isn't read while it is locked.

SELECT date_trunc('month', now() AT TIME ZONE 'UTC' + interval '62 days')
           AT TIME ZONE 'UTC' AS until \gset
SELECT to_char(:'until'::timestamptz AT TIME ZONE 'UTC', '"sessions_"YYYY_MM') AS month,
       autoflow.sessions_from(:'until') AS first_id,
       autoflow.sessions_from(:'until'::timestamptz + interval '1 month') AS next_id
\gset

BEGIN;

CALL autoflow.sessions_lock();

-- what a failed attempt has left
SELECT 'ALTER TABLE autoflow.sessions_parted DETACH PARTITION autoflow.sessions'
 WHERE (SELECT relispartition
          FROM pg_class
         WHERE oid = 'autoflow.sessions'::regclass)
\gexec
DROP TABLE IF EXISTS autoflow.sessions_parted;

ALTER TABLE autoflow.sessions
    DROP CONSTRAINT IF EXISTS sessions_first_check,
    ADD CONSTRAINT sessions_first_check CHECK (id < :'first_id') NOT VALID;

COMMIT;

ALTER TABLE autoflow.sessions VALIDATE CONSTRAINT sessions_first_check;


-- Second: it becomes a partition of a table that nobody knows yet.

BEGIN;

CALL autoflow.sessions_lock();

CREATE TABLE autoflow.sessions_parted (LIKE autoflow.sessions INCLUDING ALL)
    PARTITION BY RANGE (id);
ALTER TABLE autoflow.sessions_parted DROP CONSTRAINT sessions_first_check;

SELECT format('ALTER TABLE autoflow.sessions_parted ADD CONSTRAINT %I %s', conname,
              pg_get_constraintdef(oid))
  FROM pg_constraint
 WHERE conrelid = 'autoflow.sessions'::regclass
   AND contype = 'f'
\gexec

ALTER TABLE autoflow.sessions_parted
    ATTACH PARTITION autoflow.sessions FOR VALUES FROM (MINVALUE) TO (:'first_id');
CREATE TABLE autoflow.:"month" PARTITION OF autoflow.sessions_parted
    FOR VALUES FROM (:'first_id') TO (:'next_id') WITH (fillfactor = 80);
CREATE TABLE autoflow.sessions_default PARTITION OF autoflow.sessions_parted
    DEFAULT WITH (fillfactor = 80);

ALTER TABLE autoflow.sessions DROP CONSTRAINT sessions_first_check;

COMMIT;


-- Third: they swap their names, when the planner knows what is in both: by
-- estimates out of nowhere it would compile statements for seconds.

ANALYZE autoflow.sessions_parted;

BEGIN;

CALL autoflow.sessions_lock();
CALL autoflow.sessions_replace('sessions_first',
    ARRAY['REVOKE ALL ON autoflow.sessions_first FROM autoflow_app'],
    'sessions_parted');

COMMIT;


-- Fourth: refresh tokens of former versions have sessions.

ALTER TABLE autoflow.refresh_tokens
    VALIDATE CONSTRAINT refresh_tokens_session_id_fkey;
