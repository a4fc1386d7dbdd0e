-- Revert autoflow:mail_purge from pg

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.mail_maintain() RETURNS bigint
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH gone AS (
        DELETE FROM autoflow.outbox
         WHERE id IN (SELECT id
                        FROM autoflow.outbox
                       WHERE created_at < now() - interval '30 days'
                       LIMIT 1000)
        RETURNING id
    )
    SELECT count(*) FROM gone
$$;

DROP INDEX autoflow.outbox_created_at_idx;

COMMIT;
