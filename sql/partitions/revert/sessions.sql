-- Revert autoflow_partitions:sessions from pg
--
-- The first partition becomes the table again, and gets the sessions of all others,
-- while everybody waits: so this is for when these are few.

BEGIN;

CALL autoflow.sessions_lock();

DO $$
BEGIN
    IF to_regclass('autoflow.sessions_first') IS NULL
       OR (SELECT count(*)
             FROM (SELECT FROM autoflow.sessions
                    WHERE tableoid <> 'autoflow.sessions_first'::regclass
                    LIMIT 100001) AS few) > 100000
    THEN
        RAISE EXCEPTION 'there are too many sessions in later partitions';
    END IF;
END
$$;

CALL autoflow.sessions_replace('sessions_parted',
    ARRAY['ALTER TABLE autoflow.sessions_parted
               DETACH PARTITION autoflow.sessions_first',
          'INSERT INTO autoflow.sessions_first
               SELECT * FROM autoflow.sessions_parted'],
    'sessions_first');

DROP TABLE autoflow.sessions_parted;

DROP ROUTINE autoflow.sessions_partitions(timestamptz),
             autoflow.sessions_replace(text, text[], text),
             autoflow.sessions_rename(text, text),
             autoflow.sessions_parts(),
             autoflow.sessions_users(),
             autoflow.sessions_lock(),
             autoflow.sessions_from(timestamptz);

COMMIT;

ALTER TABLE autoflow.refresh_tokens
    VALIDATE CONSTRAINT refresh_tokens_session_id_fkey;
