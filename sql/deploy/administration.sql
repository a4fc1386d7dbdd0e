-- Deploy autoflow:administration to pg
-- requires: mail
--
-- Administration of accounts and roles by superusers, and their lists.

BEGIN;

-- The text that ?q= searches, separate from the accounts: each login rewrites
-- those, with an entry in each of their indexes, of which this one would be the
-- most expensive.
--
-- The extension's functions belong to the cluster's owner: they can't be in our
-- schema, whose functions PUBLIC may not execute.  In whatever schema it is,
-- statements only need ILIKE, which is built in.

CREATE TABLE autoflow.user_names (
    user_id  uuid NOT NULL,
    names    text NOT NULL,

    CONSTRAINT user_names_pkey PRIMARY KEY (user_id),
    CONSTRAINT user_names_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES autoflow.users ON DELETE CASCADE
);

COMMENT ON COLUMN autoflow.user_names.names IS
    'address, username and full name, a line each';

GRANT SELECT ON autoflow.user_names TO autoflow_app;

CREATE FUNCTION autoflow.users_named() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO autoflow.user_names (user_id, names)
    VALUES (NEW.id, concat_ws(E'\n', NEW.email, NEW.username, NEW.full_name))
    ON CONFLICT (user_id) DO UPDATE SET names = excluded.names;

    RETURN NULL;
END
$$;

CREATE TRIGGER users_named_new
    AFTER INSERT ON autoflow.users FOR EACH ROW
    EXECUTE FUNCTION autoflow.users_named();

CREATE TRIGGER users_named_again
    AFTER UPDATE ON autoflow.users FOR EACH ROW
    WHEN (OLD.email <> NEW.email
          OR OLD.username IS DISTINCT FROM NEW.username
          OR OLD.full_name IS DISTINCT FROM NEW.full_name)
    EXECUTE FUNCTION autoflow.users_named();

INSERT INTO autoflow.user_names (user_id, names)
SELECT id, concat_ws(E'\n', email, username, full_name)
  FROM autoflow.users;

CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;

DO $$
BEGIN
    -- what is pending in a gin index is searched from end to end
    EXECUTE format(
        'CREATE INDEX user_names_names_idx ON autoflow.user_names
             USING gin (names %s.gin_trgm_ops)
             WITH (gin_pending_list_limit = 1024)',
        (SELECT extnamespace::regnamespace
           FROM pg_extension WHERE extname = 'pg_trgm'));
END
$$;


-- One for each order of the list; null sorts first.

CREATE INDEX users_created_at_idx ON autoflow.users (created_at, id);
CREATE INDEX users_email_idx ON autoflow.users (lower(email COLLATE "C"), id);
CREATE INDEX users_username_idx
    ON autoflow.users (lower(username COLLATE "C") NULLS FIRST, id);
CREATE INDEX users_last_login_at_idx
    ON autoflow.users (last_login_at NULLS FIRST, id);

-- they are few
CREATE INDEX users_inactive_idx
    ON autoflow.users (created_at, id) WHERE NOT is_active;

GRANT INSERT (is_superuser, email_verified),
      UPDATE (username, full_name, bio, is_active, is_superuser, deleted_at)
    ON autoflow.users TO autoflow_app;
GRANT INSERT (name, description), DELETE
    ON autoflow.roles TO autoflow_app;
GRANT INSERT (user_id, role_id), DELETE
    ON autoflow.user_roles TO autoflow_app;


-- The roles for the result of a statement that changes them, and can't read
-- them yet.

CREATE FUNCTION autoflow.user_json(account autoflow.users, roles text[])
RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN row_to_json(answer)
      FROM (SELECT account.id,
                   account.email,
                   account.pending_email,
                   account.username,
                   account.full_name,
                   account.bio,
                   account.is_active,
                   account.is_superuser,
                   account.email_verified,
                   roles,
                   autoflow.rfc3339(account.created_at) AS created_at,
                   autoflow.rfc3339(account.updated_at) AS updated_at,
                   autoflow.rfc3339(account.last_login_at) AS last_login_at
           ) AS answer;
END
$$;

CREATE OR REPLACE FUNCTION autoflow.user_json(account autoflow.users)
RETURNS json
LANGUAGE plpgsql VOLATILE PARALLEL SAFE
AS $$
BEGIN
    RETURN autoflow.user_json(account, autoflow.role_names(account.id));
END
$$;

CREATE FUNCTION autoflow.role_json(role autoflow.roles) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT row_to_json(answer)
      FROM (SELECT role.id,
                   role.name,
                   role.description,
                   autoflow.rfc3339(role.created_at) AS created_at) AS answer);


-- At least one active superuser always remains: whoever removes one waits for
-- others who do, and then counts those that are left, with this function's own
-- snapshot.  The schema's owner is exempt.

CREATE FUNCTION autoflow.users_last_superuser() RETURNS trigger
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

CREATE INDEX users_superuser_idx ON autoflow.users (id)
    WHERE is_superuser AND is_active AND deleted_at IS NULL;

CREATE TRIGGER users_last_superuser
    AFTER UPDATE ON autoflow.users FOR EACH ROW
    WHEN ((OLD.is_superuser AND OLD.is_active AND OLD.deleted_at IS NULL)
          AND NOT (NEW.is_superuser AND NEW.is_active
                   AND NEW.deleted_at IS NULL)
          AND current_user = 'autoflow_app')
    EXECUTE FUNCTION autoflow.users_last_superuser();


-- An access token contains its account's roles, and must fit into a header.

CREATE FUNCTION autoflow.user_roles_bounded() RETURNS trigger
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

-- its name sorts after user_roles_added, which locks the accounts
CREATE TRIGGER user_roles_bounded
    AFTER INSERT ON autoflow.user_roles
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION autoflow.user_roles_bounded();


-- The audit's filters.  Partitions made by audit_maintain() get them, too.

CREATE INDEX audit_events_action_idx
    ON autoflow.audit_events (action, at, id);
CREATE INDEX audit_events_actor_id_idx
    ON autoflow.audit_events (actor_id, at, id);
CREATE INDEX audit_events_target_id_idx
    ON autoflow.audit_events (target_id, at, id);

-- Whether audit_maintain() has missed months.

CREATE FUNCTION autoflow.audit_is_overdue() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
RETURN EXISTS (SELECT FROM autoflow.audit_events_default);


REVOKE ALL ON FUNCTION
    autoflow.user_json(autoflow.users, text[]),
    autoflow.role_json(autoflow.roles),
    autoflow.users_named(),
    autoflow.users_last_superuser(),
    autoflow.user_roles_bounded(),
    autoflow.audit_is_overdue()
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.user_json(autoflow.users, text[]),
    autoflow.role_json(autoflow.roles),
    autoflow.audit_is_overdue()
    TO autoflow_app;


CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 4;

COMMIT;
