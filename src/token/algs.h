/*
 * The algorithms (RFC 7518, section 3.1; RFC 8037, section 3.1).  For token/
 * alone.
 */

#ifndef AF_TOKEN_ALGS_H
#define AF_TOKEN_ALGS_H

#include <openssl/core_names.h>

#include "token/material.h"


/* the paddings of RSA */
#define AF_PKCS1  OSSL_PKEY_RSA_PAD_MODE_PKCSV15
#define AF_PSS    OSSL_PKEY_RSA_PAD_MODE_PSS


typedef struct af_alg_s  af_alg_t;
typedef struct af_key_s  af_key_t;


/*
 * How a family of algorithms signs.  What a key keeps for that, such as
 * initialized contexts, is in key->state from init() to cleanup(), which is
 * called whatever init() returned.
 */

typedef struct {
    int     (*init)(af_key_t *key, const af_material_t *material);
    void    (*cleanup)(af_key_t *key);

    /* return key->size, or 0 if the library failed */
    size_t  (*sign)(af_key_t *key, unsigned char *sig,
                    const unsigned char *data, size_t len);

    /* `sig` has key->size octets */
    int     (*verify)(af_key_t *key, const unsigned char *sig,
                      const unsigned char *data, size_t len);
} af_scheme_t;


struct af_alg_s {
    const char         *name;
    af_key_kind_t       kind;
    const af_scheme_t  *scheme;
    const char         *digest;      /* OpenSSL's name */
    const char         *padding;
    size_t              secret_min;  /* octets (RFC 7518, section 3.2) */
    const char         *too_short;
};


struct af_key_s {
    const af_alg_t     *alg;
    char               *kid;
    char               *digest;      /* RFC 7638, or a MAC made with a secret */
    char               *issuer;      /* NULL: our own */
    json_t             *jwk;         /* to be published; NULL for a secret */
    size_t              size;        /* of a signature, in octets */
    void               *state;
    unsigned            explicit_kid:1;  /* configured, or the JWK's */
    unsigned            private:1;
    unsigned            signs:1;
};


extern const af_scheme_t  af_hmac_scheme;
extern const af_scheme_t  af_rsa_scheme;
extern const af_scheme_t  af_ecdsa_scheme;
extern const af_scheme_t  af_eddsa_scheme;


/* Returns NULL if there is none. */
const af_alg_t *af_alg_find(const char *name);

/* for a key without "alg": the first row of its kind */
const af_alg_t *af_alg_default(af_key_kind_t kind);


#endif /* AF_TOKEN_ALGS_H */
