-- The roles, and a database of their own, as somebody who may create both.
-- Whatever is there already is kept.
--
-- :database    its name
-- :verifier    of a new password for the module's role, or empty
-- :worker      the role that the module connects as on a socket, by the name of
--              its user; and :member, the administrator's; or not set
--
-- Nobody logs in as the schema's owner: its members become it.

SELECT 'CREATE ROLE autoflow NOLOGIN'
 WHERE to_regrole('autoflow') IS NULL
\gexec

SELECT 'CREATE ROLE autoflow_app LOGIN'
 WHERE to_regrole('autoflow_app') IS NULL
\gexec

ALTER ROLE autoflow_app SET search_path = '';
ALTER ROLE autoflow_app SET statement_timeout = '5s';
ALTER ROLE autoflow_app SET idle_in_transaction_session_timeout = '10s';

SELECT format('ALTER ROLE autoflow_app PASSWORD %L', :'verifier')
 WHERE :'verifier' <> ''
\gexec

\if :{?worker}
SELECT format('CREATE ROLE %I LOGIN', name)
  FROM (VALUES (:'worker'), (:'member')) AS names (name)
 WHERE to_regrole(quote_ident(name)) IS NULL
\gexec

SELECT format('GRANT autoflow_app TO %I', :'worker')
 WHERE NOT pg_has_role(:'worker', 'autoflow_app', 'MEMBER')
\gexec

SELECT format('GRANT autoflow TO %I', :'member')
 WHERE NOT pg_has_role(:'member', 'autoflow', 'MEMBER')
\gexec
\endif

SELECT format('GRANT %s TO CURRENT_USER', name)
  FROM (VALUES ('autoflow'), ('autoflow_app')) AS names (name)
 WHERE NOT pg_has_role(name, 'MEMBER')
\gexec

-- the deployment grants its role to whom it needs
SELECT 'GRANT autoflow_app TO autoflow'
 WHERE NOT pg_has_role('autoflow', 'autoflow_app', 'MEMBER')
\gexec

SELECT format('CREATE DATABASE %I OWNER autoflow ENCODING ''UTF8'' '
              'LOCALE ''C.UTF-8'' TEMPLATE template0', :'database')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database')
\gexec

SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'database')
  FROM pg_database
 WHERE datname = :'database'
   AND datacl IS NULL
\gexec

SELECT format('GRANT CONNECT ON DATABASE %I TO autoflow_app', :'database')
 WHERE NOT has_database_privilege('autoflow_app', :'database', 'CONNECT')
\gexec
