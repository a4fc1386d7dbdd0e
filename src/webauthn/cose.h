/*
 * Public keys of credentials: COSE_Key (RFC 9052, section 7; RFC 9053, section
 * 7; RFC 8230) with an algorithm, as WebAuthn has them (section 6.5.1.1).  Pure
 * C: no nginx types.
 */

#ifndef AF_WEBAUTHN_COSE_H
#define AF_WEBAUTHN_COSE_H

#include "token/keys.h"
#include "token/material.h"
#include "webauthn/cbor.h"


/* bits of an RSA modulus; a longer one takes a worker too much time */
#define AF_COSE_RSA_MAX  4096


/* rows that end with id 0, in the order in which they are asked for */

typedef struct {
    int             id;        /* COSE's */
    const char     *name;      /* JOSE's */
    af_key_kind_t   kind;
} af_cose_alg_t;


extern const af_cose_alg_t  af_cose_algs[];


/* Returns NULL if it isn't supported. */
const af_cose_alg_t *af_cose_alg_find(int64_t id);

/*
 * Reads a key, all of `octets`, and returns it, to be freed with af_key_free(),
 * with its algorithm; or NULL if it is malformed, weak or of another kind than
 * its algorithm, or if there is no memory.
 */
af_key_t *af_cose_read(const af_octets_t *octets, const af_cose_alg_t **alg);

/*
 * Whether this is a key's signature of the data in WebAuthn's form (section
 * 6.5.5): that of ECDSA is in DER.
 */
int af_cose_verify(af_key_t *key, const af_cose_alg_t *alg,
    const af_octets_t *signature, const unsigned char *data, size_t len);


#endif /* AF_WEBAUTHN_COSE_H */
