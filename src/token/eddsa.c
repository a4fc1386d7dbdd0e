/*
 * EdDSA with Ed25519 (RFC 8037), by libsodium, which takes less than half of
 * OpenSSL's time and rejects ambiguous encodings: a scalar that is too large, a
 * point of small order, or one not in canonical form.
 */

#include <stdlib.h>
#include <sodium.h>

#include "token/algs.h"


typedef struct {
    unsigned char  public[crypto_sign_PUBLICKEYBYTES];
    unsigned char  private[crypto_sign_SECRETKEYBYTES];
} af_eddsa_t;


static int af_eddsa_init(af_key_t *key, const af_material_t *material);
static void af_eddsa_cleanup(af_key_t *key);
static size_t af_eddsa_sign(af_key_t *key, unsigned char *sig,
    const unsigned char *data, size_t len);
static int af_eddsa_verify(af_key_t *key, const unsigned char *sig,
    const unsigned char *data, size_t len);


const af_scheme_t  af_eddsa_scheme = {
    af_eddsa_init,
    af_eddsa_cleanup,
    af_eddsa_sign,
    af_eddsa_verify
};


static int
af_eddsa_init(af_key_t *key, const af_material_t *material)
{
    int             rc;
    size_t          n;
    af_eddsa_t     *ed;
    unsigned char   seed[crypto_sign_SEEDBYTES];

    ed = calloc(1, sizeof(af_eddsa_t));
    if (ed == NULL) {
        return -1;
    }

    key->state = ed;
    key->size = crypto_sign_BYTES;

    if (!material->private) {
        n = sizeof(ed->public);
        rc = EVP_PKEY_get_raw_public_key(material->pkey, ed->public, &n);
        return (rc == 1) ? 0 : -1;
    }

    n = sizeof(seed);
    rc = EVP_PKEY_get_raw_private_key(material->pkey, seed, &n);

    if (rc == 1) {
        (void) crypto_sign_seed_keypair(ed->public, ed->private, seed);
    }

    sodium_memzero(seed, sizeof(seed));

    return (rc == 1) ? 0 : -1;
}


static void
af_eddsa_cleanup(af_key_t *key)
{
    if (key->state != NULL) {
        sodium_memzero(key->state, sizeof(af_eddsa_t));
        free(key->state);
    }
}


static size_t
af_eddsa_sign(af_key_t *key, unsigned char *sig, const unsigned char *data,
    size_t len)
{
    af_eddsa_t  *ed = key->state;

    if (crypto_sign_detached(sig, NULL, data, len, ed->private) != 0) {
        return 0;
    }

    return crypto_sign_BYTES;
}


static int
af_eddsa_verify(af_key_t *key, const unsigned char *sig,
    const unsigned char *data, size_t len)
{
    af_eddsa_t  *ed = key->state;

    return crypto_sign_verify_detached(sig, data, len, ed->public) == 0;
}
