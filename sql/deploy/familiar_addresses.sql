-- Deploy autoflow:familiar_addresses to pg
-- requires: administration
--
-- The addresses from which an account was used recently: guessing its passwords
-- from elsewhere must not lock its owner out.

BEGIN;

-- The part of an address that identifies a client's network.

CREATE FUNCTION autoflow.network_of(address inet) RETURNS cidr
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN network(set_masklen(address, CASE family(address) WHEN 6 THEN 64
                                                         ELSE 32 END));


CREATE TABLE autoflow.user_addresses (
    user_id  uuid NOT NULL,
    network  cidr NOT NULL,
    used_on  date NOT NULL,

    CONSTRAINT user_addresses_pkey PRIMARY KEY (user_id, network)
);

COMMENT ON TABLE autoflow.user_addresses IS
    'where an account logged in, or got a new password by a mail';
COMMENT ON COLUMN autoflow.user_addresses.used_on IS
    'last; in UTC: a day is near enough, and one write a day is enough';

GRANT SELECT ON autoflow.user_addresses TO autoflow_app;


-- From the sessions of the last month, before anything is locked.  Logins
-- meanwhile are familiar by their sessions.

INSERT INTO autoflow.user_addresses (user_id, network, used_on)
SELECT user_id, network, (used_at AT TIME ZONE 'UTC')::date
  FROM (SELECT user_id,
               autoflow.network_of(ip_address) AS network,
               max(last_used_at) AS used_at,
               row_number() OVER (PARTITION BY user_id
                                  ORDER BY max(last_used_at) DESC) AS nth
          FROM autoflow.sessions
         WHERE ip_address IS NOT NULL
           AND last_used_at > now() - interval '30 days'
         GROUP BY user_id, autoflow.network_of(ip_address)) AS used
 WHERE nth <= 32;

CREATE INDEX user_addresses_used_on_idx ON autoflow.user_addresses (used_on);


-- An account keeps the latest 32 addresses from which it was used.  The caller
-- has locked the account, or just created it.  Returns whether anything was
-- new.

CREATE FUNCTION autoflow.use_address(account uuid, address inet)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here   CONSTANT cidr := autoflow.network_of(address);
    today  CONSTANT date := (now() AT TIME ZONE 'UTC')::date;
BEGIN
    IF here IS NULL
       OR EXISTS (SELECT
                    FROM autoflow.user_addresses
                   WHERE user_id = account
                     AND network = here
                     AND used_on >= today)
    THEN
        RETURN false;
    END IF;

    INSERT INTO autoflow.user_addresses (user_id, network, used_on)
    VALUES (account, here, today)
    ON CONFLICT (user_id, network) DO UPDATE SET used_on = excluded.used_on;

    DELETE FROM autoflow.user_addresses
     WHERE user_id = account
       AND network IN (SELECT network
                         FROM autoflow.user_addresses
                        WHERE user_id = account
                          AND network <> here
                        ORDER BY used_on DESC, network
                       OFFSET 31);

    RETURN true;
END
$$;

CREATE FUNCTION autoflow.sessions_used_address() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM autoflow.use_address(NEW.user_id, NEW.ip_address);

    RETURN NULL;
END
$$;


-- Nothing unnecessary is kept of a deleted account.

CREATE FUNCTION autoflow.users_forget_addresses() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM autoflow.user_addresses WHERE user_id = NEW.id;

    RETURN NULL;
END
$$;


-- Deletes addresses that are no longer familiar, at most a thousand; returns
-- whether there may be more.

CREATE FUNCTION autoflow.purge_addresses() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    batch  CONSTANT integer := 1000;
    gone   bigint;
BEGIN
    DELETE FROM autoflow.user_addresses
     WHERE (user_id, network) IN
           (SELECT user_id, network
              FROM autoflow.user_addresses
             WHERE used_on < (now() AT TIME ZONE 'UTC')::date - 30
             LIMIT batch
               FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS gone = ROW_COUNT;

    RETURN gone = batch;
END
$$;

REVOKE ALL ON FUNCTION
    autoflow.network_of(inet),
    autoflow.use_address(uuid, inet),
    autoflow.sessions_used_address(),
    autoflow.users_forget_addresses(),
    autoflow.purge_addresses()
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.network_of(inet),
    autoflow.use_address(uuid, inet),
    autoflow.purge_addresses()
    TO autoflow_app;


CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 6;


-- What blocks writers comes last, for a moment; accounts first, as wherever
-- both are locked.  Some may have been deleted since they were read.

LOCK TABLE autoflow.users, autoflow.sessions IN SHARE ROW EXCLUSIVE MODE;

DELETE FROM autoflow.user_addresses a
 WHERE NOT EXISTS (SELECT
                     FROM autoflow.users
                    WHERE id = a.user_id
                      AND deleted_at IS NULL);

ALTER TABLE autoflow.user_addresses
    ADD CONSTRAINT user_addresses_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES autoflow.users ON DELETE CASCADE;

CREATE TRIGGER sessions_used_address
    AFTER INSERT ON autoflow.sessions FOR EACH ROW
    EXECUTE FUNCTION autoflow.sessions_used_address();

CREATE TRIGGER users_forget_addresses
    AFTER UPDATE ON autoflow.users FOR EACH ROW
    WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION autoflow.users_forget_addresses();

COMMIT;
