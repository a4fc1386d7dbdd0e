-- Rows of "ok" or "problem", what it is, and what to do.
--
-- :needed  the schema's version that the module requires, or 0
-- :skew    by how many seconds the clocks differ

SELECT CASE
    WHEN autoflow.schema_version() >= :needed THEN
        format('ok|the schema has version %s', autoflow.schema_version())
    ELSE
        format('problem|the schema has version %s, the module requires %s|'
               'run: autoflow deploy', autoflow.schema_version(), :needed)
    END;

SELECT CASE
    WHEN EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') THEN
        'ok|the extension pg_trgm is there'
    ELSE
        'problem|the extension pg_trgm is missing|in the database, as an '
        'administrator: CREATE EXTENSION pg_trgm (on Debian it is in the '
        'package postgresql)'
    END;

-- revocations allow for five minutes; times in the audit are worth less
SELECT CASE
    WHEN :skew < 5 THEN 'ok|the clocks of this machine and the database agree'
    ELSE
        format('problem|the clocks of this machine and the database differ by '
               '%s seconds|synchronize both, as by chrony', round(:skew))
    END;

SELECT CASE
    WHEN EXISTS (SELECT
                   FROM autoflow.users
                  WHERE is_superuser
                    AND is_active
                    AND deleted_at IS NULL)
    THEN 'ok|there is a superuser'
    ELSE 'problem|there is no superuser|run: autoflow grant-superuser EMAIL'
    END;

SELECT CASE
    WHEN count(*) = 0 THEN 'ok|no mail is stuck'
    ELSE
        format('problem|%s mails have waited for more than an hour%s|look at '
               'the mail server, and in operations.md', count(*),
               ', with the error ' || translate(max(last_error), E'|\n', '  '))
    END
  FROM autoflow.outbox
 WHERE sent_at IS NULL
   AND failed_at IS NULL
   AND created_at < now() - interval '1 hour';

SELECT CASE
    WHEN count(*) = 0 THEN 'ok|the jobs are done in time'
    ELSE
        format('problem|jobs are overdue: %s|nginx has to run on a node; its '
               'error log says why a job fails', string_agg(name, ', '))
    END
  FROM autoflow.jobs
 WHERE name NOT IN ('audit_log', 'seals')
   AND coalesce(ran_at, until) < now() - 3 * period - interval '10 minutes';

SELECT to_regprocedure('autoflow.sessions_halfway()') IS NOT NULL AS known
\gset
\if :known
SELECT CASE
    WHEN autoflow.sessions_halfway() IS NULL
    THEN 'ok|sessions have all of their partitions, or none'
    ELSE
        format('problem|partitions of sessions were left half-way: nobody can log '
               'in from %s on, unless a job undoes it a week before|'
               'run: autoflow deploy partitions',
               to_char(autoflow.sessions_halfway() AT TIME ZONE 'UTC',
                       'YYYY-MM-DD'))
    END;
\endif
