-- Deploy autoflow:accounts to pg
-- requires: base
--
-- Constraint names are part of the module's contract, by which it chooses the
-- response: <table>_<field>_check names the invalid field.

BEGIN;

CREATE TABLE autoflow.users (
    id              uuid NOT NULL DEFAULT autoflow.uuid7(),
    email           text NOT NULL,
    pending_email   text,
    username        text,
    full_name       text,
    bio             text,
    password_hash   text NOT NULL,
    is_active       boolean NOT NULL DEFAULT true,
    is_superuser    boolean NOT NULL DEFAULT false,
    email_verified  boolean NOT NULL DEFAULT false,
    token_epoch     bigint NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    last_login_at   timestamptz,
    deleted_at      timestamptz,

    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_email_check
        CHECK (autoflow.is_email(email)),
    CONSTRAINT users_pending_email_check
        CHECK (autoflow.is_email(pending_email)),
    -- without an @, so that a username can't be someone else's address
    CONSTRAINT users_username_check
        CHECK (username COLLATE "C" ~ '^[A-Za-z0-9][A-Za-z0-9._-]{2,99}$'),
    CONSTRAINT users_full_name_check
        CHECK (autoflow.is_text(full_name, 1, 255)),
    CONSTRAINT users_bio_check
        CHECK (autoflow.is_text(bio, 0, 10000))
);

COMMENT ON COLUMN autoflow.users.token_epoch IS
    'access tokens of an earlier epoch are revoked';
COMMENT ON COLUMN autoflow.users.deleted_at IS
    'set: the account is gone, its email and username are free again';

-- The C collation only lowers ASCII, on any system: an index must not depend on
-- the version of a locale.
CREATE UNIQUE INDEX users_email_key
    ON autoflow.users (lower(email COLLATE "C")) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX users_username_key
    ON autoflow.users (lower(username COLLATE "C")) WHERE deleted_at IS NULL;

GRANT SELECT,
      INSERT (email, username, full_name, password_hash, last_login_at),
      UPDATE (password_hash, last_login_at)
    ON autoflow.users TO autoflow_app;


CREATE TABLE autoflow.roles (
    id           uuid NOT NULL DEFAULT autoflow.uuid7(),
    name         text NOT NULL,
    description  text,
    created_at   timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT roles_pkey PRIMARY KEY (id),
    CONSTRAINT roles_name_key UNIQUE (name),
    CONSTRAINT roles_name_check
        CHECK (name COLLATE "C" ~ '^[a-z0-9_:-]{1,100}$'),
    CONSTRAINT roles_description_check
        CHECK (autoflow.is_text(description, 0, 10000))
);

GRANT SELECT ON autoflow.roles TO autoflow_app;


CREATE TABLE autoflow.user_roles (
    user_id     uuid NOT NULL,
    role_id     uuid NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT user_roles_pkey PRIMARY KEY (user_id, role_id),
    CONSTRAINT user_roles_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES autoflow.users ON DELETE CASCADE,
    CONSTRAINT user_roles_role_id_fkey
        FOREIGN KEY (role_id) REFERENCES autoflow.roles ON DELETE CASCADE
);

CREATE INDEX user_roles_role_id_idx ON autoflow.user_roles (role_id);

GRANT SELECT ON autoflow.user_roles TO autoflow_app;


CREATE TABLE autoflow.profiles (
    id                   uuid NOT NULL DEFAULT autoflow.uuid7(),
    user_id              uuid NOT NULL,
    first_name           text,
    last_name            text,
    date_of_birth        date,
    gender               text,
    location_id          uuid,
    bio                  text,
    profile_picture_url  text,
    is_public            boolean NOT NULL DEFAULT false,
    allow_contact        boolean NOT NULL DEFAULT false,
    is_active            boolean NOT NULL DEFAULT true,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    deactivated_at       timestamptz,

    CONSTRAINT profiles_pkey PRIMARY KEY (id),
    CONSTRAINT profiles_user_id_key UNIQUE (user_id),
    CONSTRAINT profiles_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES autoflow.users ON DELETE CASCADE,
    CONSTRAINT profiles_first_name_check
        CHECK (autoflow.is_text(first_name, 1, 255)),
    CONSTRAINT profiles_last_name_check
        CHECK (autoflow.is_text(last_name, 1, 255)),
    CONSTRAINT profiles_gender_check
        CHECK (autoflow.is_text(gender, 1, 255)),
    CONSTRAINT profiles_bio_check
        CHECK (autoflow.is_text(bio, 0, 10000)),
    CONSTRAINT profiles_profile_picture_url_check
        CHECK (autoflow.is_text(profile_picture_url, 1, 10000)
               AND profile_picture_url COLLATE "C" ~* '^https?://[^\s]+$')
);

GRANT INSERT ON autoflow.profiles TO autoflow_app;


CREATE TABLE autoflow.sessions (
    id            uuid NOT NULL DEFAULT autoflow.uuid7(),
    user_id       uuid NOT NULL,
    device_info   text,
    ip_address    inet,
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_used_at  timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    ended_at      timestamptz,

    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES autoflow.users ON DELETE CASCADE
);

CREATE INDEX sessions_user_id_idx ON autoflow.sessions (user_id);

GRANT SELECT, INSERT ON autoflow.sessions TO autoflow_app;


CREATE TABLE autoflow.refresh_tokens (
    token_hash  bytea NOT NULL,
    session_id  uuid NOT NULL,
    issued_at   timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz,

    CONSTRAINT refresh_tokens_pkey PRIMARY KEY (token_hash),
    CONSTRAINT refresh_tokens_session_id_fkey
        FOREIGN KEY (session_id) REFERENCES autoflow.sessions ON DELETE CASCADE,
    CONSTRAINT refresh_tokens_token_hash_check
        CHECK (octet_length(token_hash) = 32)
);

COMMENT ON COLUMN autoflow.refresh_tokens.token_hash IS
    'SHA-256 of the token, which is stored nowhere';

CREATE INDEX refresh_tokens_session_id_idx
    ON autoflow.refresh_tokens (session_id);

GRANT INSERT ON autoflow.refresh_tokens TO autoflow_app;


-- These functions take the row and not its id: a statement that writes an
-- account and returns it can't read what it has just written.  PL/pgSQL caches
-- their plans; SQL functions would be planned at each call.

CREATE FUNCTION autoflow.role_names(account_id uuid) RETURNS text[]
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

CREATE FUNCTION autoflow.user_json(account autoflow.users) RETURNS json
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
                   autoflow.role_names(account.id) AS roles,
                   autoflow.rfc3339(account.created_at) AS created_at,
                   autoflow.rfc3339(account.updated_at) AS updated_at,
                   autoflow.rfc3339(account.last_login_at) AS last_login_at
           ) AS answer;
END
$$;

CREATE FUNCTION autoflow.claims_json(account autoflow.users, session uuid)
RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN row_to_json(claims)
      FROM (SELECT account.id AS sub,
                   session AS sid,
                   account.token_epoch AS epoch,
                   account.email,
                   account.email_verified,
                   autoflow.role_names(account.id) AS roles,
                   account.is_superuser
           ) AS claims;
END
$$;

REVOKE ALL ON FUNCTION
    autoflow.role_names(uuid),
    autoflow.user_json(autoflow.users),
    autoflow.claims_json(autoflow.users, uuid)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.role_names(uuid),
    autoflow.user_json(autoflow.users),
    autoflow.claims_json(autoflow.users, uuid)
    TO autoflow_app;

COMMIT;
