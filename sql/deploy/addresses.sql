-- Deploy autoflow:addresses to pg
-- requires: mail
-- requires: administration
--
-- An address identifies a mailbox, whatever its spelling.
--
-- Long operations run between short transactions, and block nobody: indexes are
-- built concurrently, existing accounts get their keys in batches.  Each
-- transaction locks one table exclusively, so that it can't deadlock with a
-- statement that uses both, and fails instead of making everyone wait for the
-- end of a dump.  After a failure the whole file may be run again.

BEGIN;

SET LOCAL lock_timeout = '5s';

-- An address's key, by which addresses are compared: in lower case, its domain
-- in the ASCII form of IDNA.  The module computes it; here it is known only for
-- ASCII domains, and null for others.

CREATE OR REPLACE FUNCTION autoflow.email_key(address text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN address COLLATE "C" ~ '@[\u0001-\u007f]+$'
            THEN lower(address COLLATE "C") END;

ALTER TABLE autoflow.users
    ADD COLUMN IF NOT EXISTS email_key          text COLLATE "C",
    ADD COLUMN IF NOT EXISTS pending_email_key  text COLLATE "C",
    ADD COLUMN IF NOT EXISTS verified_at        timestamptz,
    ADD COLUMN IF NOT EXISTS tokens_stale_at    timestamptz;

COMMENT ON COLUMN autoflow.users.email_key IS
    'what the address is compared by; without an @: another account has it';
COMMENT ON COLUMN autoflow.users.verified_at IS
    'when any address of the account was verified first; never cleared';
COMMENT ON COLUMN autoflow.users.tokens_stale_at IS
    'a change of it raises the epoch: the account''s roles are others now, or '
    'so many of its sessions have ended that each one''s tokens aren''t revoked';

COMMIT;


BEGIN;

SET LOCAL lock_timeout = '5s';

ALTER TABLE autoflow.outbox
    ADD COLUMN IF NOT EXISTS recipient_key text COLLATE "C";

COMMENT ON COLUMN autoflow.outbox.recipient_key IS
    'what the recipient is counted by';

COMMIT;


-- Replaces users_email_key at the end, and takes its name.  Once valid it
-- stays, since without it there could be keys that it doesn't allow.

SELECT 'DROP INDEX CONCURRENTLY autoflow.users_address_key'
  FROM pg_catalog.pg_index
 WHERE indexrelid = to_regclass('autoflow.users_address_key')
   AND NOT indisvalid
\gexec

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS users_address_key
    ON autoflow.users (email_key) WHERE deleted_at IS NULL;

DROP INDEX CONCURRENTLY IF EXISTS autoflow.users_pending_email_key_idx;
CREATE INDEX CONCURRENTLY users_pending_email_key_idx
    ON autoflow.users (pending_email_key)
    WHERE pending_email_key IS NOT NULL AND deleted_at IS NULL;

-- renamed to outbox_user_id_idx and outbox_recipient_idx at the end
DROP INDEX CONCURRENTLY IF EXISTS autoflow.outbox_by_user_id_idx;
CREATE INDEX CONCURRENTLY outbox_by_user_id_idx
    ON autoflow.outbox (user_id, expires_at);

DROP INDEX CONCURRENTLY IF EXISTS autoflow.outbox_by_recipient_idx;
CREATE INDEX CONCURRENTLY outbox_by_recipient_idx
    ON autoflow.outbox (recipient_key, created_at);


BEGIN;

SET LOCAL lock_timeout = '5s';


-- A statement that writes an address writes its key, too.  For others, of the
-- previous version or manual ones, the key of an ASCII domain is set here, and
-- a pending address brings its key along.  Any other has none, which a
-- constraint rejects.

CREATE OR REPLACE FUNCTION autoflow.users_address_keys() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.email_key := coalesce(autoflow.email_key(NEW.email),
                                  NEW.email_key);
        NEW.pending_email_key := coalesce(autoflow.email_key(NEW.pending_email),
                                          NEW.pending_email_key);
        RETURN NEW;
    END IF;

    IF NEW.email <> OLD.email THEN
        NEW.email_key :=
            coalesce(autoflow.email_key(NEW.email),
                     nullif(NEW.email_key, OLD.email_key),
                     CASE NEW.email WHEN OLD.pending_email
                                    THEN OLD.pending_email_key END);
    END IF;

    IF NEW.pending_email IS NULL THEN
        NEW.pending_email_key := NULL;

    ELSIF NEW.pending_email IS DISTINCT FROM OLD.pending_email THEN
        NEW.pending_email_key :=
            coalesce(autoflow.email_key(NEW.pending_email),
                     nullif(NEW.pending_email_key, OLD.pending_email_key));
    END IF;

    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER users_address_keys_new
    BEFORE INSERT ON autoflow.users FOR EACH ROW
    EXECUTE FUNCTION autoflow.users_address_keys();

CREATE OR REPLACE TRIGGER users_address_keys
    BEFORE UPDATE ON autoflow.users FOR EACH ROW
    WHEN (OLD.email <> NEW.email
          OR OLD.pending_email IS DISTINCT FROM NEW.pending_email)
    EXECUTE FUNCTION autoflow.users_address_keys();

-- An address that only changes its spelling keeps its key: a statement that
-- says so may set it.

CREATE OR REPLACE FUNCTION autoflow.users_address_keys_given() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.email_key := coalesce(NEW.email_key, OLD.email_key);

    IF NEW.pending_email IS NOT NULL THEN
        NEW.pending_email_key := coalesce(NEW.pending_email_key,
                                          OLD.pending_email_key);
    END IF;

    RETURN NEW;
END
$$;

-- its name sorts after users_address_keys
CREATE OR REPLACE TRIGGER users_address_keys_given
    BEFORE UPDATE OF email_key, pending_email_key ON autoflow.users
    FOR EACH ROW
    WHEN (NEW.email_key IS NULL OR NEW.pending_email_key IS NULL)
    EXECUTE FUNCTION autoflow.users_address_keys_given();


CREATE OR REPLACE FUNCTION autoflow.outbox_recipient_key() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.recipient_key := coalesce(
        autoflow.email_key(NEW.recipient),
        (SELECT CASE NEW.recipient WHEN email THEN email_key
                                   WHEN pending_email THEN pending_email_key
                END
           FROM autoflow.users
          WHERE id = NEW.user_id));
    RETURN NEW;
END
$$;


-- Records for good that an account has been verified.

CREATE OR REPLACE FUNCTION autoflow.users_verified_at() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.verified_at := now();
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER users_verified_at
    BEFORE INSERT OR UPDATE ON autoflow.users FOR EACH ROW
    WHEN (NEW.email_verified AND NEW.verified_at IS NULL)
    EXECUTE FUNCTION autoflow.users_verified_at();


-- A pending address was requested by someone who knew the password, so what may
-- be the owner's response to an intruder withdraws it.  Logging out everywhere
-- raises the epoch, as nothing else does by itself.  A hash that replaces
-- another one of the same password comes with the login that made it.

CREATE OR REPLACE FUNCTION autoflow.users_address_withdrawn() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.pending_email := NULL;
    NEW.pending_email_key := NULL;
    RETURN NEW;
END
$$;

-- its name sorts before users_epoch, which raises the epoch for other reasons
CREATE OR REPLACE TRIGGER users_address_withdrawn
    BEFORE UPDATE ON autoflow.users FOR EACH ROW
    WHEN (NEW.pending_email IS NOT NULL
          AND ((OLD.is_active AND NOT NEW.is_active)
               OR (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
               OR OLD.token_epoch <> NEW.token_epoch
               OR (OLD.password_hash <> NEW.password_hash
                   AND OLD.last_login_at
                       IS NOT DISTINCT FROM NEW.last_login_at)))
    EXECUTE FUNCTION autoflow.users_address_withdrawn();

CREATE OR REPLACE TRIGGER users_epoch
    BEFORE UPDATE ON autoflow.users FOR EACH ROW
    WHEN (OLD.token_epoch <> NEW.token_epoch
          OR OLD.tokens_stale_at IS DISTINCT FROM NEW.tokens_stale_at
          OR OLD.is_superuser <> NEW.is_superuser
          OR OLD.email <> NEW.email
          OR (OLD.email_verified AND NOT NEW.email_verified)
          OR (OLD.is_active AND NOT NEW.is_active)
          OR (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL))
    EXECUTE FUNCTION autoflow.users_epoch();

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


-- Changes of an account end the mails, and their tokens, that have become
-- pointless.  A reset is a new password that also raises the epoch; a changed
-- password, however many sessions end with it, and logging out everywhere leave
-- reset tokens valid, or an intruder who repeats it could keep the owner out.

CREATE OR REPLACE FUNCTION autoflow.end_mail_tokens() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE autoflow.outbox
       SET used_at = now()
     WHERE user_id = NEW.id
       AND used_at IS NULL
       AND expires_at > now()
       AND CASE
           WHEN kind IN ('reset_password', 'claim_account') THEN
               (NEW.password_hash <> OLD.password_hash
                AND NEW.token_epoch <> OLD.token_epoch
                AND NEW.tokens_stale_at IS NOT DISTINCT FROM
                    OLD.tokens_stale_at)
               OR NEW.email <> OLD.email
               OR NOT NEW.is_active
               OR NEW.deleted_at IS NOT NULL
           WHEN kind = 'change_email' THEN
               recipient IS DISTINCT FROM NEW.pending_email
           WHEN kind = 'verify_email' THEN
               NEW.deleted_at IS NOT NULL
               OR (recipient IS DISTINCT FROM NEW.pending_email
                   AND (recipient <> NEW.email OR NEW.email_verified))
           END;
    RETURN NULL;
END
$$;

-- UPDATE OF doesn't see that a trigger withdraws an address
CREATE OR REPLACE TRIGGER users_end_mail_tokens
    AFTER UPDATE ON autoflow.users
    FOR EACH ROW
    WHEN ((OLD.email, OLD.pending_email, OLD.email_verified,
           OLD.password_hash, OLD.is_active, OLD.deleted_at)
          IS DISTINCT FROM
          (NEW.email, NEW.pending_email, NEW.email_verified,
           NEW.password_hash, NEW.is_active, NEW.deleted_at))
    EXECUTE FUNCTION autoflow.end_mail_tokens();


CREATE OR REPLACE FUNCTION autoflow.mail_expiry(kind text,
    created_at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN created_at + CASE WHEN kind IN ('reset_password', 'claim_account')
                         THEN interval '1 hour'
                         ELSE interval '24 hours' END;

-- A masked address that only its owner recognizes: "a…@e….com".

CREATE OR REPLACE FUNCTION autoflow.masked_email(address text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN regexp_replace(address COLLATE "C", '^(.)[^@]*@(.).*?(\.[A-Za-z]{2,6})?$',
                      E'\\1\u2026@\\2\u2026\\3');


-- Sends a mail that anyone may request: none of its kind within a minute of the
-- last one to the address, and at most five an hour, not counting notices, or
-- else whoever knows a password could use the limit up and deny the owner a
-- reset.  Without an account it costs much the same.  Returns the mail's id, or
-- null.
--
-- What an account has sent to addresses that it wants to have is counted
-- separately, as it must not count for their owners: five an hour for each
-- account, ten for each address.
--
-- The lock is there since two concurrent requests would not see each other's
-- row; the second one gets nothing, as it would a moment later.

CREATE OR REPLACE FUNCTION autoflow.request_mail(kind text, user_id uuid,
    address text, address_key text) RETURNS uuid
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    change  CONSTANT boolean := kind = 'change_email';
    lately  integer;
    again   boolean;
    mail    uuid;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended(
               'autoflow.outbox ' || address_key, 0))
    THEN
        RETURN NULL;
    END IF;

    SELECT count(*),
           coalesce(bool_or(o.kind = request_mail.kind
                            AND (NOT change
                                 OR o.user_id = request_mail.user_id)
                            AND o.created_at > now() - interval '1 minute'),
                    false)
      INTO lately, again
      FROM autoflow.outbox o
     WHERE o.recipient_key = address_key
       AND o.kind <> 'email_changed'
       AND (o.kind = 'change_email') = change
       AND o.created_at > now() - interval '1 hour';

    IF user_id IS NULL OR again
       OR lately >= (CASE WHEN change THEN 10 ELSE 5 END)
    THEN
        RETURN NULL;
    END IF;

    -- an index knows when they expire
    IF change AND (SELECT count(*)
                     FROM autoflow.outbox o
                    WHERE o.user_id = request_mail.user_id
                      AND o.kind = 'change_email'
                      AND o.expires_at > now()
                      AND o.created_at > now() - interval '1 hour') >= 5
    THEN
        RETURN NULL;
    END IF;

    INSERT INTO autoflow.outbox AS o (kind, user_id, recipient, recipient_key)
    VALUES (request_mail.kind, request_mail.user_id, address, address_key)
    RETURNING o.id INTO mail;

    RETURN mail;
END
$$;

-- the previous version's signature

CREATE OR REPLACE FUNCTION autoflow.request_mail(kind text, user_id uuid,
    address text) RETURNS uuid
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    RETURN autoflow.request_mail(
        kind, user_id, address,
        coalesce(autoflow.email_key(address),
                 (SELECT CASE address WHEN u.email THEN u.email_key
                                      WHEN u.pending_email
                                      THEN u.pending_email_key END
                    FROM autoflow.users u
                   WHERE u.id = request_mail.user_id),
                 lower(address COLLATE "C")));
END
$$;


REVOKE ALL ON FUNCTION
    autoflow.email_key(text),
    autoflow.masked_email(text),
    autoflow.request_mail(text, uuid, text, text),
    autoflow.users_address_keys(),
    autoflow.users_address_keys_given(),
    autoflow.outbox_recipient_key(),
    autoflow.users_verified_at(),
    autoflow.users_address_withdrawn()
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.email_key(text),
    autoflow.masked_email(text),
    autoflow.request_mail(text, uuid, text, text)
    TO autoflow_app;

GRANT INSERT (email_key),
      UPDATE (email_key, pending_email_key, tokens_stale_at)
    ON autoflow.users TO autoflow_app;
GRANT INSERT (recipient_key) ON autoflow.outbox TO autoflow_app;

COMMIT;


BEGIN;

SET LOCAL lock_timeout = '5s';

-- Kinds: change_email is for an account's pending address, whose owner need not
-- be the account's; claim_account for the owner of an unverified address that
-- someone else's account has.

ALTER TABLE autoflow.outbox
    DROP CONSTRAINT outbox_kind_check,
    ADD CONSTRAINT outbox_kind_check
        CHECK (kind IN ('verify_email', 'reset_password', 'email_changed',
                        'change_email', 'claim_account')) NOT VALID;

CREATE OR REPLACE TRIGGER outbox_recipient_key
    BEFORE INSERT ON autoflow.outbox FOR EACH ROW
    WHEN (NEW.recipient_key IS NULL)
    EXECUTE FUNCTION autoflow.outbox_recipient_key();

-- by their old names: of an account, and of an address
DROP INDEX autoflow.outbox_user_id_idx, autoflow.outbox_recipient_idx;
ALTER INDEX autoflow.outbox_by_user_id_idx RENAME TO outbox_user_id_idx;
ALTER INDEX autoflow.outbox_by_recipient_idx RENAME TO outbox_recipient_idx;

COMMIT;


-- Existing accounts.  ASCII addresses first, which can't collide with each
-- other; those that are verified now, or were according to the audit log, stay
-- verified.  Accounts are locked by id, as wherever several are.

DO $$
DECLARE
    last     uuid := '00000000-0000-0000-0000-000000000000';
    batch    uuid[];
BEGIN
    LOOP
        batch := ARRAY(SELECT id
                         FROM autoflow.users
                        WHERE id > last
                        ORDER BY id
                        LIMIT 2000);
        EXIT WHEN batch = '{}';

        PERFORM FROM autoflow.users
          WHERE id = ANY (batch)
          ORDER BY id
            FOR NO KEY UPDATE;

        UPDATE autoflow.users
           SET email_key = coalesce(email_key, autoflow.email_key(email)),
               pending_email_key =
                   coalesce(pending_email_key,
                            autoflow.email_key(pending_email)),
               verified_at = coalesce(verified_at,
                                      CASE WHEN email_verified THEN now() END)
         WHERE id = ANY (batch);

        last := batch[cardinality(batch)];
        COMMIT;
    END LOOP;
END
$$;

DO $$
DECLARE
    accounts  uuid[];
    batch     uuid[];
BEGIN
    accounts := ARRAY(
        SELECT id
          FROM autoflow.users
         WHERE verified_at IS NULL
           AND id IN (SELECT target_id
                        FROM autoflow.audit_events
                       WHERE action IN ('email_verified', 'password_reset')
                          OR (action = 'email_changed'
                              AND details->>'verified' = 'true'))
         ORDER BY id);

    FOR n IN 1 .. cardinality(accounts) BY 2000 LOOP
        batch := accounts[n : n + 1999];

        PERFORM FROM autoflow.users
          WHERE id = ANY (batch)
          ORDER BY id
            FOR NO KEY UPDATE;

        UPDATE autoflow.users
           SET verified_at = now()
         WHERE id = ANY (batch)
           AND verified_at IS NULL;

        COMMIT;
    END LOOP;
END
$$;


-- The others, one by one, since no function of PostgreSQL computes their keys.
-- For what libidn2 accepts, this does much the same as libidn2 (RFC 3492).

CREATE FUNCTION pg_temp.punycode(label text) RETURNS text
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    digits     CONSTANT text := 'abcdefghijklmnopqrstuvwxyz0123456789';
    points     CONSTANT integer[] := ARRAY(
                 SELECT ascii(c)
                   FROM regexp_split_to_table(label, '')
                        WITH ORDINALITY AS t (c, n)
                  ORDER BY n);
    code       text;
    basic      integer;
    handled    integer;
    lowest     integer := 128;
    following  integer;
    point      integer;
    delta      bigint := 0;
    bias       bigint := 72;
    rest       bigint;
    k          bigint;
    t          bigint;
BEGIN
    SELECT coalesce(string_agg(chr(p), '' ORDER BY n), '')
      INTO code
      FROM unnest(points) WITH ORDINALITY AS c (p, n)
     WHERE p < 128;

    basic := length(code);
    handled := basic;

    IF basic = cardinality(points) THEN
        RETURN label;
    END IF;

    IF basic > 0 THEN
        code := code || '-';
    END IF;

    WHILE handled < cardinality(points) LOOP
        SELECT min(p) INTO following FROM unnest(points) AS p WHERE p >= lowest;
        delta := delta + (following - lowest)::bigint * (handled + 1);
        lowest := following;

        FOREACH point IN ARRAY points LOOP
            IF point < lowest THEN
                delta := delta + 1;

            ELSIF point = lowest THEN
                rest := delta;
                k := 36;

                LOOP
                    t := greatest(1, least(26, k - bias));
                    EXIT WHEN rest < t;
                    code := code || substr(digits,
                                           (t + (rest - t) % (36 - t) + 1)::int,
                                           1);
                    rest := (rest - t) / (36 - t);
                    k := k + 36;
                END LOOP;

                code := code || substr(digits, rest::int + 1, 1);

                delta := CASE WHEN handled = basic THEN delta / 700
                              ELSE delta / 2 END;
                handled := handled + 1;
                delta := delta + delta / handled;
                k := 0;

                WHILE delta > 455 LOOP
                    delta := delta / 35;
                    k := k + 36;
                END LOOP;

                bias := k + 36 * delta / (delta + 38);
                delta := 0;
            END IF;
        END LOOP;

        delta := delta + 1;
        lowest := lowest + 1;
    END LOOP;

    RETURN 'xn--' || code;
END
$$;

CREATE FUNCTION pg_temp.address_key(address text) RETURNS text
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    domain  text := normalize(split_part(address, '@', 2), NFKC);
BEGIN
    -- small letters, also in a database whose locale is C
    IF EXISTS (SELECT
                 FROM pg_catalog.pg_collation
                WHERE collname = 'und-x-icu'
                  AND collnamespace = 'pg_catalog'::regnamespace)
    THEN
        EXECUTE 'SELECT lower($1 COLLATE pg_catalog."und-x-icu")'
           INTO domain
          USING translate(domain, U&'\03A3\3002', U&'\03C3.');
    ELSE
        domain := lower(translate(domain, U&'\03A3\3002', U&'\03C3.'));
    END IF;

    RETURN lower(split_part(address, '@', 1) COLLATE "C") || '@'
           || (SELECT string_agg(pg_temp.punycode(label), '.' ORDER BY n)
                 FROM regexp_split_to_table(normalize(domain, NFKC), '\.')
                      WITH ORDINALITY AS l (label, n));
END
$$;

-- Of several addresses with one key, the verified one, or else the oldest,
-- keeps it.  The others get a key that nobody can type, so that the account can
-- be used with its username, until a superuser changes the address.

DO $$
DECLARE
    batch    uuid[];
    one      uuid;
    address  text;
    account  autoflow.users;
    other    autoflow.users;
    loser    autoflow.users;
BEGIN
    WITH locked AS MATERIALIZED (
        SELECT id
          FROM autoflow.users
         WHERE pending_email IS NOT NULL
           AND pending_email_key IS NULL
         ORDER BY id
           FOR NO KEY UPDATE
    )
    UPDATE autoflow.users u
       SET pending_email_key =
               coalesce(u.pending_email_key,
                        pg_temp.address_key(u.pending_email))
      FROM locked
     WHERE u.id = locked.id;
    COMMIT;

    LOOP
        batch := ARRAY(SELECT id
                         FROM autoflow.users
                        WHERE email_key IS NULL
                        ORDER BY id
                        LIMIT 500);
        EXIT WHEN batch = '{}';

        FOREACH one IN ARRAY batch LOOP
            COMMIT;   -- what was locked for the one before

            SELECT * INTO account FROM autoflow.users WHERE id = one;
            address := pg_temp.address_key(account.email);

            BEGIN
                PERFORM FROM autoflow.users
                  WHERE id = one
                     OR (email_key = address AND deleted_at IS NULL)
                  ORDER BY id
                    FOR NO KEY UPDATE;

                SELECT * INTO account
                  FROM autoflow.users
                 WHERE id = one
                   AND email = account.email
                   AND email_key IS NULL;
                CONTINUE WHEN NOT FOUND;   -- it has another address now

                SELECT * INTO other
                  FROM autoflow.users
                 WHERE email_key = address
                   AND deleted_at IS NULL
                   AND account.deleted_at IS NULL;

                IF FOUND THEN
                    loser := CASE
                        WHEN (other.email_verified, account.created_at,
                              account.id)
                             >= (account.email_verified, other.created_at,
                                 other.id)
                        THEN account
                        ELSE other END;

                    UPDATE autoflow.users
                       SET email_key = id::text
                     WHERE id = loser.id;

                    RAISE WARNING
                        'accounts % (%) and % (%) have one address: % lost it',
                        other.id, other.email, account.id, account.email,
                        loser.id;
                END IF;

                UPDATE autoflow.users
                   SET email_key = coalesce(email_key, address)
                 WHERE id = one;

            EXCEPTION WHEN unique_violation THEN
                NULL;   -- somebody has just got it: the next batch sees whom
            END;
        END LOOP;

        COMMIT;
    END LOOP;
END
$$;

DROP FUNCTION pg_temp.address_key(text), pg_temp.punycode(text);

-- the limits don't look further back
UPDATE autoflow.outbox o
   SET recipient_key = coalesce(
           autoflow.email_key(recipient),
           CASE recipient WHEN u.email THEN u.email_key
                          ELSE u.pending_email_key END)
  FROM autoflow.users u
 WHERE u.id = o.user_id
   AND o.created_at > now() - interval '1 hour'
   AND o.recipient_key IS NULL;


BEGIN;

SET LOCAL lock_timeout = '5s';

-- The module knows constraints by their names.

DROP INDEX autoflow.users_email_key;
ALTER INDEX autoflow.users_address_key RENAME TO users_email_key;

ALTER TABLE autoflow.users
    DROP CONSTRAINT users_email_check,
    DROP CONSTRAINT users_pending_email_check,
    ADD CONSTRAINT users_email_check
        CHECK (autoflow.is_email(email) AND email_key IS NOT NULL) NOT VALID,
    ADD CONSTRAINT users_pending_email_check
        CHECK (autoflow.is_email(pending_email)
               AND (pending_email IS NULL) = (pending_email_key IS NULL))
        NOT VALID;

COMMIT;


BEGIN;

ALTER TABLE autoflow.users
    VALIDATE CONSTRAINT users_email_check,
    VALIDATE CONSTRAINT users_pending_email_check;
ALTER TABLE autoflow.outbox VALIDATE CONSTRAINT outbox_kind_check;

CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 7;

COMMIT;
