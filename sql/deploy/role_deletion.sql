-- Deploy autoflow:role_deletion to pg
-- requires: addresses
--
-- Deleting a role takes constant time, however many members it has: its row is
-- marked, one revocation of its name invalidates the tokens that contain it,
-- and its memberships are deleted later, in batches.

BEGIN;

-- In the order in which the module's transactions use them, to avoid deadlocks;
-- and if a long transaction blocks us, we give up before the statements that
-- queue behind us do.

SET LOCAL lock_timeout = '3s';
LOCK TABLE autoflow.users, autoflow.user_roles, autoflow.roles
    IN ACCESS EXCLUSIVE MODE;

ALTER TABLE autoflow.roles
    ADD COLUMN deleted_at    timestamptz,
    ADD COLUMN deleted_name  text,
    ADD COLUMN free_at       timestamptz,
    ADD CONSTRAINT roles_deleted_check
        CHECK (num_nulls(deleted_at, deleted_name, free_at) IN (0, 3));

COMMENT ON COLUMN autoflow.roles.deleted_at IS
    'set: the role is gone, but for its name and its memberships';
COMMENT ON COLUMN autoflow.roles.deleted_name IS
    'its name; the column name then has one that nobody can ask for';
COMMENT ON COLUMN autoflow.roles.free_at IS
    'when another role may have that name';

CREATE INDEX roles_deleted_name_idx ON autoflow.roles (deleted_name)
    WHERE deleted_at IS NOT NULL;


-- Marking a role as deleted, also manually, is enough.  No statement of any
-- version of the module finds it by its name any more.

CREATE FUNCTION autoflow.roles_deleted() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.deleted_name := OLD.name;
    NEW.name := 'deleted:' || gen_random_uuid();
    NEW.free_at := coalesce(NEW.free_at,
                            clock_timestamp() + interval '1 day 10 minutes');
    RETURN NEW;
END
$$;

CREATE TRIGGER roles_deleted
    BEFORE UPDATE ON autoflow.roles FOR EACH ROW
    WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION autoflow.roles_deleted();


-- The key of a role's name among revocations.  src/shm/zone.c derives the same
-- UUID from a name.

CREATE FUNCTION autoflow.role_subject(name text) RETURNS uuid
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN encode(substring(sha256(convert_to('autoflow role ' || name, 'UTF8'))
                        FROM 1 FOR 16),
              'hex')::uuid;


-- The revocation of a deleted role.  Its epoch is a time: the least "iat" of a
-- token that may contain the name again.  A token's "iat" is the start of the
-- transaction that issued it, which may have read the role until this one
-- committed: it has a minute for that, should the commit wait for a standby.
--
-- It lasts as long as a token that contains the role, and for at least a day,
-- whatever the lifetime of tokens was before the last reload; purge_roles()
-- checks for longer ones.

CREATE FUNCTION autoflow.role_revocation(role autoflow.roles,
    OUT subject uuid, OUT least_epoch bigint, OUT at timestamptz,
    OUT until timestamptz)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    subject := autoflow.role_subject(role.deleted_name);
    at := clock_timestamp() + interval '1 minute';
    least_epoch := ceil(extract(epoch FROM at));
    until := greatest(role.free_at, at + interval '1 day 10 minutes');
END
$$;


-- Like revoke(), for another time than the current one.

