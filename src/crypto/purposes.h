/*
 * What keys are for.  Each autoflow_secret has a key for every purpose, and
 * each key an id, which goes with what is made by it.  So whoever reads that
 * takes this key, or none: it is not tried with one after the other.  Only
 * forms from before there were ids are.  Pure C: no nginx types.
 *
 * An id is four octets that are derived beside the key.  It says nothing of
 * the secret, nor of the key, and those of one secret's purposes have nothing
 * in common.
 */

#ifndef AF_CRYPTO_PURPOSES_H
#define AF_CRYPTO_PURPOSES_H

#include "crypto/derive.h"


#define AF_KEY_ID_SIZE  4


/* rows of af_purposes[] */
typedef enum {
    AF_PURPOSE_REFRESH_TAG = 0,    /* whose id refresh tokens carry */
    AF_PURPOSE_REFRESH_MAC,
    AF_PURPOSE_REFRESH_LEGACY,
    AF_PURPOSE_MAIL,
    AF_PURPOSE_CSRF,
    AF_PURPOSE_CURSOR,
    AF_PURPOSES
} af_purpose_t;


typedef struct {
    unsigned char      id[AF_KEY_ID_SIZE];
    af_derived_key_t   key;
} af_purpose_key_t;


/* one secret's */

typedef struct {
    af_purpose_key_t   keys[AF_PURPOSES];
} af_secret_keys_t;


/* all secrets' that are accepted; the first one's make what is new */

typedef struct {
    af_secret_keys_t  *secrets;
    size_t             n;
} af_purpose_keys_t;


/* Makes a secret's keys.  Returns 0, or -1 if there is no memory. */
int af_secret_keys_derive(const unsigned char *secret, size_t len,
    af_secret_keys_t *keys);

/* Which secret's key for a purpose has this id; -1: none. */
ptrdiff_t af_purpose_find(const af_purpose_keys_t *keys, af_purpose_t purpose,
    const unsigned char id[AF_KEY_ID_SIZE]);


#endif /* AF_CRYPTO_PURPOSES_H */
