-- Revert autoflow:mail from pg

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 2;

REVOKE UPDATE (email, pending_email, email_verified)
    ON autoflow.users FROM autoflow_app;

DROP INDEX autoflow.users_pending_email_idx;
DROP FUNCTION autoflow.mail_maintain();
DROP TRIGGER users_end_mail_tokens ON autoflow.users;
DROP FUNCTION autoflow.end_mail_tokens();
DROP FUNCTION autoflow.request_mail(text, uuid, text);
DROP TABLE autoflow.outbox;
DROP FUNCTION autoflow.mail_expiry(text, timestamptz);

COMMIT;
