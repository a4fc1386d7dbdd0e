/*
 * The keys of a server, in the order of the configuration; the first that can
 * sign is the one that does.  Pure C: no nginx types.
 */

#ifndef AF_TOKEN_KEYRING_H
#define AF_TOKEN_KEYRING_H

#include "token/keys.h"


/* only the first keys of a published set are read */
#define AF_PUBLISHED_MAX  64


typedef struct af_keyring_s {
    af_key_t  **keys;          /* ends with NULL */
    size_t      nkeys;
} af_keyring_t;


typedef struct {
    const char  *reason;       /* "the PEM is malformed" */
    size_t       index;        /* in a JWK Set, from 1; 0: in no set */
} af_keyring_error_t;


/* called for each skipped key of a JWK Set */
typedef void (*af_keyring_skip_pt)(void *data,
    const af_keyring_error_t *error);


/* Returns NULL if there is no memory. */
af_keyring_t *af_keyring_create(void);

void af_keyring_free(af_keyring_t *ring);

/*
 * Adds keys from a text: PEM, a JWK or a JWK Set; anything else is a secret.
 * Options must agree with those of a JWK.  In a set, valid keys that are of no
 * use to us are skipped (RFC 7517, section 5) and reported to `skip`; invalid
 * ones are errors, and so is a set with no keys left.  Several keys may share a
 * kid; a key that is already there, with the same issuer and kid, is an error.
 *
 * Returns 0, or -1 with *error; then the ring may only be freed.
 */
int af_keyring_add(af_keyring_t *ring, const char *text, size_t len,
    const af_key_options_t *options, af_keyring_skip_pt skip, void *data,
    af_keyring_error_t *error);

/*
 * Adds the public keys of a JWK Set published by its issuer; any other text is
 * rejected.  Whatever can't be used is skipped, including invalid keys, which
 * are not ours to fix, and secrets and private keys, with which anybody could
 * make tokens once they are published.
 */
int af_keyring_add_published(af_keyring_t *ring, const char *text, size_t len,
    const af_key_options_t *options, af_keyring_skip_pt skip, void *data,
    af_keyring_error_t *error);

/* Adds a secret, whatever its octets look like. */
int af_keyring_add_secret(af_keyring_t *ring, const unsigned char *secret,
    size_t len, const af_key_options_t *options, af_keyring_error_t *error);

/* Returns the key to sign with, or NULL. */
af_key_t *af_keyring_signer(const af_keyring_t *ring);

/*
 * Returns the JWK Set (RFC 7517, section 5) of our own public keys, to be
 * freed with free(), or NULL if there is no memory.
 */
char *af_keyring_jwks(const af_keyring_t *ring);


#endif /* AF_TOKEN_KEYRING_H */
