-- Whether the server has room for the connections of a node: the least of what
-- its configuration, the database and the role allow.  Other nodes don't count,
-- nor the former workers of this one.
--
-- reads
-- columns: problem text, remedy text
--
-- :connections  that the node may open
--
-- no row: there is room

WITH allowed (most, setting) AS (
    SELECT current_setting('max_connections')::integer
           - current_setting('superuser_reserved_connections')::integer
           - coalesce(current_setting('reserved_connections', true), '0')::integer,
           'max_connections'
     UNION ALL
    SELECT datconnlimit, format('ALTER DATABASE %I CONNECTION LIMIT', datname)
      FROM pg_database
     WHERE datname = current_database()
       AND datconnlimit >= 0
     UNION ALL
    SELECT rolconnlimit, format('ALTER ROLE %I CONNECTION LIMIT', rolname)
      FROM pg_roles
     WHERE rolname = session_user
       AND rolconnlimit >= 0
), others (number) AS (
    SELECT count(*)
      FROM pg_stat_activity
     WHERE datid IS NOT NULL
       AND usename <> session_user
       AND application_name NOT LIKE 'autoflow%'
)
SELECT format('a node may open %s connections, others have %s, but PostgreSQL '
              'allows %s (%s)', :connections::integer, number, most, setting)
           AS problem,
       'raise that, or have fewer workers, or a smaller pool= of '
       'autoflow_database' AS remedy
  FROM allowed, others
 WHERE most < :connections::integer
              + CASE WHEN setting = 'max_connections' THEN number ELSE 0 END
 ORDER BY most
 LIMIT 1;
