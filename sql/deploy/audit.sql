-- Deploy autoflow:audit to pg
-- requires: base

BEGIN;

-- No foreign keys: events outlive what they refer to.

CREATE TABLE autoflow.audit_events (
    id          uuid NOT NULL DEFAULT autoflow.uuid7(),
    at          timestamptz NOT NULL DEFAULT now(),
    actor_id    uuid,
    action      text NOT NULL,
    target_id   uuid,
    ip_address  inet,
    user_agent  text,
    request_id  text,
    details     jsonb NOT NULL DEFAULT '{}',

    CONSTRAINT audit_events_pkey PRIMARY KEY (at, id)
) PARTITION BY RANGE (at);

-- so that a missing month never makes a login fail
CREATE TABLE autoflow.audit_events_default
    PARTITION OF autoflow.audit_events DEFAULT;

-- only the database sets the time
GRANT SELECT,
      INSERT (actor_id, action, target_id, ip_address, user_agent, request_id,
              details)
    ON autoflow.audit_events TO autoflow_app;


-- Creates the partitions of this month, the next and all months with rows in
-- the default partition (which move), and drops those that are wholly older
-- than `keep`; null keeps all.  Months are in UTC.
--
-- An insert that has already chosen the default partition would fail if its
-- month's were attached meanwhile: hence the lock on the parent, which lets
-- running inserts end and makes new ones wait.  Long operations precede it.  If
-- a long transaction (a dump) blocks the lock, we give up with 55P03, and
-- nothing changed, before the waiting inserts do.

CREATE FUNCTION autoflow.audit_maintain(keep interval) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET lock_timeout = '2s'
AS $$
DECLARE
    months  timestamptz[];
    month   timestamptz;
    name    text;
    move    CONSTANT text :=
        'WITH moved AS (
             DELETE FROM autoflow.audit_events_default
              WHERE at >= %2$L AND at < %3$L
             RETURNING *
         )
         INSERT INTO autoflow.%1$I SELECT * FROM moved';
BEGIN
    -- the module's role shall not be a way to get rid of fresh traces
    IF keep < interval '30 days' THEN
        RAISE EXCEPTION 'audit events are kept for 30 days at least'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    IF NOT pg_try_advisory_xact_lock(
               'autoflow.audit_events'::regclass::oid::bigint)
    THEN
        RETURN;   -- someone else is at it
    END IF;

    months := ARRAY(
        SELECT m
          FROM (SELECT date_trunc('month', at)
                  FROM autoflow.audit_events_default
                 UNION
                SELECT date_trunc('month', now())
                 UNION
                SELECT date_trunc('month', now()) + interval '1 month') AS t (m)
         WHERE to_regclass(to_char(m, '"autoflow.audit_events_"YYYY_MM'))
               IS NULL);

    FOREACH month IN ARRAY months LOOP
        name := to_char(month, '"audit_events_"YYYY_MM');
        EXECUTE format(
            'CREATE TABLE autoflow.%I
                 (LIKE autoflow.audit_events INCLUDING ALL)', name);
        EXECUTE format(move, name, month, month + interval '1 month');
    END LOOP;

    IF months <> '{}' THEN
        LOCK TABLE ONLY autoflow.audit_events IN ACCESS EXCLUSIVE MODE;
    END IF;

    FOREACH month IN ARRAY months LOOP
        name := to_char(month, '"audit_events_"YYYY_MM');
        EXECUTE format(move, name, month, month + interval '1 month');
        EXECUTE format(
            'ALTER TABLE autoflow.audit_events
                 ATTACH PARTITION autoflow.%I FOR VALUES FROM (%L) TO (%L)',
            name, month, month + interval '1 month');
    END LOOP;

    -- DROP locks the parent first, too
    FOR name IN
        SELECT relname
          FROM pg_inherits
          JOIN pg_class ON pg_class.oid = inhrelid
         WHERE inhparent = 'autoflow.audit_events'::regclass
           AND relname ~ '^audit_events_\d{4}_\d{2}$'
           AND to_timestamp(right(relname, 7), 'YYYY_MM') + interval '1 month'
               <= now() - keep
    LOOP
        EXECUTE format('DROP TABLE autoflow.%I', name);
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION autoflow.audit_maintain(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION autoflow.audit_maintain(interval) TO autoflow_app;

DO $$
BEGIN
    PERFORM autoflow.audit_maintain(NULL);
END
$$;


CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 1;

COMMIT;
