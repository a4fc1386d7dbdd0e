-- Settings of the module's connections, unless they are set otherwise: a role
-- that is granted autoflow_app has its rights, but not its settings.  No
-- statement depends on search_path, so that functions in other schemas can't
-- shadow any.  Compiling them takes longer than executing them, and no timeout ends
-- it.
--
-- reads
-- columns: set_config text, name text

SELECT set_config(name, needed, false), name
  FROM (VALUES ('search_path', ''),
               ('jit', 'off'),
               ('statement_timeout', '5s'),
               ('idle_in_transaction_session_timeout', '10s'))
       AS settings (name, needed)
  JOIN pg_catalog.pg_settings USING (name)
 WHERE source = 'default'
    OR name = 'search_path';
