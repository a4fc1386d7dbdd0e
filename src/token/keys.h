/*
 * A key, with its algorithm, its name and what it may be used for.  Pure C:
 * no nginx types.  The process has called sodium_init() before.
 */

#ifndef AF_TOKEN_KEYS_H
#define AF_TOKEN_KEYS_H

#include <stddef.h>
#include <jansson.h>


/* the largest signature of any algorithm, in octets: RSA's, of 8192 bits */
#define AF_SIGNATURE_MAX  1024

/* characters of a kid, which is in every token */
#define AF_KID_MAX  256


typedef struct af_key_s  af_key_t;

struct af_material_s;


/*
 * A key that can sign also verifies.  By default it does both if it can; one
 * that verifies only is on its way in or out, or not ours.
 */

typedef enum {
    AF_USE_DEFAULT = 0,
    AF_USE_SIGN,               /* refused if it can't */
    AF_USE_VERIFY
} af_use_t;


/* what is said of a key; it is copied */

typedef struct {
    const char  *alg;          /* "RS256"; NULL: the first of its kind */
    const char  *kid;          /* printable ASCII; NULL: made of the key */
    const char  *issuer;       /* of another's key, which never signs */
    af_use_t     use;
} af_key_options_t;


/*
 * Makes a key.  It has exactly one algorithm: a token signed by another one
 * is not signed by this key.  Without a kid its name is its thumbprint (RFC
 * 7638), or of a secret a digest made with it: the same on every node.  A key
 * is used by one thread at a time.
 *
 * Returns the key, to be freed with af_key_free(), or NULL, with a phrase
 * that says why in *error ("the secret is shorter than 32 octets").
 */
af_key_t *af_key_create(const struct af_material_s *material,
    const af_key_options_t *options, const char **error);

/* the same of a raw secret, which is copied */
af_key_t *af_key_create_secret(const unsigned char *secret, size_t len,
    const af_key_options_t *options, const char **error);

void af_key_free(af_key_t *key);

/* the RFC 7518 name of the key's algorithm, and the key's own name */
const char *af_key_alg(const af_key_t *key);
const char *af_key_kid(const af_key_t *key);

/* whether two are one key, by whatever name, of one algorithm */
int af_key_is_same(const af_key_t *a, const af_key_t *b);

/* whether that name was given, and not made of the key */
int af_key_has_explicit_kid(const af_key_t *key);

/* whose tokens it verifies: NULL if they are our own */
const char *af_key_issuer(const af_key_t *key);

/* whether it may sign; whether it has something to be kept secret */
int af_key_signs(const af_key_t *key);
int af_key_is_secret(const af_key_t *key);

/* the public key as a JWK (RFC 7517), the key's own; NULL of a secret */
const json_t *af_key_jwk(const af_key_t *key);

/*
 * Signs `len` octets with a key that signs.  `sig` has room for
 * AF_SIGNATURE_MAX.  Returns the length of the signature, or 0 if the library
 * failed.
 */
size_t af_key_sign(af_key_t *key, unsigned char *sig,
    const unsigned char *data, size_t len);

/* Returns 1 if `sig` is the key's signature of `data`, 0 if it is not. */
int af_key_verify(af_key_t *key, const unsigned char *sig, size_t sig_len,
    const unsigned char *data, size_t len);


#endif /* AF_TOKEN_KEYS_H */
