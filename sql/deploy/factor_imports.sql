-- Deploy autoflow:factor_imports to pg
-- requires: notices
-- requires: imports_directory
--
-- Second factors are imported and exported with their accounts.

BEGIN;

SET LOCAL lock_timeout = '5s';

ALTER TABLE autoflow.imports
    ADD COLUMN IF NOT EXISTS factors bigint NOT NULL DEFAULT 0;

COMMENT ON COLUMN autoflow.imports.factors IS
    'how many second factors the created accounts have got';


-- Adds the factors of accounts that the same transaction has created, and says
-- which can't be added, since another account has the passkey: as
-- "field code", of the factor's place in its account.  They have confirmed them
-- elsewhere.  Without an import nothing is added, as by import_preview(), which
-- the session has called for the accounts.
--
-- Rows have the account's "number" and "user_id", the "factor"'s place, and
-- columns by their names, octets in hex; or "recovery_codes", hashes in hex.
-- Seeds are sealed already: nothing here could do that.

CREATE OR REPLACE FUNCTION autoflow.import_factors(import_id uuid, rows jsonb)
RETURNS TABLE (number bigint, problem text)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
    IF import_id IS NULL THEN
        RETURN QUERY
        WITH passkey AS MATERIALIZED (
            SELECT *
              FROM jsonb_to_recordset(rows)
                   AS f (number bigint, factor integer, credential_id text)
             WHERE credential_id IS NOT NULL
        ), first AS (
            INSERT INTO pg_temp.import_seen (field, key)
            SELECT 'credential_id', credential_id
              FROM passkey p
             WHERE NOT EXISTS (SELECT
                                 FROM autoflow.factors f
                                WHERE f.credential_id =
                                      decode(p.credential_id, 'hex'))
            ON CONFLICT DO NOTHING
            RETURNING key
        ), placed AS (
            SELECT *, row_number() OVER (PARTITION BY credential_id
                                         ORDER BY number, factor) AS place
              FROM passkey
        )
        SELECT number, format('factors.%s.credential_id taken', factor)
          FROM placed
         WHERE place > 1
            OR credential_id NOT IN (SELECT key FROM first);

        RETURN;
    END IF;

    RETURN QUERY
    WITH given AS MATERIALIZED (
        SELECT *, row_number() OVER (PARTITION BY credential_id
                                     ORDER BY number, factor) AS place
          FROM jsonb_to_recordset(rows)
               AS f (number bigint, user_id uuid, factor integer, kind text,
                     name text, created_at text, last_used_at text,
                     sealed_seed text, last_step bigint, credential_id text,
                     public_key text, algorithm integer, counter bigint,
                     transports text[], user_verified boolean,
                     backup_eligible boolean, backed_up boolean,
                     attestation text, aaguid uuid, user_handle text,
                     discoverable boolean)
         WHERE kind IS NOT NULL
    ), identified AS (
        -- lists are in the order of ids, which those of a moment don't have
        SELECT id, row_number() OVER (ORDER BY id) AS n
          FROM (SELECT autoflow.uuid7() AS id FROM given) AS i
    ), timed AS MATERIALIZED (
        SELECT *,
               coalesce(autoflow.import_time(created_at), now()) AS since,
               decode(credential_id, 'hex') AS credential
          FROM (SELECT *, row_number() OVER (ORDER BY number, factor) AS n
                  FROM given) AS g
          JOIN identified USING (n)
    ), added AS (
        INSERT INTO autoflow.factors
               (id, user_id, kind, name, created_at, confirmed_at, last_used_at,
                sealed_seed, last_step, credential_id, public_key, algorithm,
                counter, transports, user_verified, backup_eligible, backed_up,
                attestation, aaguid, user_handle, discoverable)
        SELECT id, user_id, kind, name, since, since,
               autoflow.import_time(last_used_at),
               sealed_seed,
               -- a clock that was ahead there must not lock its owner out here
               CASE WHEN last_step IS NOT NULL
                    THEN least(last_step,
                               floor(extract(epoch FROM now()) / 30) + 1) END,
               credential, decode(public_key, 'hex'), algorithm, counter,
               transports, user_verified, backup_eligible, backed_up,
               attestation, aaguid, decode(user_handle, 'hex'), discoverable
          FROM timed
         WHERE credential IS NULL OR place = 1
         ORDER BY n
        ON CONFLICT (credential_id) DO NOTHING
        RETURNING user_id, credential_id
    ), counted AS (
        UPDATE autoflow.imports i
           SET factors = i.factors + (SELECT count(*) FROM added)
         WHERE i.id = import_id
    )
    SELECT number, format('factors.%s.credential_id taken', factor)
      FROM timed t
     WHERE credential IS NOT NULL
       AND (place > 1
            OR NOT EXISTS (SELECT
                             FROM added a
                            WHERE a.credential_id = t.credential));

    -- those of an account that has lost its factors would be of no use
    INSERT INTO autoflow.recovery_codes (user_id, hash)
    SELECT user_id, decode(hash, 'hex')
      FROM jsonb_to_recordset(rows) AS r (user_id uuid, recovery_codes text[]),
           unnest(recovery_codes) AS hash
     WHERE autoflow.has_factors(user_id)
    ON CONFLICT DO NOTHING;
