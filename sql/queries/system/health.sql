-- The answer of GET /health while the database answers.
--
-- reads
-- columns: json json
--
-- :version     the module's
-- :uptime      in seconds

SELECT row_to_json(health) AS json
  FROM (SELECT 'ok' AS status,
               :version::text AS version,
               'ok' AS database,
               autoflow.schema_version()::text AS schema,
               :uptime::bigint AS uptime) AS health;
