-- Verify autoflow:mail_purge on pg

DO $$
BEGIN
    IF NOT EXISTS (SELECT
                     FROM pg_index
                    WHERE indexrelid =
                          to_regclass('autoflow.outbox_created_at_idx')
                      AND indisvalid)
    THEN
        RAISE EXCEPTION 'missing index: outbox_created_at_idx';
    END IF;
END
$$;
