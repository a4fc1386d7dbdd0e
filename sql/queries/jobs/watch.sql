-- What metrics tell about the database: the mails to be sent, of which 10,000
-- are counted, and when each job ran last.
--
-- reads
-- columns: job text, ran_at bigint, queued bigint, oldest bigint
--
-- job, ran_at      null without any; in microseconds since 1970, 0: never
-- oldest           the age of the oldest mail, in microseconds; 0: there is none

SELECT j.name AS job,
       coalesce(floor(extract(epoch FROM j.ran_at) * 1000000), 0)::bigint
           AS ran_at,
       m.queued,
       m.oldest
  FROM (SELECT count(*) AS queued,
               coalesce(floor(extract(epoch FROM now() - min(created_at))
                              * 1000000), 0)::bigint AS oldest
          FROM (SELECT created_at
                  FROM autoflow.outbox
                 WHERE sent_at IS NULL
                   AND failed_at IS NULL
                 LIMIT 10000) AS waiting) AS m
  LEFT JOIN autoflow.jobs AS j ON true;
