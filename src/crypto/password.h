/*
 * Passwords: Argon2id by libsodium, strength by zxcvbn.  They are UTF-8, and
 * what is typed as one text is one password (NIST SP 800-63B, section 3.1.1.2):
 * hashed is its NFC.  Pure C and slow by
 * design: call these in a thread, as many at once as there are.  The process
 * has called sodium_init() before.
 */

#ifndef AF_CRYPTO_PASSWORD_H
#define AF_CRYPTO_PASSWORD_H

#include <stddef.h>
#include <sodium.h>


/* a PHC string, the terminating zero included */
#define AF_PASSWORD_HASH_SIZE  crypto_pwhash_STRBYTES

/* the most memory that a hash may take, in octets; a stored one that asks for
   more is not looked at */
#define AF_ARGON2_MEMORY_MAX   (1024 * 1024 * 1024)


typedef struct {
    size_t              memory;     /* octets */
    unsigned long long  time;       /* passes */
} af_argon2_t;


typedef enum {
    AF_PASSWORD_MATCH = 0,
    AF_PASSWORD_NEEDS_REHASH,  /* it matches; hash it again: the cost differs,
                                  or the form */
    AF_PASSWORD_MISMATCH,
    AF_PASSWORD_EXCESSIVE,     /* a mismatch: the hash asks for too much */
    AF_PASSWORD_ERROR          /* no memory */
} af_password_status_t;


/* Hashes a password into `hash`.  Returns 0, or -1 if there is no memory. */
int af_password_hash(const af_argon2_t *cost, const char *password, size_t len,
    char hash[AF_PASSWORD_HASH_SIZE]);

/*
 * Compares a password with a stored hash: its NFC, and if that is not how it
 * was typed or may have been typed when an older hash was made, those forms
 * too.  With `hash` NULL (there is no such account), not of Argon2id or of a
 * cost that no one can mean it does the work of `cost` for nothing and returns
 * a mismatch.  libsodium 1.0.18 calls a lack of memory a mismatch too.
 */
af_password_status_t af_password_verify(const af_argon2_t *cost,
    const char *hash, const char *password, size_t len);

/*
 * Returns zxcvbn's estimate of a password's entropy in bits; `words`, ending
 * with NULL, and their parts are known to whoever guesses.  `password` ends
 * with a zero; only its first 40 octets count, so that a long one may be
 * better than it is told, never worse.
 */
double af_password_strength(const char *password, const char *const *words);

/*
 * Returns 1 if the password is one of the words, or the local part of one
 * that is an e-mail address, in any case of ASCII letters.
 */
int af_password_similar(const char *password, const char *const *words);


#endif /* AF_CRYPTO_PASSWORD_H */
