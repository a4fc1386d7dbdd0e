-- Revert autoflow:life from pg

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 3;

CREATE OR REPLACE FUNCTION autoflow.request_mail(kind text, user_id uuid, address text)
RETURNS uuid
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    lately  integer;
    again   boolean;
    mail    uuid;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended(
               'autoflow.outbox ' || lower(address COLLATE "C"), 0))
    THEN
        RETURN NULL;
    END IF;

    SELECT count(*),
           coalesce(bool_or(o.kind = request_mail.kind
                            AND o.created_at > now() - interval '1 minute'),
                    false)
      INTO lately, again
      FROM autoflow.outbox o
     WHERE lower(o.recipient COLLATE "C") = lower(address COLLATE "C")
       AND o.created_at > now() - interval '1 hour';

    IF user_id IS NULL OR again OR lately >= 5 THEN
        RETURN NULL;
    END IF;

    INSERT INTO autoflow.outbox AS o (kind, user_id, recipient)
    VALUES (request_mail.kind, request_mail.user_id, address)
    RETURNING o.id INTO mail;

    RETURN mail;
END
$$;

REVOKE UPDATE (username, full_name, bio, is_active, deleted_at)
    ON autoflow.users FROM autoflow_app;

COMMIT;
