-- What the module compares with the version it needs.
--
-- reads
-- columns: schema_version integer

SELECT autoflow.schema_version() AS schema_version;
