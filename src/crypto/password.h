/*
 * Passwords: Argon2id by libsodium, strength by zxcvbn.  They are UTF-8, and
 * hashed as NFC, so that it doesn't matter how they are typed (NIST SP 800-63B,
 * section 3.1.1.2).  Pure C, and slow by design: call these in threads, any
 * number at once.  sodium_init() was called before.
 */

#ifndef AF_CRYPTO_PASSWORD_H
#define AF_CRYPTO_PASSWORD_H

#include <stddef.h>
#include <sodium.h>


/* a PHC string, including the terminating zero */
#define AF_PASSWORD_HASH_SIZE  crypto_pwhash_STRBYTES

typedef struct {
    size_t              memory;     /* octets */
    unsigned long long  time;       /* passes */
} af_argon2_t;


typedef enum {
    AF_PASSWORD_MATCH = 0,
    AF_PASSWORD_NEEDS_REHASH,  /* a match of outdated cost, form or scheme */
    AF_PASSWORD_MISMATCH,
    AF_PASSWORD_EXCESSIVE,     /* a mismatch: the hash's cost is excessive */
    AF_PASSWORD_ERROR          /* no memory */
} af_password_status_t;


/* Hashes a password into `hash`.  Returns 0, or -1 if there is no memory. */
int af_password_hash(const af_argon2_t *cost, const char *password, size_t len,
    char hash[AF_PASSWORD_HASH_SIZE]);

/*
 * Compares a password with a stored hash of any scheme that hash.h knows: its
 * NFC, and, where they differ, the forms that it was typed in or may have been
 * hashed in formerly, as long as that isn't too much work.  If `hash` is NULL
 * (no such account), not such a hash, or of excessive cost, it computes a dummy
 * hash of the configured cost, and returns a mismatch.  libsodium 1.0.18
 * reports a lack of memory for Argon2 as a mismatch, too.
 */
af_password_status_t af_password_verify(const af_argon2_t *cost,
    const char *hash, const char *password, size_t len);

/*
 * Returns zxcvbn's estimate of a password's entropy in bits; the NULL-ended
 * `words` and their parts are assumed to be known to an attacker.  `password`
 * is zero-terminated; only its first 40 octets are rated, so that a long one is
 * never overrated.
 */
double af_password_strength(const char *password, const char *const *words);

/*
 * Returns 1 if the password is one of the words, or the local part of one that
 * is an email address, ignoring the case of ASCII letters.
 */
int af_password_similar(const char *password, const char *const *words);


#endif /* AF_CRYPTO_PASSWORD_H */
