/*
 * A key, with its algorithm, its kid and its use.  Pure C: no nginx types.
 * sodium_init() was called before.
 */

#ifndef AF_TOKEN_KEYS_H
#define AF_TOKEN_KEYS_H

#include <stddef.h>
#include <jansson.h>


/* octets of the largest signature of any algorithm: RSA with 8192 bits */
#define AF_SIGNATURE_MAX  1024

/* characters of a kid, which is in every token */
#define AF_KID_MAX  256


typedef struct af_key_s  af_key_t;

struct af_material_s;


/*
 * A key that can sign also verifies.  By default a key does all it can; one
 * that only verifies is being introduced or retired, or another issuer's.
 */

typedef enum {
    AF_USE_DEFAULT = 0,
    AF_USE_SIGN,               /* an error if it can't */
    AF_USE_VERIFY
} af_use_t;


/* a key's options, which are copied */

typedef struct {
    const char  *alg;          /* "RS256"; NULL: its kind's default */
    const char  *kid;          /* printable ASCII; NULL: derived from the key */
    const char  *issuer;       /* of another issuer's key, which never signs */
    af_use_t     use;
} af_key_options_t;


/*
 * Makes a key with exactly one algorithm: it doesn't verify other algorithms'
 * tokens.  Without a kid it has its thumbprint (RFC 7638), or for a secret a
 * MAC made with it: the same on every node.  A key may be used by one thread at
 * a time.
 *
 * Returns the key, to be freed with af_key_free(), or NULL, and *error says why
 * ("the secret is shorter than 32 octets").
 */
af_key_t *af_key_create(const struct af_material_s *material,
    const af_key_options_t *options, const char **error);

/* likewise from a raw secret, which is copied */
af_key_t *af_key_create_secret(const unsigned char *secret, size_t len,
    const af_key_options_t *options, const char **error);

void af_key_free(af_key_t *key);

/* the RFC 7518 name of the algorithm, and the kid */
const char *af_key_alg(const af_key_t *key);
const char *af_key_kid(const af_key_t *key);

/* whether they are the same key, with the same algorithm; kids may differ */
int af_key_is_same(const af_key_t *a, const af_key_t *b);

/* whether the kid was given, rather than derived from the key */
int af_key_has_explicit_kid(const af_key_t *key);

/* the issuer whose tokens it verifies; NULL: our own */
const char *af_key_issuer(const af_key_t *key);

/* whether it may sign; whether it must be kept secret */
int af_key_signs(const af_key_t *key);
int af_key_is_secret(const af_key_t *key);

/* the public key as a JWK (RFC 7517), owned by the key; NULL for a secret */
const json_t *af_key_jwk(const af_key_t *key);

/*
 * Signs `len` octets with a key that may sign.  `sig` has room for
 * AF_SIGNATURE_MAX.  Returns the length of the signature, or 0 if the library
 * failed.
 */
size_t af_key_sign(af_key_t *key, unsigned char *sig,
    const unsigned char *data, size_t len);

/* Returns 1 if `sig` is the key's signature of `data`, 0 if it is not. */
int af_key_verify(af_key_t *key, const unsigned char *sig, size_t sig_len,
    const unsigned char *data, size_t len);


#endif /* AF_TOKEN_KEYS_H */
