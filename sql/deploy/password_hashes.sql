-- Deploy autoflow:password_hashes to pg
-- requires: message_lists
--
-- Which password hashes of other systems are accepted: for whoever imports
-- accounts.  The column has no such check, and may hold anything: the module
-- refuses what it can't verify.

BEGIN;

-- password_hash_problem(hash) returns null if the module can verify passwords
-- against the hash, or why it can't: 'unknown_scheme', 'malformed', or
-- 'excessive', as that would take too long or too much memory.  It judges as
-- src/crypto/schemes.c does, with the default of autoflow_password.
--
-- Work is counted in passes of Argon2 over a KiB, half a microsecond each, and
-- `weight` is that of the smallest step of a scheme.  PBKDF2 takes its steps
-- for each block of the digest, of so many octets.
--
-- In a form
--
--   %n  is a number
--   %c  bcrypt's cost
--   %b  bcrypt's salt and digest
--   %t  a salt as text
--   %s  a salt in base64, of any dialect, with or without padding
--   %d  a digest or a key, likewise, of 16 octets or more
--   %a  a salt, and %g a digest, as Argon2 has them
--   %x  a digest in hexadecimal digits
--
-- The unused bits of base64 must be zero: most texts that were cut off are
-- found out.

CREATE FUNCTION autoflow.password_hash_problem(hash text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (
    WITH schemes (family, prefix, form, weight, block) AS (
        VALUES ('argon2', '$argon2id$', 'v=19$m=%n,t=%n,p=%n$%a$%g', 1, 1),
               ('argon2', '$argon2i$', 'v=19$m=%n,t=%n,p=%n$%a$%g', 1, 1),
               ('argon2', 'argon2$argon2id$', 'v=19$m=%n,t=%n,p=%n$%a$%g', 1, 1),
               ('argon2', 'argon2$argon2i$', 'v=19$m=%n,t=%n,p=%n$%a$%g', 1, 1),

               ('bcrypt', '$2a$', '%c$%b', 100, 1),
               ('bcrypt', '$2b$', '%c$%b', 100, 1),
               ('bcrypt', '$2y$', '%c$%b', 100, 1),
               ('bcrypt', 'bcrypt$$2a$', '%c$%b', 100, 1),
               ('bcrypt', 'bcrypt$$2b$', '%c$%b', 100, 1),
               ('bcrypt', 'bcrypt$$2y$', '%c$%b', 100, 1),
               ('bcrypt', 'bcrypt_sha256$$2a$', '%c$%b', 100, 1),
               ('bcrypt', 'bcrypt_sha256$$2b$', '%c$%b', 100, 1),
               ('bcrypt', 'bcrypt_sha256$$2y$', '%c$%b', 100, 1),

               ('pbkdf2', 'pbkdf2:sha1:', '%n$%t$%x', 1, 20),
               ('pbkdf2', 'pbkdf2:sha256:', '%n$%t$%x', 1, 32),
               ('pbkdf2', 'pbkdf2:sha512:', '%n$%t$%x', 2, 64),
               ('pbkdf2', 'pbkdf2_sha1$', '%n$%t$%d', 1, 20),
               ('pbkdf2', 'pbkdf2_sha256$', '%n$%t$%d', 1, 32),
               ('pbkdf2', '$pbkdf2$', '%n$%s$%d', 1, 20),
               ('pbkdf2', '$pbkdf2-sha256$', '%n$%s$%d', 1, 32),
               ('pbkdf2', '$pbkdf2-sha256$', 'i=%n,l=%n$%s$%d', 1, 32),
               ('pbkdf2', '$pbkdf2-sha512$', '%n$%s$%d', 2, 64),
               ('pbkdf2', '$pbkdf2-sha512$', 'i=%n,l=%n$%s$%d', 2, 64),

               ('scrypt', 'scrypt:', '%n:%n:%n$%t$%x', 1, 1),
               ('scrypt', 'scrypt$', '%n$%t$%n$%n$%d', 1, 1),
               ('scrypt of a power', '$scrypt$', 'ln=%n,r=%n,p=%n$%s$%d', 1, 1),
               ('scrypt of a power', '$fbscrypt$',
                'v=1,n=%n,r=%n,p=%n,ss=%s,sk=%d$%s$%d', 1, 1)

    ), patterns AS (
        SELECT *,
               '^'
               || replace(replace(replace(replace(replace(replace(replace(
                  replace(replace(replace(
                      prefix || form,
                      '$', '[$]'),
                      '%n', '([1-9][0-9]{0,19})'),
                      '%c', '(0[4-9]|[12][0-9]|3[01])'),
                      '%b', '[./A-Za-z0-9]{53}'),
                      '%t', '[!-#%-~]{1,128}'),
                      '%s', '(?=[A-Za-z0-9+/._-]{2,86}={0,2}(?:[$,]|$))'
                            '(?:[A-Za-z0-9+/._-]{4})*'
                            '(?:[A-Za-z0-9+/._-][AQgw]'
                            '|[A-Za-z0-9+/._-]{2}[AEIMQUYcgkosw048])?={0,2}'),
                      '%d', '(?=[A-Za-z0-9+/._-]{22,86}={0,2}(?:[$,]|$))'
                            '(?:[A-Za-z0-9+/._-]{4})*'
                            '(?:[A-Za-z0-9+/._-][AQgw]'
                            '|[A-Za-z0-9+/._-]{2}[AEIMQUYcgkosw048])?={0,2}'),
                      '%a', '(?=[A-Za-z0-9+/]{11,86}(?:[$]|$))'
                            '(?:[A-Za-z0-9+/]{4})*'
                            '(?:[A-Za-z0-9+/][AQgw]'
                            '|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048])?'),
                      '%g', '(?=[A-Za-z0-9+/]{22,86}$)'
                            '(?:[A-Za-z0-9+/]{4})*'
                            '(?:[A-Za-z0-9+/][AQgw]'
                            '|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048])?'),
                      '%x', '(?:[0-9A-Fa-f]{2}){16,64}')
               || '$' AS pattern
          FROM schemes
         WHERE starts_with(hash, prefix)

    ), parsed AS (
        SELECT family, weight, block, numbers[1]::numeric AS n,
               numbers[2]::numeric AS r, numbers[3]::numeric AS p,
               CASE WHEN prefix LIKE '%:%' THEN length(digest) / 2
                    ELSE length(digest) * 3 / 4 END AS octets,
               length(key) * 3 / 4 AS key_octets
          FROM patterns
          LEFT JOIN LATERAL (
               SELECT regexp_match(hash, pattern) AS numbers,
                      substring(hash FROM '([^$=]*)=*$') AS digest,
                      substring(hash FROM ',sk=([^$=]*)') AS key) AS fields
               ON true

    ), costs AS (
        SELECT *,
               CASE family
               WHEN 'bcrypt' THEN 2 ^ n
               WHEN 'pbkdf2' THEN n * ceil(octets::numeric / block)
               WHEN 'argon2' THEN n * r
               WHEN 'scrypt' THEN n * r * p
               ELSE 2 ^ least(n, 64) * r * p
               END * weight AS work,
               CASE WHEN family = 'argon2' THEN n END AS kib
          FROM parsed

    ), problems AS (
        SELECT CASE
               WHEN n IS NULL THEN 'malformed'
               WHEN work > 4 * 1024 * 1024 OR kib > 1024 * 1024 THEN 'excessive'
               WHEN family = 'argon2' AND n < 8 * p
                    OR family = 'scrypt'
                       AND (n < 2 OR n::bigint & (n::bigint - 1) <> 0)
                    OR key_octets <> octets THEN 'malformed'
               END AS problem
          FROM costs
    )
    SELECT CASE
           WHEN count(*) = 0 THEN 'unknown_scheme'
           WHEN bool_or(problem IS NULL) THEN NULL
           WHEN bool_or(problem = 'excessive') THEN 'excessive'
           ELSE 'malformed'
           END
      FROM problems);


REVOKE ALL ON FUNCTION autoflow.password_hash_problem(text) FROM PUBLIC;


COMMENT ON COLUMN autoflow.users.password_hash IS
    'in a form that autoflow.password_hash_problem() accepts; null: the account has no password';

COMMIT;
