-- The schema's version, which the module compares with the one it needs.
--
-- reads
-- columns: schema_version integer

SELECT autoflow.schema_version() AS schema_version;
