-- What the module compares with the version it needs.
--
-- reads
--
-- schema_version

SELECT autoflow.schema_version() AS schema_version;
