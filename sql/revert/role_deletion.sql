-- Revert autoflow:role_deletion from pg
--
-- Deleted roles are removed with their memberships; their names are free at
-- once.

BEGIN;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 7;

LOCK TABLE autoflow.users, autoflow.user_roles, autoflow.roles
    IN ACCESS EXCLUSIVE MODE;

CREATE OR REPLACE TRIGGER users_last_superuser
    AFTER UPDATE ON autoflow.users FOR EACH ROW
    WHEN ((OLD.is_superuser AND OLD.is_active AND OLD.deleted_at IS NULL)
          AND NOT (NEW.is_superuser AND NEW.is_active
                   AND NEW.deleted_at IS NULL)
          AND current_user = 'autoflow_app')
    EXECUTE FUNCTION autoflow.users_last_superuser();

CREATE OR REPLACE FUNCTION autoflow.users_last_superuser() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock('autoflow.users'::regclass::oid::bigint);

    IF NOT EXISTS (SELECT
                     FROM autoflow.users
                    WHERE is_superuser AND is_active AND deleted_at IS NULL)
    THEN
        RAISE EXCEPTION 'there would be no active superuser any more'
            USING ERRCODE = 'check_violation',
                  TABLE = 'users',
                  CONSTRAINT = 'users_last_superuser';
    END IF;

    RETURN NULL;
END
$$;


DELETE FROM autoflow.user_roles
 WHERE role_id IN (SELECT id FROM autoflow.roles WHERE deleted_at IS NOT NULL);
DELETE FROM autoflow.roles
 WHERE deleted_at IS NOT NULL;

DROP FUNCTION autoflow.purge_roles();
DROP FUNCTION autoflow.lock_roles(json);
DROP FUNCTION autoflow.delete_role(uuid, interval);

CREATE OR REPLACE FUNCTION autoflow.user_roles_bounded() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT
                 FROM autoflow.user_roles
                WHERE user_id IN (SELECT user_id FROM added)
                GROUP BY user_id
               HAVING count(*) > 32)
    THEN
        RAISE EXCEPTION 'an account can''t have more than 32 roles'
            USING ERRCODE = 'check_violation',
                  TABLE = 'user_roles',
                  CONSTRAINT = 'user_roles_roles_check';
    END IF;

    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION autoflow.user_roles_changed() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM autoflow.users
      WHERE id IN (SELECT user_id FROM changed)
      ORDER BY id
        FOR NO KEY UPDATE;

    UPDATE autoflow.users
       SET tokens_stale_at = clock_timestamp()
     WHERE id IN (SELECT user_id FROM changed);

    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION autoflow.role_names(account_id uuid) RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN ARRAY(
        SELECT r.name
          FROM autoflow.user_roles ur
          JOIN autoflow.roles r ON r.id = ur.role_id
         WHERE ur.user_id = account_id
         ORDER BY r.name COLLATE "C");
END
$$;


DROP TRIGGER roles_are_gone ON autoflow.roles;
DROP FUNCTION autoflow.roles_are_gone();

CREATE OR REPLACE TRIGGER roles_renamed
    AFTER UPDATE ON autoflow.roles FOR EACH ROW
    WHEN (OLD.name <> NEW.name)
    EXECUTE FUNCTION autoflow.roles_renamed();

CREATE OR REPLACE FUNCTION autoflow.roles_renamed() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE autoflow.user_roles
       SET role_id = NEW.id
     WHERE role_id = NEW.id;

    RETURN NULL;
END
$$;


DROP TRIGGER roles_name_held ON autoflow.roles;
DROP TRIGGER roles_name_held_new ON autoflow.roles;
DROP FUNCTION autoflow.roles_name_held();

DROP TRIGGER roles_revoked_new ON autoflow.roles;
DROP TRIGGER roles_revoked ON autoflow.roles;
DROP FUNCTION autoflow.roles_revoked();

CREATE OR REPLACE FUNCTION autoflow.revoke(subject uuid, least_epoch bigint,
    until timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r  autoflow.revocations;
BEGIN
    until := until + interval '10 minutes';

    IF until IS NULL OR until <= now() THEN
        RETURN;   -- its tokens have expired
    END IF;

    INSERT INTO autoflow.revocations AS old
           (subject_id, epoch, revoked_at, expires_at)
    VALUES (subject, least_epoch, clock_timestamp(), until)
    ON CONFLICT (subject_id) DO UPDATE
       SET epoch = greatest(old.epoch, excluded.epoch),
           revoked_at = excluded.revoked_at,
           expires_at = greatest(old.expires_at, excluded.expires_at)
    RETURNING * INTO r;

    PERFORM pg_notify('autoflow_revocations',
                      autoflow.revocation(r.subject_id, r.epoch, r.revoked_at,
                                          r.expires_at));
END
$$;

DROP FUNCTION autoflow.revoke(uuid, bigint, timestamptz, timestamptz);
DROP FUNCTION autoflow.revoke_members(uuid);
DROP FUNCTION autoflow.role_revocation(autoflow.roles);
DROP FUNCTION autoflow.role_subject(text);

DROP TRIGGER roles_deleted ON autoflow.roles;
DROP FUNCTION autoflow.roles_deleted();

DROP INDEX autoflow.roles_deleted_name_idx;

ALTER TABLE autoflow.roles
    DROP COLUMN deleted_at,
    DROP COLUMN deleted_name,
    DROP COLUMN free_at;

COMMIT;
