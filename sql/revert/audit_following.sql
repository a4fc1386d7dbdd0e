-- Revert autoflow:audit_following from pg

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 14;

ALTER TABLE autoflow.jobs DROP COLUMN position;

DROP FUNCTION autoflow.claim_address(text, text, inet, text, text, text);
DROP FUNCTION autoflow.audit_after(bigint, xid8, uuid, bigint);
DROP FUNCTION autoflow.audit_json(autoflow.audit_events);

ALTER TABLE autoflow.audit_events
    DROP COLUMN xid,
    DROP COLUMN cluster,
    DROP COLUMN trace_id;

DROP INDEX autoflow.audit_events_id_idx;
DROP FUNCTION autoflow.cluster_id();

COMMIT;
