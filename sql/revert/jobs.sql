-- Revert autoflow:jobs from pg

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 9;

DROP FUNCTION autoflow.claim_job(text[], bigint[], text);
DROP FUNCTION autoflow.job_fence(text, bigint);
DROP TABLE autoflow.jobs;

COMMIT;
