/*
 * What whoever has given a right password gets instead of a session, if a
 * second factor is missing, to give it or to enrol one: a sealed text with the
 * account, when the token expires, and a hash of the stored password hash, so
 * that a new password ends it.  And how the seeds of factors are sealed: with
 * the account, so that a seed is of no use in another one's row.  Pure C: no
 * nginx types.
 */

#ifndef AF_TOKEN_MFA_H
#define AF_TOKEN_MFA_H

#include <stdint.h>

#include "check/uuid.h"
#include "token/seal.h"


/* seconds from the password to the factor */
#define AF_MFA_TTL  600

/* of a hash of a password's hash, in hex, with the terminating zero */
#define AF_MFA_PASSWORD_SIZE  33


typedef struct {
    char  user_id[AF_UUID_SIZE];
    char  password[AF_MFA_PASSWORD_SIZE];
} af_mfa_token_t;


/*
 * Makes a token, for AF_PURPOSE_MFA or AF_PURPOSE_ENROL, at a time, in seconds;
 * `hash` is the stored password hash, NULL for none.  Returns 0, or -1 if
 * `user_id` is none.
 */
int af_mfa_token_make(const af_purpose_keys_t *keys, af_purpose_t purpose,
    const char *user_id, const char *hash, int64_t now,
    char token[AF_SEALED_SIZE]);

/* Opens a token: 0; -1: it is not one of ours; 1: it has expired. */
int af_mfa_token_open(const af_purpose_keys_t *keys, af_purpose_t purpose,
    const char *token, size_t len, int64_t now, af_mfa_token_t *mfa);

/* Whether the password hash is still the one that the token was made with. */
int af_mfa_token_matches(const af_mfa_token_t *mfa, const char *hash);

/*
 * Seals an account's seed with the first key: 0 or -1.  Opens one: the index of
 * the key that has sealed it, or -1.
 */
int af_mfa_seal(const af_purpose_keys_t *keys, const char *user_id,
    const char *seed, char sealed[AF_SEALED_SIZE]);
ptrdiff_t af_mfa_unseal(const af_purpose_keys_t *keys, const char *user_id,
    const char *sealed, size_t len, char seed[AF_SEAL_TEXT_SIZE]);


#endif /* AF_TOKEN_MFA_H */
