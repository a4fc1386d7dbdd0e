-- Revert autoflow:openings from pg
--
-- Accounts without a password get an unknown one, which their owners can reset.

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 10;

DROP FUNCTION autoflow.mailed_json(), autoflow.refresh_problem(text);
DROP FUNCTION autoflow.claim_address(text, text, inet, text, text);
DROP FUNCTION autoflow.open_session(uuid, text[], integer, bigint, bigint,
    bigint, inet, text);

UPDATE autoflow.users SET password_hash = '*' WHERE password_hash IS NULL;

ALTER TABLE autoflow.users ALTER COLUMN password_hash SET NOT NULL;

COMMENT ON COLUMN autoflow.users.password_hash IS NULL;

CREATE OR REPLACE TRIGGER users_address_withdrawn
    BEFORE UPDATE ON autoflow.users FOR EACH ROW
    WHEN (NEW.pending_email IS NOT NULL
          AND ((OLD.is_active AND NOT NEW.is_active)
               OR (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
               OR OLD.token_epoch <> NEW.token_epoch
               OR (OLD.password_hash <> NEW.password_hash
                   AND OLD.last_login_at
                       IS NOT DISTINCT FROM NEW.last_login_at)))
    EXECUTE FUNCTION autoflow.users_address_withdrawn();

CREATE OR REPLACE FUNCTION autoflow.end_mail_tokens() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE autoflow.outbox
       SET used_at = now()
     WHERE user_id = NEW.id
       AND used_at IS NULL
       AND expires_at > now()
       AND CASE
           WHEN kind IN ('reset_password', 'claim_account') THEN
               (NEW.password_hash <> OLD.password_hash
                AND NEW.token_epoch <> OLD.token_epoch
                AND NEW.tokens_stale_at IS NOT DISTINCT FROM
                    OLD.tokens_stale_at)
               OR NEW.email <> OLD.email
               OR NOT NEW.is_active
               OR NEW.deleted_at IS NOT NULL
           WHEN kind = 'change_email' THEN
               recipient IS DISTINCT FROM NEW.pending_email
           WHEN kind = 'verify_email' THEN
               NEW.deleted_at IS NOT NULL
               OR (recipient IS DISTINCT FROM NEW.pending_email
                   AND (recipient <> NEW.email OR NEW.email_verified))
           END;
    RETURN NULL;
END
$$;

COMMIT;


BEGIN;

ALTER TABLE autoflow.sessions
    DROP COLUMN IF EXISTS aal,
    DROP COLUMN IF EXISTS amr;

COMMIT;
