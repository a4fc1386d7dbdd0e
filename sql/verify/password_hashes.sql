-- Verify autoflow:password_hashes on pg

BEGIN;

DO $$
BEGIN
    IF autoflow.password_hash_problem('secret') <> 'unknown_scheme'
       OR autoflow.password_hash_problem(
              '$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW')
          IS NOT NULL
    THEN
        RAISE EXCEPTION 'password_hash_problem() is wrong';
    END IF;
END
$$;

ROLLBACK;
