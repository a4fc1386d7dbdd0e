-- Deploy autoflow:mail_purge to pg
-- requires: failed_attempts
--
-- Old mails are found by an index: to find that there is none left, each round
-- has read the whole table.
--
-- Not one transaction: the index is built beside whoever writes.  After a
-- failure it may be deployed again.

DROP INDEX CONCURRENTLY IF EXISTS autoflow.outbox_created_at_idx;
CREATE INDEX CONCURRENTLY outbox_created_at_idx
    ON autoflow.outbox (created_at);


BEGIN;

-- At most a thousand, the oldest first; returns how many.

CREATE OR REPLACE FUNCTION autoflow.mail_maintain() RETURNS bigint
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH gone AS (
        DELETE FROM autoflow.outbox
         WHERE id IN (SELECT id
                        FROM autoflow.outbox
                       WHERE created_at < now() - interval '30 days'
                       ORDER BY created_at
                       LIMIT 1000)
        RETURNING id
    )
    SELECT count(*) FROM gone
$$;

COMMIT;
