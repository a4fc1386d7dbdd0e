-- Deploy autoflow:cheaper_logins to pg
-- requires: mail_purge
--
-- A login updates last_login_at, for which PostgreSQL did much in vain: it made
-- the expressions of all constraints and of all triggers of the table anew.
-- Nothing that is stored changes.  After a failure this may be deployed again.

BEGIN;

SET LOCAL lock_timeout = '5s';

-- Functions in SQL are planned with each statement that writes, to become part
-- of a constraint; those in PL/pgSQL once per connection.

CREATE OR REPLACE FUNCTION autoflow.is_text(value text, shortest integer,
    longest integer) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN char_length(value) BETWEEN shortest AND longest
       AND value COLLATE "C" !~ '[\u0001-\u0008\u000b-\u001f\u007f-\u009f]';
END
$$;

CREATE OR REPLACE FUNCTION autoflow.is_email(value text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN octet_length(value) <= 254
       AND octet_length(split_part(value, '@', 1)) <= 64
       AND value COLLATE "C" ~ (
            '^[A-Za-z0-9!#$%&''*+/=?^_`{|}~\u00a0-\U0010ffff-]'
            '(?:\.?[A-Za-z0-9!#$%&''*+/=?^_`{|}~\u00a0-\U0010ffff-])*'
            '@[A-Za-z0-9\u00a0-\U0010ffff]'
            '(?:-*[A-Za-z0-9\u00a0-\U0010ffff])*'
            '(?:\.[A-Za-z0-9\u00a0-\U0010ffff]'
            '(?:-*[A-Za-z0-9\u00a0-\U0010ffff])*)+$');
END
$$;


-- Not used by logins any more, each of which planned it.

REVOKE EXECUTE ON FUNCTION autoflow.failures(uuid, text) FROM autoflow_app;


-- Triggers that name the columns with which their condition may become true,
-- also by what earlier triggers do: if a statement sets none of them, it isn't
-- even looked at.  Not so users_epoch and users_revoked, as a login may set
-- tokens_stale_at, and users_verified_at, which looks at a row as it is.

CREATE OR REPLACE TRIGGER users_address_keys
    BEFORE UPDATE OF email, pending_email
    ON autoflow.users FOR EACH ROW
    WHEN (OLD.email <> NEW.email
          OR OLD.pending_email IS DISTINCT FROM NEW.pending_email)
    EXECUTE FUNCTION autoflow.users_address_keys();

CREATE OR REPLACE TRIGGER users_address_withdrawn
    BEFORE UPDATE OF is_active, deleted_at, token_epoch, password_hash
    ON autoflow.users FOR EACH ROW
    WHEN (NEW.pending_email IS NOT NULL
          AND ((OLD.is_active AND NOT NEW.is_active)
               OR (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
               OR OLD.token_epoch <> NEW.token_epoch
               OR (OLD.password_hash IS DISTINCT FROM NEW.password_hash
                   AND OLD.last_login_at
                       IS NOT DISTINCT FROM NEW.last_login_at)))
    EXECUTE FUNCTION autoflow.users_address_withdrawn();

CREATE OR REPLACE TRIGGER users_end_mail_tokens
    AFTER UPDATE OF email, pending_email, email_verified, password_hash,
                    is_active, deleted_at, token_epoch
    ON autoflow.users FOR EACH ROW
    WHEN ((OLD.email, OLD.pending_email, OLD.email_verified,
           OLD.password_hash, OLD.is_active, OLD.deleted_at)
          IS DISTINCT FROM
          (NEW.email, NEW.pending_email, NEW.email_verified,
           NEW.password_hash, NEW.is_active, NEW.deleted_at))
    EXECUTE FUNCTION autoflow.end_mail_tokens();

CREATE OR REPLACE TRIGGER users_forget_addresses
    AFTER UPDATE OF deleted_at
    ON autoflow.users FOR EACH ROW
    WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION autoflow.users_forget_addresses();

CREATE OR REPLACE TRIGGER users_last_superuser
    AFTER UPDATE OF is_superuser, is_active, deleted_at
    ON autoflow.users FOR EACH ROW
    WHEN ((OLD.is_superuser AND OLD.is_active AND OLD.deleted_at IS NULL)
          AND NOT (NEW.is_superuser AND NEW.is_active
                   AND NEW.deleted_at IS NULL))
    EXECUTE FUNCTION autoflow.users_last_superuser();

CREATE OR REPLACE TRIGGER users_left
    AFTER UPDATE OF deleted_at
    ON autoflow.users FOR EACH ROW
    WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION autoflow.users_left();

CREATE OR REPLACE TRIGGER users_mailbox_closed
    AFTER UPDATE OF deleted_at
    ON autoflow.users FOR EACH ROW
    WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION autoflow.users_mailbox_closed();

CREATE OR REPLACE TRIGGER users_named_again
    AFTER UPDATE OF email, username, full_name
    ON autoflow.users FOR EACH ROW
    WHEN (OLD.email <> NEW.email
          OR OLD.username IS DISTINCT FROM NEW.username
          OR OLD.full_name IS DISTINCT FROM NEW.full_name)
    EXECUTE FUNCTION autoflow.users_named();

COMMIT;
