-- Deploy autoflow:imports_shown to pg
-- requires: imports
--
-- Whoever asks for all stored data of their account also gets the ids that it
-- had in the systems that it was imported from.

BEGIN;

GRANT SELECT ON autoflow.imported_accounts TO autoflow_app;


CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 18;

COMMIT;
