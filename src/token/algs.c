/*
 * The algorithms, one per row.  "none" is not among them.
 */

#include <string.h>

#include "token/algs.h"


/* the first row of a kind is its default */

static const af_alg_t  af_algs[] = {

    { "HS256", AF_OCT, &af_hmac_scheme, "SHA256", NULL,
      32, "the secret is shorter than 32 octets" },

    { "HS384", AF_OCT, &af_hmac_scheme, "SHA384", NULL,
      48, "the secret is shorter than 48 octets" },

    { "HS512", AF_OCT, &af_hmac_scheme, "SHA512", NULL,
      64, "the secret is shorter than 64 octets" },

    { "RS256", AF_RSA, &af_rsa_scheme, "SHA256", AF_PKCS1, 0, NULL },
    { "RS384", AF_RSA, &af_rsa_scheme, "SHA384", AF_PKCS1, 0, NULL },
    { "RS512", AF_RSA, &af_rsa_scheme, "SHA512", AF_PKCS1, 0, NULL },

    { "PS256", AF_RSA, &af_rsa_scheme, "SHA256", AF_PSS, 0, NULL },
    { "PS384", AF_RSA, &af_rsa_scheme, "SHA384", AF_PSS, 0, NULL },
    { "PS512", AF_RSA, &af_rsa_scheme, "SHA512", AF_PSS, 0, NULL },

    { "ES256", AF_P256, &af_ecdsa_scheme, "SHA256", NULL, 0, NULL },
    { "ES384", AF_P384, &af_ecdsa_scheme, "SHA384", NULL, 0, NULL },
    { "ES512", AF_P521, &af_ecdsa_scheme, "SHA512", NULL, 0, NULL },

    { "EdDSA", AF_ED25519, &af_eddsa_scheme, NULL, NULL, 0, NULL },

    { NULL, AF_KEY_KINDS, NULL, NULL, NULL, 0, NULL }
};


const af_alg_t *
af_alg_find(const char *name)
{
    const af_alg_t  *row;

    for (row = af_algs; row->name != NULL; row++) {
        if (strcmp(row->name, name) == 0) {
            return row;
        }
    }

    return NULL;
}


const af_alg_t *
af_alg_default(af_key_kind_t kind)
{
    const af_alg_t  *row;

    for (row = af_algs; row->name != NULL; row++) {
        if (row->kind == kind) {
            return row;
        }
    }

    return NULL;
}
