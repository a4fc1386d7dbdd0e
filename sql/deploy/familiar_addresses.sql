-- Deploy autoflow:familiar_addresses to pg
-- requires: administration
--
-- From where an account was used lately: whoever tries its passwords from
-- everywhere shall not lock its owner out.

BEGIN;

-- As much of an address as one party has.

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


-- What the sessions of the last month say, before anything is locked.  Those
-- who log in meanwhile are familiar by their session.

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


-- An account keeps the 32 addresses that it was used from last.  Whoever calls
-- this has locked the account, or just made it.  Returns whether anything was
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


-- Of a deleted account nothing is kept that nobody needs.

CREATE FUNCTION autoflow.users_forget_addresses() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM autoflow.user_addresses WHERE user_id = NEW.id;

    RETURN NULL;
END
$$;


-- Deletes what is no longer familiar, at most a thousand rows at a time;
-- returns whether there may be more.

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


-- What keeps others from writing comes last, for a moment; accounts first, as
-- wherever both are locked.  Some may have been deleted since they were read.

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
