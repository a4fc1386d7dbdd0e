/*
 * Signing keys (RFC 7517, RFC 7518).  Pure C: no nginx types.
 */

#ifndef AF_TOKEN_KEYS_H
#define AF_TOKEN_KEYS_H

#include <stddef.h>


/* base64url of 16 octets, the terminating zero included */
#define AF_KID_SIZE  23

/* the largest signature of any algorithm in af_algs[], in octets */
#define AF_SIGNATURE_MAX  64


typedef struct af_alg_s  af_alg_t;
typedef struct af_key_s  af_key_t;


/*
 * Makes a key from a raw secret of `len` octets for the algorithm named by
 * `alg` ("HS256").  The secret is copied.  `kid` is printable ASCII, or NULL:
 * the key is then named by a digest of itself, the same on every node that has
 * the same secret.  A key is used by one thread at a time.
 *
 * Returns the key, to be freed with af_key_free(), or NULL, with a phrase
 * that says why in *error ("the key is shorter than 32 octets").
 */
af_key_t *af_key_create(const unsigned char *secret, size_t len,
    const char *alg, const char *kid, const char **error);

void af_key_free(af_key_t *key);

/* the RFC 7518 name of the key's algorithm, and the key's own name */
const char *af_key_alg(const af_key_t *key);
const char *af_key_id(const af_key_t *key);

/*
 * Signs `len` octets.  `sig` has room for AF_SIGNATURE_MAX.
 * Returns the length of the signature, or 0 if the library failed.
 */
size_t af_key_sign(af_key_t *key, unsigned char *sig,
    const unsigned char *data, size_t len);

/* Returns 1 if `sig` is the key's signature of `data`, 0 if it is not. */
int af_key_verify(af_key_t *key, const unsigned char *sig, size_t sig_len,
    const unsigned char *data, size_t len);


#endif /* AF_TOKEN_KEYS_H */
