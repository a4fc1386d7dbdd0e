-- Ends what a restored backup has revived: sessions that had ended since, browsers
-- that were remembered, tokens in mails that were used, mails that were sent.
--
-- The epoch becomes the time in seconds, which is more than any node may have
-- seen, as it only increases by changes of an account (nodes have 32 bits for
-- it: until 2106): what is revoked from now on is revoked for tokens from after
-- the backup, too, and what running nodes remember doesn't affect new tokens.
--
-- In batches, each a transaction; what is done already may be done again.

DO $$
DECLARE
    least  CONSTANT bigint :=
        floor(extract(epoch FROM clock_timestamp()));
    ids    uuid[];
    last   uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
    LOOP
        ids := ARRAY(SELECT id
                       FROM autoflow.users
                      WHERE id > last
                      ORDER BY id
                      LIMIT 1000
                        FOR NO KEY UPDATE);
        EXIT WHEN ids = '{}';
        last := ids[cardinality(ids)];

        UPDATE autoflow.users
           SET token_epoch = greatest(token_epoch + 1, least)
         WHERE id = ANY (ids);

        WITH ended AS (
            UPDATE autoflow.sessions
               SET ended_at = now(),
                   access_expires_at = '-infinity'   -- revoked with the account
             WHERE user_id = ANY (ids)
               AND ended_at IS NULL
            RETURNING user_id
        )
        INSERT INTO autoflow.audit_events (action, target_id, details)
        SELECT 'logged_out', user_id,
               jsonb_build_object('scope', 'restored', 'count', count(*))
          FROM ended
         GROUP BY user_id;

        DELETE FROM autoflow.devices
         WHERE user_id = ANY (ids);

        UPDATE autoflow.outbox
           SET used_at = now()
         WHERE user_id = ANY (ids)
           AND used_at IS NULL
           AND expires_at > now();

        COMMIT;
    END LOOP;
END
$$;

SELECT 'All sessions have ended, and links in mails are void: everybody logs in again.';
