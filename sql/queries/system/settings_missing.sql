-- What the role lacks of the settings that the module sets on its own connections,
-- but can't behind a pooler, where others have them at the same time.
--
-- reads
-- columns: command text
--
-- command      that sets one; no row: nothing is missing

SELECT pg_catalog.format('ALTER ROLE %I SET %I = %L', session_user, name, needed)
           AS command
  FROM (VALUES ('search_path', ''),
               ('statement_timeout', '5s'),
               ('idle_in_transaction_session_timeout', '10s'))
       AS settings (name, needed)
  JOIN pg_catalog.pg_settings USING (name)
 WHERE source = 'default'
    OR (name = 'search_path' AND setting NOT IN ('', '""'))
 ORDER BY name;
