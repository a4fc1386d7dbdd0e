/*
 * The purposes of keys.  Each secret of autoflow_secret and autoflow_seal_key
 * has a key for every purpose, and each key an id, which goes with whatever is
 * made with it.  So a reader uses exactly this key, rather than trying them
 * all, except for legacy forms without ids.  Pure C: no nginx types.
 *
 * An id is four octets derived beside the key.  It reveals nothing of the
 * secret or the key, and the ids of one secret's purposes are unrelated.
 */

#ifndef AF_CRYPTO_PURPOSES_H
#define AF_CRYPTO_PURPOSES_H

#include "crypto/derive.h"


#define AF_KEY_ID_SIZE  4


/* rows of af_purposes[] */
typedef enum {
    AF_PURPOSE_REFRESH_TAG = 0,    /* its id is in refresh tokens */
    AF_PURPOSE_REFRESH_MAC,
    AF_PURPOSE_REFRESH_LEGACY,
    AF_PURPOSE_MAIL,
    AF_PURPOSE_CSRF,
    AF_PURPOSE_CURSOR,
    AF_PURPOSE_LOGIN,              /* of names that no account has */
    AF_PURPOSE_PASSWORD,           /* of keys of autoflow_seal_key */
    AF_PURPOSE_MFA,
    AF_PURPOSE_FACTOR,             /* of keys of autoflow_seal_key */
    AF_PURPOSE_CHALLENGE,
    AF_PURPOSE_ENROL,
    AF_PURPOSES
} af_purpose_t;


typedef struct {
    unsigned char      id[AF_KEY_ID_SIZE];
    af_derived_key_t   key;
} af_purpose_key_t;


/* the keys of one secret */

typedef struct {
    af_purpose_key_t   keys[AF_PURPOSES];
} af_secret_keys_t;


/* the keys of all accepted secrets; the first secret is the current one */

typedef struct {
    af_secret_keys_t  *secrets;
    size_t             n;
} af_purpose_keys_t;


/* Derives a secret's keys.  Returns 0, or -1 if there is no memory. */
int af_secret_keys_derive(const unsigned char *secret, size_t len,
    af_secret_keys_t *keys);

/*
 * Returns the index of the secret whose key for a purpose has this id, or -1.
 */
ptrdiff_t af_purpose_find(const af_purpose_keys_t *keys, af_purpose_t purpose,
    const unsigned char id[AF_KEY_ID_SIZE]);


#endif /* AF_CRYPTO_PURPOSES_H */
