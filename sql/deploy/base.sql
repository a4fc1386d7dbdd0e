-- Deploy autoflow:base to pg
--
-- Roles belong to the cluster: another database may have created this one, or
-- an administrator for an owner who may not create roles.  CREATEROLE is only
-- needed otherwise.

BEGIN;

DO $$
BEGIN
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'the database''s encoding must be UTF8';
    END IF;
END
$$;

DO $$
BEGIN
    IF to_regrole('autoflow_app') IS NULL THEN
        CREATE ROLE autoflow_app LOGIN;
        ALTER ROLE autoflow_app SET search_path = '';
        ALTER ROLE autoflow_app SET statement_timeout = '5s';
        ALTER ROLE autoflow_app SET idle_in_transaction_session_timeout = '10s';
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;   -- another database's deployment was faster
END
$$;

DO $$
BEGIN
    SET LOCAL client_min_messages = warning;   -- it may have been granted
    GRANT autoflow_app TO CURRENT_USER;
EXCEPTION WHEN insufficient_privilege THEN
    NULL;   -- an administrator's role: verify tells whether they granted it
END
$$;

CREATE SCHEMA autoflow;

REVOKE ALL ON SCHEMA autoflow FROM PUBLIC;
GRANT USAGE ON SCHEMA autoflow TO autoflow_app;


-- Checked by the module before it uses a connection.  Changes that the module
-- requires replace this function; only a complete schema has version 1 or more.

CREATE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 0;


-- RFC 9562, version 7: 48 bits of milliseconds replace the first 48 bits of a
-- version 4, whose 0100 becomes 0111.

CREATE FUNCTION autoflow.uuid7() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN encode(
    set_bit(
        set_bit(
            overlay(
                uuid_send(gen_random_uuid())
                PLACING substring(
                    int8send(floor(extract(epoch FROM clock_timestamp())
                                   * 1000)::bigint)
                    FROM 3)
                FROM 1),
            52, 1),
        53, 1),
    'hex')::uuid;


CREATE FUNCTION autoflow.rfc3339(moment timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');


-- The API's field rules, for CHECK constraints.

CREATE FUNCTION autoflow.is_text(value text, shortest integer, longest integer)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN char_length(value) BETWEEN shortest AND longest
   AND value COLLATE "C" !~ '[\u0001-\u0008\u000b-\u001f\u007f-\u009f]';

-- A dot-atom, and at least two labels of letters, digits and inner hyphens;
-- beyond ASCII anything but control characters (RFC 6531).

CREATE FUNCTION autoflow.is_email(value text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN octet_length(value) <= 254
   AND octet_length(split_part(value, '@', 1)) <= 64
   AND value COLLATE "C" ~ (
        '^[A-Za-z0-9!#$%&''*+/=?^_`{|}~\u00a0-\U0010ffff-]'
        '(?:\.?[A-Za-z0-9!#$%&''*+/=?^_`{|}~\u00a0-\U0010ffff-])*'
        '@[A-Za-z0-9\u00a0-\U0010ffff]'
        '(?:-*[A-Za-z0-9\u00a0-\U0010ffff])*'
        '(?:\.[A-Za-z0-9\u00a0-\U0010ffff]'
        '(?:-*[A-Za-z0-9\u00a0-\U0010ffff])*)+$');


REVOKE ALL ON ALL FUNCTIONS IN SCHEMA autoflow FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA autoflow TO autoflow_app;

COMMIT;
