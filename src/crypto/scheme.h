/* What schemes.c, scan.c and compare.c share: the schemes of stored hashes. */

#ifndef AF_CRYPTO_SCHEME_H
#define AF_CRYPTO_SCHEME_H

#include "crypto/hash.h"


/* what schemes with the same parameters have in common */

typedef struct {
    double            (*work)(const af_hash_t *hash);
    int               (*valid)(const af_hash_t *hash);
    af_hash_result_t  (*compare)(const af_hash_t *hash, const char *password,
                                 size_t len);
} af_family_t;


typedef struct af_scheme_s {
    const char         *prefix;
    size_t              skip;      /* where it is as crypt(3) has it */
    const char         *form;      /* of the rest; see af_hash_scan() */
    const af_family_t  *family;
    unsigned            weight;    /* of its smallest step, as work */
    const char         *md;        /* PBKDF2's */
    unsigned            md_size;
} af_scheme_t;


/*
 * Scans what follows a hash's prefix, all of it, by a form: characters stand
 * for themselves, and
 *
 *   %n %r %p %m  are numbers; %i is one that is ignored
 *   %l           is the logarithm of n to the base 2; %c is bcrypt's, with two
 *                digits
 *   %b           bcrypt's salt and digest, which crypt(3) reads itself
 *   %t           a salt as text
 *   %s %e        a salt and a separator in base64, of any dialect, with or
 *                without padding
 *   %k %d        a key and a digest, likewise, of 16 octets or more
 *   %a %g        a salt and a digest as Argon2 has them, without padding
 *   %x           a digest in hexadecimal digits
 *
 * Returns 0, or -1 if the string hasn't that form.
 */
int af_hash_scan(af_hash_t *hash, const char *form, const char *string);


/* Each derives a digest from a password, and compares it with the stored. */
af_hash_result_t af_compare_argon2(const af_hash_t *hash, const char *password,
    size_t len);
af_hash_result_t af_compare_bcrypt(const af_hash_t *hash, const char *password,
    size_t len);
af_hash_result_t af_compare_bcrypt_sha256(const af_hash_t *hash,
    const char *password, size_t len);
af_hash_result_t af_compare_pbkdf2(const af_hash_t *hash, const char *password,
    size_t len);
af_hash_result_t af_compare_scrypt(const af_hash_t *hash, const char *password,
    size_t len);
af_hash_result_t af_compare_firebase(const af_hash_t *hash,
    const char *password, size_t len);


#endif /* AF_CRYPTO_SCHEME_H */
