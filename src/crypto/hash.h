/*
 * Stored hashes of passwords: ours, and those of other systems, as accounts
 * were imported with them.  Each scheme is a row of a table in schemes.c;
 * autoflow.password_hash_problem() has the same rows, for whoever imports.
 * Pure C.  Deriving is slow by design: do it in threads, any number at once.
 */

#ifndef AF_CRYPTO_HASH_H
#define AF_CRYPTO_HASH_H

#include <stddef.h>
#include <stdint.h>


/*
 * The memory that verifying a hash may take, in octets.  libsodium's Argon2 and
 * scrypt, which need most of it, free it at once.
 */
#define AF_HASH_MEMORY_MAX  (1024 * 1024 * 1024)

/*
 * The work that it may take, in passes of Argon2 over a KiB: each is about half
 * a microsecond.  A manipulated database, or whoever writes what is imported,
 * must not block a thread for minutes.
 */
#define AF_HASH_WORK_MAX    (4 * 1024 * 1024)

/* a digest or a key: 64 octets, or 86 characters of base64 */
#define AF_HASH_DIGEST_MAX  64

/* a salt, which may be text */
#define AF_HASH_SALT_MAX    128


typedef enum {
    AF_HASH_VALID = 0,
    AF_HASH_UNKNOWN,
    AF_HASH_MALFORMED,
    AF_HASH_EXCESSIVE          /* it would cost too much */
} af_hash_problem_t;


typedef enum {
    AF_HASH_MATCH = 0,
    AF_HASH_MISMATCH,
    AF_HASH_ERROR              /* no memory */
} af_hash_result_t;


typedef struct {
    size_t         len;
    unsigned char  octets[AF_HASH_SALT_MAX];
} af_hash_part_t;


/* one that was parsed; what a scheme doesn't have is 0, and empty */

typedef struct af_hash_s {
    const struct af_scheme_s  *scheme;
    const char                *crypt;      /* of Argon2, bcrypt: as crypt(3) */

    /* a larger number is this maximum, which is excessive, too */
    uint32_t                   n;          /* iterations, or passes */
    uint32_t                   r;          /* scrypt's block */
    uint32_t                   p;          /* lanes */
    uint32_t                   memory;     /* of Argon2, in KiB */
    uint32_t                   ignored;

    af_hash_part_t             salt;
    af_hash_part_t             separator;  /* follows the salt */
    af_hash_part_t             key;
    af_hash_part_t             digest;

    double                     work;       /* as AF_HASH_WORK_MAX */
} af_hash_t;


/*
 * Parses a hash, which must remain while the result is used, and tells whether
 * it may be compared: with work of up to `most`.
 */
af_hash_problem_t af_hash_parse(af_hash_t *hash, const char *string,
    double most);

/* Compares a password of any octets. */
af_hash_result_t af_hash_compare(const af_hash_t *hash, const char *password,
    size_t len);


#endif /* AF_CRYPTO_HASH_H */
