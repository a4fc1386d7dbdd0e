/*
 * The keys of a server, in the order in which they were given: the first that
 * signs is the one that does.  Pure C: no nginx types.
 */

#ifndef AF_TOKEN_KEYRING_H
#define AF_TOKEN_KEYRING_H

#include "token/keys.h"


/* keys of a published set that are looked at, the first ones */
#define AF_PUBLISHED_MAX  64


typedef struct af_keyring_s {
    af_key_t  **keys;          /* ends with NULL */
    size_t      nkeys;
} af_keyring_t;


typedef struct {
    const char  *reason;       /* "the PEM is malformed" */
    size_t       index;        /* of a JWK Set's keys, from 1; 0: of no set */
} af_keyring_error_t;


/* is told of a key of a JWK Set that is of no use, and skipped */
typedef void (*af_keyring_skip_pt)(void *data,
    const af_keyring_error_t *error);


/* Returns NULL if there is no memory. */
af_keyring_t *af_keyring_create(void);

void af_keyring_free(af_keyring_t *ring);

/*
 * Adds what a text holds: PEM, a JWK or a JWK Set, or if it is neither the
 * octets of a secret.  What the options and a JWK say must agree.  In a set,
 * keys that are well but of no use to us are skipped (RFC 7517, section 5),
 * of which `skip` is told; bad ones are errors, and so is a set of which
 * nothing is left.  Several keys may share a kid; a key that is there already,
 * of the same issuer and by the same name, is an error.
 *
 * Returns 0, or -1 with *error; then the ring is only good for being freed.
 */
int af_keyring_add(af_keyring_t *ring, const char *text, size_t len,
    const af_key_options_t *options, af_keyring_skip_pt skip, void *data,
    af_keyring_error_t *error);

/*
 * Adds the public keys of a JWK Set that its issuer publishes; a text that is
 * anything else is refused.  Whatever can't be used is skipped, broken keys
 * too: they are not ours to mend.  So are secrets and private keys, as what is
 * published is no secret, and anybody could make tokens with it.
 */
int af_keyring_add_published(af_keyring_t *ring, const char *text, size_t len,
    const af_key_options_t *options, af_keyring_skip_pt skip, void *data,
    af_keyring_error_t *error);

/* Adds a secret, whatever its octets look like. */
int af_keyring_add_secret(af_keyring_t *ring, const unsigned char *secret,
    size_t len, const af_key_options_t *options, af_keyring_error_t *error);

/* Returns the key to sign with, NULL if there is none. */
af_key_t *af_keyring_signer(const af_keyring_t *ring);

/*
 * Returns the JWK Set (RFC 7517, section 5) of our own public keys, to be
 * freed with free(), or NULL if there is no memory.
 */
char *af_keyring_jwks(const af_keyring_t *ring);


#endif /* AF_TOKEN_KEYRING_H */
