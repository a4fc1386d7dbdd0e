/*
 * Challenges of passkeys: sealed texts, which say for what and whom they were
 * made and when they expire, so that no row is needed until one is used.  Pure
 * C: no nginx types.
 */

#ifndef AF_TOKEN_CHALLENGE_H
#define AF_TOKEN_CHALLENGE_H

#include <stdint.h>

#include "check/uuid.h"
#include "token/seal.h"


/* seconds from a challenge to its use */
#define AF_CHALLENGE_TTL  600

/* octets of a user handle, and of its hex with the terminating zero */
#define AF_HANDLE_OCTETS  16
#define AF_HANDLE_SIZE    (2 * AF_HANDLE_OCTETS + 1)


typedef enum {
    AF_CHALLENGE_PASSKEY = 'p',    /* to make one that logs in alone */
    AF_CHALLENGE_KEY = 'k',        /* to make a second factor */
    AF_CHALLENGE_REGISTER = 'r',   /* to make one for a new account */
    AF_CHALLENGE_LOGIN = 'l',
    AF_CHALLENGE_FACTOR = 'f',     /* after the password */
    AF_CHALLENGE_REAUTH = 'a'
} af_challenge_purpose_t;


/* what isn't known is empty */

typedef struct {
    af_challenge_purpose_t  purpose;
    char                    user_id[AF_UUID_SIZE];
    char                    session_id[AF_UUID_SIZE];
    char                    handle[AF_HANDLE_SIZE];    /* in hex */
    int64_t                 expires;
} af_challenge_t;


/* Sets the handle of an account that doesn't exist yet. */
void af_challenge_handle(af_challenge_t *challenge);

/* Makes a challenge, which expires as it says. */
void af_challenge_make(const af_purpose_keys_t *keys,
    const af_challenge_t *challenge, char sealed[AF_SEALED_SIZE]);

/* Opens a challenge: 0; -1: it is none of ours, or has expired. */
int af_challenge_open(const af_purpose_keys_t *keys, const char *sealed,
    size_t len, int64_t now, af_challenge_t *challenge);


#endif /* AF_TOKEN_CHALLENGE_H */
