-- Verify autoflow:role_token_life on pg

BEGIN;

DO $$
BEGIN
    PERFORM autoflow.delete_role(NULL, interval '-1 second');
    RAISE EXCEPTION 'a role may be deleted without its revocation';
EXCEPTION WHEN invalid_parameter_value THEN
    NULL;
END
$$;

ROLLBACK;
