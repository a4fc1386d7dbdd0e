-- Verify autoflow:seals on pg

DO $$
DECLARE
    index  text;
BEGIN
    FOREACH index IN ARRAY ARRAY['factors_seal_idx', 'users_seal_idx'] LOOP
        IF NOT EXISTS (SELECT
                         FROM pg_index
                        WHERE indexrelid = to_regclass('autoflow.' || index)
                          AND indisvalid)
        THEN
            RAISE EXCEPTION 'missing index: %', index;
        END IF;
    END LOOP;
END
$$;
