-- Settings of the module's connections to a replica: those of system/settings, and
-- nothing may be written, should it become the primary.
--
-- reads
-- columns: set_config text, name text

SELECT set_config(name, needed, false), name
  FROM (VALUES ('search_path', ''),
               ('default_transaction_read_only', 'on'),
               ('jit', 'off'),
               ('statement_timeout', '5s'),
               ('idle_in_transaction_session_timeout', '10s'))
       AS settings (name, needed)
  JOIN pg_catalog.pg_settings USING (name)
 WHERE source = 'default'
    OR name IN ('search_path', 'default_transaction_read_only');
