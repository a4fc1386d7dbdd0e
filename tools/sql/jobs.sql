-- Who does the jobs, when each was done, and until when nobody else does it.

\pset footer off
\pset format aligned
\pset tuples_only off

SELECT name AS job,
       holder,
       to_char(ran_at, 'YYYY-MM-DD HH24:MI:SS TZ') AS done,
       to_char(until, 'YYYY-MM-DD HH24:MI:SS TZ') AS until
  FROM autoflow.jobs
 ORDER BY name;
