-- Revert autoflow:factor_imports from pg
--
-- Factors that were imported remain.

BEGIN;

SET LOCAL lock_timeout = '5s';

DROP FUNCTION autoflow.import_factors(uuid, jsonb);

CREATE OR REPLACE FUNCTION autoflow.import_end(import_id uuid) RETURNS autoflow.imports
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    import  autoflow.imports;
BEGIN
    UPDATE autoflow.imports
       SET finished_at = now()
     WHERE id = import_id
       AND finished_at IS NULL
    RETURNING * INTO STRICT import;

    INSERT INTO autoflow.audit_events (action, target_id, details)
    VALUES ('import_finished', import.id,
            jsonb_build_object('source', import.source, 'file', import.file,
                               'created', import.created,
                               'superusers', import.superusers,
                               'known', import.known,
                               'skipped', import.skipped,
                               'refused', import.refused,
                               'by', session_user));

    RETURN import;
END
$$;

CREATE OR REPLACE FUNCTION autoflow.export_account(account autoflow.users) RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN json_strip_nulls(row_to_json(line))
      FROM (SELECT account.id,
                   account.email,
                   CASE WHEN autoflow.email_key(account.email) IS NULL
                        THEN account.email_key END AS email_key,
                   account.email_verified,
                   autoflow.rfc3339(account.verified_at) AS verified_at,
                   account.username,
                   account.full_name,
                   account.bio,
                   account.password_hash,
                   account.is_active,
                   account.is_superuser,
                   autoflow.role_names(account.id) AS roles,
                   autoflow.rfc3339(account.created_at) AS created_at,
                   autoflow.rfc3339(account.updated_at) AS updated_at,
                   autoflow.rfc3339(account.last_login_at) AS last_login_at,
                   (SELECT row_to_json(p)
                      FROM (SELECT first_name, last_name, date_of_birth,
                                   gender, bio, profile_picture_url, is_public,
                                   allow_contact,
                                   autoflow.export_location(location_id)
                                       AS location,
                                   autoflow.export_contacts(id) AS contacts,
                                   autoflow.export_jobs(id) AS jobs
                              FROM autoflow.profiles
                             WHERE user_id = account.id) AS p) AS profile
           ) AS line;
END
$$;

DROP FUNCTION autoflow.export_factors(uuid);
DROP FUNCTION autoflow.base64url(bytea);

CREATE OR REPLACE FUNCTION autoflow.use_passkey(account uuid, factor uuid,
    alone boolean, assertion jsonb, mail boolean, client_address inet,
    client_agent text, request_id text, trace_id text)
RETURNS text[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    counted   CONSTANT bigint := (assertion -> 'counter')::bigint;
    verified  CONSTANT boolean := (assertion -> 'verified')::boolean;
    passkey   autoflow.factors;
BEGIN
    SELECT *
      INTO passkey
      FROM autoflow.factors f
     WHERE f.id = factor
       AND f.user_id = account
       AND f.kind = 'webauthn'
       AND f.confirmed_at IS NOT NULL;

    IF NOT FOUND
       OR (alone AND NOT (verified AND passkey.user_verified))
       OR (assertion -> 'backup_eligible')::boolean
          <> passkey.backup_eligible
       OR NOT autoflow.use_challenge(assertion)
    THEN
        RETURN NULL;
    END IF;

    IF counted <= passkey.counter AND (counted, passkey.counter) <> (0, 0)
    THEN
        INSERT INTO autoflow.audit_events
               (action, target_id, ip_address, user_agent, request_id,
                trace_id, details)
        VALUES ('passkey_cloned', account, client_address, client_agent,
                request_id, trace_id,
                jsonb_build_object('factor', factor, 'name', passkey.name,
                                   'counter', counted,
                                   'last', passkey.counter));

        IF mail AND (passkey.clone_told_at > now() - interval '1 day')
                    IS NOT TRUE
        THEN
            UPDATE autoflow.factors f
               SET clone_told_at = now()
             WHERE f.id = factor;

            INSERT INTO autoflow.outbox
                   (kind, user_id, recipient, recipient_key)
            SELECT 'passkey_cloned', u.id, u.email, u.email_key
              FROM autoflow.users u
             WHERE u.id = account;
        END IF;

        RETURN NULL;
    END IF;

    UPDATE autoflow.factors f
       SET counter = counted,
           user_verified = f.user_verified OR verified,
           backed_up = (assertion -> 'backed_up')::boolean,
           discoverable = f.discoverable OR alone,
           last_used_at = now()
     WHERE f.id = factor;

    RETURN autoflow.passkey_methods(passkey);
END
$$;

ALTER TABLE autoflow.imports DROP COLUMN factors;

COMMIT;