END
$$;


CREATE OR REPLACE FUNCTION autoflow.import_end(import_id uuid)
RETURNS autoflow.imports
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
                               'factors', import.factors,
                               'known', import.known,
                               'skipped', import.skipped,
                               'refused', import.refused,
                               'by', session_user));

    RETURN import;
END
$$;


CREATE OR REPLACE FUNCTION autoflow.base64url(octets bytea) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN rtrim(translate(encode(octets, 'base64'), E'+/\n', '-_'), '=');

-- The confirmed factors of an account, in their order, as it is imported with
-- them; those of whom it has none: null.

CREATE OR REPLACE FUNCTION autoflow.export_factors(account uuid) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT json_agg(
        CASE kind
        WHEN 'totp' THEN
            json_build_object(
                'type', kind,
                'name', name,
                'sealed_secret', sealed_seed,
                'digits', 6,
                'period', 30,
                'algorithm', 'SHA1',
                'last_step', last_step,
                'created_at', autoflow.rfc3339(confirmed_at),
                'last_used_at', autoflow.rfc3339(last_used_at))
        ELSE
            json_build_object(
                'type', kind,
                'name', name,
                'credential_id', autoflow.base64url(credential_id),
                'public_key', autoflow.base64url(public_key),
                'counter', counter,
                'transports', transports,
                'user_handle', autoflow.base64url(user_handle),
                'user_verified', user_verified,
                'discoverable', discoverable,
                'backup_eligible', backup_eligible,
                'backed_up', backed_up,
                'aaguid', aaguid,
                'attestation', attestation,
                'created_at', autoflow.rfc3339(confirmed_at),
                'last_used_at', autoflow.rfc3339(last_used_at)) END
        ORDER BY id)
      FROM autoflow.factors f
     WHERE f.user_id = account
       AND confirmed_at IS NOT NULL);

-- As before, with the factors, and the recovery codes that were not used.

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
                             WHERE user_id = account.id) AS p) AS profile,
                   autoflow.export_factors(account.id) AS factors,
                   (SELECT json_agg(encode(hash, 'hex') ORDER BY hash)
                      FROM autoflow.recovery_codes c
                     WHERE c.user_id = account.id
                       AND used_at IS NULL) AS recovery_codes
           ) AS line;
END
$$;


-- As before, but of a passkey that was imported it may not be known whether it
-- can be copied: the first time that it is used says so.

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
       OR (alone AND (verified AND passkey.user_verified) IS NOT TRUE)
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
           backup_eligible = coalesce(
               f.backup_eligible, (assertion -> 'backup_eligible')::boolean),
           backed_up = (assertion -> 'backed_up')::boolean,
           discoverable = f.discoverable OR alone,
           last_used_at = now()
     WHERE f.id = factor
    RETURNING * INTO passkey;

    RETURN autoflow.passkey_methods(passkey);
END
$$;


-- Only the owner imports and exports.
REVOKE ALL ON FUNCTION
    autoflow.import_factors(uuid, jsonb),
    autoflow.base64url(bytea),
    autoflow.export_factors(uuid)
    FROM PUBLIC;

COMMIT;