CREATE FUNCTION autoflow.revoke(subject uuid, least_epoch bigint,
    at timestamptz, until timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r  autoflow.revocations;
BEGIN
    INSERT INTO autoflow.revocations AS old
           (subject_id, epoch, revoked_at, expires_at)
    VALUES (subject, least_epoch, at, until)
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

CREATE OR REPLACE FUNCTION autoflow.revoke(subject uuid, least_epoch bigint,
    until timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    until := until + interval '10 minutes';

    IF until > now() THEN   -- else its tokens have expired, or there are none
        PERFORM autoflow.revoke(subject, least_epoch, clock_timestamp(), until);
    END IF;
END
$$;


-- The previous version doesn't know revoked roles.  If there are few members
-- their epochs rise, too, so that its nodes refuse these tokens; but not for
-- accounts that are locked now, to wait for nobody.  To be removed when no node
-- of version 0.1 is left.

CREATE FUNCTION autoflow.revoke_members(role uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    few       CONSTANT integer := 100;
    accounts  CONSTANT uuid[] := ARRAY(SELECT user_id
                                         FROM autoflow.user_roles
                                        WHERE role_id = role
                                        LIMIT few + 1);
BEGIN
    IF cardinality(accounts) <= few THEN
        UPDATE autoflow.users
           SET tokens_stale_at = clock_timestamp()
         WHERE id IN (SELECT id
                        FROM autoflow.users
                       WHERE id = ANY (accounts)
                         FOR NO KEY UPDATE SKIP LOCKED);
    END IF;
END
$$;


-- Deferred: just before the deletion is visible to everyone.

CREATE FUNCTION autoflow.roles_revoked() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM autoflow.revoke(subject, least_epoch, at, until)
       FROM autoflow.role_revocation(NEW);
    PERFORM autoflow.revoke_members(NEW.id);

    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER roles_revoked
    AFTER UPDATE ON autoflow.roles DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION autoflow.roles_revoked();

CREATE CONSTRAINT TRIGGER roles_revoked_new
    AFTER INSERT ON autoflow.roles DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION autoflow.roles_revoked();


-- The name isn't free while there may be tokens that contain it: whoever
-- verifies them only with the key would accept them for the new role.  With a
-- snapshot of its own: an insert that waited for the name sees why it got it.

CREATE FUNCTION autoflow.roles_name_held() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    free  CONSTANT timestamptz := (SELECT max(free_at)
                                     FROM autoflow.roles
                                    WHERE deleted_at IS NOT NULL
                                      AND deleted_name = NEW.name);
BEGIN
    IF free > clock_timestamp() THEN
        RAISE EXCEPTION 'a role "%" was deleted: its name is free at %',
                        NEW.name, free
            USING ERRCODE = 'unique_violation',
                  TABLE = 'roles',
                  CONSTRAINT = 'roles_name_key';
    END IF;

    RETURN NULL;
END
$$;

CREATE TRIGGER roles_name_held_new
    AFTER INSERT ON autoflow.roles FOR EACH ROW
    WHEN (NEW.deleted_at IS NULL)
    EXECUTE FUNCTION autoflow.roles_name_held();

CREATE TRIGGER roles_name_held
    AFTER UPDATE ON autoflow.roles FOR EACH ROW
    WHEN (OLD.name <> NEW.name AND NEW.deleted_at IS NULL)
    EXECUTE FUNCTION autoflow.roles_name_held();


-- Renaming a role counts as deleting one of the old name, without members.

CREATE OR REPLACE FUNCTION autoflow.roles_renamed() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO autoflow.roles (name, deleted_at, deleted_name, free_at)
    VALUES ('deleted:' || gen_random_uuid(), now(), OLD.name,
            clock_timestamp() + interval '1 day 10 minutes');
    PERFORM autoflow.revoke_members(NEW.id);

    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER roles_renamed
    AFTER UPDATE ON autoflow.roles FOR EACH ROW
    WHEN (OLD.name <> NEW.name AND NEW.deleted_at IS NULL)
    EXECUTE FUNCTION autoflow.roles_renamed();


-- The previous version deletes the row, which would delete the memberships.  To
-- it a marked role doesn't exist: only the owner may delete the row.

CREATE FUNCTION autoflow.roles_are_gone() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF pg_has_role((SELECT relowner FROM pg_class WHERE oid = TG_RELID),
                   'USAGE')
    THEN
        RETURN OLD;
    END IF;

    RETURN NULL;
END
$$;

CREATE TRIGGER roles_are_gone
    BEFORE DELETE ON autoflow.roles FOR EACH ROW
    WHEN (OLD.deleted_at IS NOT NULL)
    EXECUTE FUNCTION autoflow.roles_are_gone();


-- Memberships of a deleted role have no effect.

CREATE OR REPLACE FUNCTION autoflow.role_names(account_id uuid) RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN ARRAY(
        SELECT r.name
          FROM autoflow.user_roles ur
          JOIN autoflow.roles r ON r.id = ur.role_id
         WHERE ur.user_id = account_id
           AND r.deleted_at IS NULL
         ORDER BY r.name COLLATE "C");
END
$$;

CREATE OR REPLACE FUNCTION autoflow.user_roles_changed() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- a role that isn't there at all was deleted with its row
    accounts  CONSTANT uuid[] := ARRAY(
        SELECT DISTINCT user_id
          FROM changed
         WHERE NOT EXISTS (SELECT
                             FROM autoflow.roles
                            WHERE id = role_id
                              AND deleted_at IS NOT NULL));
BEGIN
    IF accounts <> '{}' THEN
        PERFORM FROM autoflow.users
          WHERE id = ANY (accounts)
          ORDER BY id
            FOR NO KEY UPDATE;

        UPDATE autoflow.users
           SET tokens_stale_at = clock_timestamp()
         WHERE id = ANY (accounts);
    END IF;

    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION autoflow.user_roles_bounded() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT
                 FROM autoflow.user_roles
                 JOIN autoflow.roles r ON r.id = role_id
                WHERE user_id IN (SELECT user_id FROM added)
                  AND deleted_at IS NULL
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


-- How the module changes roles, whose rows it may not update: one is marked as
-- deleted, and its name becomes free when all tokens issued until now have
-- expired (no row: no such role); and those with some names, an array, are
-- locked, so that none is deleted before it is assigned.

CREATE FUNCTION autoflow.delete_role(role_id uuid, token_life interval,
    OUT id uuid, OUT name text, OUT revoked text) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    role  autoflow.roles;
BEGIN
    UPDATE autoflow.roles r
       SET deleted_at = now(),
           free_at = clock_timestamp() + token_life + interval '10 minutes'
     WHERE r.id = role_id
       AND deleted_at IS NULL
    RETURNING r.* INTO role;

    IF FOUND THEN
        RETURN QUERY
            SELECT role.id, role.deleted_name,
                   autoflow.revocation(subject, least_epoch, at, until)
              FROM autoflow.role_revocation(role);
    END IF;
END
$$;

CREATE FUNCTION autoflow.lock_roles(names json, OUT id uuid, OUT name text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
        SELECT r.id, r.name
          FROM autoflow.roles r
         WHERE r.name IN (SELECT json_array_elements_text(names))
           AND deleted_at IS NULL
         ORDER BY r.id
           FOR KEY SHARE;
END
$$;


-- Deletes up to a thousand memberships of one role that was marked at least a
-- minute ago, when everyone who could still see it has finished; and the rows
-- of roles without memberships whose names are free.  Returns whether there may
-- be more.
--
-- If one of these accounts has a token that outlives the name, the membership
-- is kept as long, and so is the revocation: the lifetime of tokens is up to
-- each node, and may have been different when the token was issued.

CREATE FUNCTION autoflow.purge_roles() RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    batch    CONSTANT integer := 1000;
    roles    bigint;
    members  bigint;
    role     autoflow.roles;
    free     timestamptz;
BEGIN
    DELETE FROM autoflow.roles
     WHERE id IN (SELECT id
                    FROM autoflow.roles r
                   WHERE deleted_at IS NOT NULL
                     AND free_at <= now()
                     AND NOT EXISTS (SELECT
                                       FROM autoflow.user_roles
                                      WHERE role_id = r.id)
                   LIMIT batch
                     FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS roles = ROW_COUNT;

    SELECT *
      INTO role
      FROM autoflow.roles r
     WHERE deleted_at < now() - interval '1 minute'
       AND EXISTS (SELECT
                     FROM autoflow.user_roles
                    WHERE role_id = r.id)
     ORDER BY deleted_at
     LIMIT 1
       FOR NO KEY UPDATE SKIP LOCKED;

    IF NOT FOUND THEN
        RETURN roles = batch;
    END IF;

    WITH gone AS (
        DELETE FROM autoflow.user_roles
         WHERE ctid = ANY (ARRAY(SELECT ctid
                                   FROM autoflow.user_roles
                                  WHERE role_id = role.id
                                  LIMIT batch
                                    FOR UPDATE SKIP LOCKED))
        RETURNING user_id
    )
    SELECT count(*),
           max((SELECT max(access_expires_at)
                  FROM autoflow.sessions s
                 WHERE s.user_id = gone.user_id
                   AND ended_at IS NULL)) + interval '10 minutes'
      INTO members, free
      FROM gone;

    IF free > role.free_at THEN
        UPDATE autoflow.roles
           SET free_at = free
         WHERE id = role.id
        RETURNING * INTO role;

        PERFORM autoflow.revoke(subject, least_epoch, at, until)
           FROM autoflow.role_revocation(role);
    END IF;

    RETURN roles = batch OR members > 0;
END
$$;


-- The last superuser is protected from everyone but the owner and the cluster's
-- superusers: the module may connect as a role that is granted autoflow_app.

CREATE OR REPLACE FUNCTION autoflow.users_last_superuser() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF pg_has_role((SELECT relowner FROM pg_class WHERE oid = TG_RELID),
                   'USAGE')
    THEN
        RETURN NULL;
    END IF;

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

CREATE OR REPLACE TRIGGER users_last_superuser
    AFTER UPDATE ON autoflow.users FOR EACH ROW
    WHEN ((OLD.is_superuser AND OLD.is_active AND OLD.deleted_at IS NULL)
          AND NOT (NEW.is_superuser AND NEW.is_active
                   AND NEW.deleted_at IS NULL))
    EXECUTE FUNCTION autoflow.users_last_superuser();


REVOKE ALL ON FUNCTION
    autoflow.roles_deleted(),
    autoflow.role_subject(text),
    autoflow.role_revocation(autoflow.roles),
    autoflow.revoke(uuid, bigint, timestamptz, timestamptz),
    autoflow.revoke_members(uuid),
    autoflow.roles_revoked(),
    autoflow.roles_name_held(),
    autoflow.roles_are_gone(),
    autoflow.delete_role(uuid, interval),
    autoflow.lock_roles(json),
    autoflow.purge_roles()
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.delete_role(uuid, interval),
    autoflow.lock_roles(json),
    autoflow.purge_roles()
    TO autoflow_app;


CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 8;

COMMIT;
