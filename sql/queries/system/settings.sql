-- What a connection of the module's needs, unless anyone has said otherwise: a
-- role that is granted autoflow_app has its rights, but not its settings.  No
-- statement depends on search_path; nobody shall put a function of the same
-- name into a schema that is on it.
--
-- reads
-- columns: set_config text, name text

SELECT set_config(name, needed, false), name
  FROM (VALUES ('search_path', ''),
               ('statement_timeout', '5s'),
               ('idle_in_transaction_session_timeout', '10s'))
       AS settings (name, needed)
  JOIN pg_catalog.pg_settings USING (name)
 WHERE source = 'default'
    OR name = 'search_path';
