/*
 * Signing keys.  An algorithm is a row of af_algs[].
 */

#include <stdlib.h>
#include <string.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sodium.h>

#include "token/keys.h"


#define AF_KID_OCTETS  16


struct af_alg_s {
    const char    *name;
    const char    *digest;
    size_t         size;         /* of a signature */
    size_t         secret_min;   /* RFC 7518, section 3.2 */
    const char    *too_short;

    int          (*init)(af_key_t *key, const unsigned char *secret,
                         size_t len);
    void         (*cleanup)(af_key_t *key);
    size_t       (*sign)(af_key_t *key, unsigned char *sig,
                         const unsigned char *data, size_t len);
    int          (*verify)(af_key_t *key, const unsigned char *sig,
                           const unsigned char *data, size_t len);
};


struct af_key_s {
    const af_alg_t  *alg;
    char            *kid;
    EVP_MAC_CTX     *mac;        /* of an HMAC key */
};


static const af_alg_t *af_alg_find(const char *name);
static int af_kid_valid(const char *kid);
static char *af_kid_make(af_key_t *key);
static int af_hmac_init(af_key_t *key, const unsigned char *secret,
    size_t len);
static void af_hmac_cleanup(af_key_t *key);
static size_t af_hmac_sign(af_key_t *key, unsigned char *sig,
    const unsigned char *data, size_t len);
static int af_hmac_verify(af_key_t *key, const unsigned char *sig,
    const unsigned char *data, size_t len);


static const af_alg_t  af_algs[] = {

    { "HS256", "SHA256", 32, 32, "the key is shorter than 32 octets",
      af_hmac_init, af_hmac_cleanup, af_hmac_sign, af_hmac_verify },

    { "HS384", "SHA384", 48, 48, "the key is shorter than 48 octets",
      af_hmac_init, af_hmac_cleanup, af_hmac_sign, af_hmac_verify },

    { "HS512", "SHA512", 64, 64, "the key is shorter than 64 octets",
      af_hmac_init, af_hmac_cleanup, af_hmac_sign, af_hmac_verify },

    { NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL }
};


/* the space keeps it apart from anything a token could ask to be signed */
static const unsigned char  af_kid_label[] = "autoflow kid";


af_key_t *
af_key_create(const unsigned char *secret, size_t len, const char *alg,
    const char *kid, const char **error)
{
    af_key_t        *key;
    const af_alg_t  *row;

    row = af_alg_find(alg);

    if (row == NULL) {
        *error = "the algorithm is not supported";
        return NULL;
    }

    if (len < row->secret_min) {
        *error = row->too_short;
        return NULL;
    }

    if (kid != NULL && !af_kid_valid(kid)) {
        *error = "the kid is not printable ASCII";
        return NULL;
    }

    key = calloc(1, sizeof(af_key_t));
    if (key == NULL) {
        *error = "out of memory";
        return NULL;
    }

    key->alg = row;

    if (row->init(key, secret, len) != 0) {
        *error = "the cryptographic library does not take the key";
        goto failed;
    }

    key->kid = (kid != NULL) ? strdup(kid) : af_kid_make(key);
    if (key->kid == NULL) {
        *error = "the kid could not be made";
        goto failed;
    }

    return key;

failed:

    af_key_free(key);

    return NULL;
}


void
af_key_free(af_key_t *key)
{
    if (key == NULL) {
        return;
    }

    key->alg->cleanup(key);
    free(key->kid);
    free(key);
}


const char *
af_key_alg(const af_key_t *key)
{
    return key->alg->name;
}


const char *
af_key_id(const af_key_t *key)
{
    return key->kid;
}


size_t
af_key_sign(af_key_t *key, unsigned char *sig, const unsigned char *data,
    size_t len)
{
    return key->alg->sign(key, sig, data, len);
}


int
af_key_verify(af_key_t *key, const unsigned char *sig, size_t sig_len,
    const unsigned char *data, size_t len)
{
    if (sig_len != key->alg->size) {
        return 0;
    }

    return key->alg->verify(key, sig, data, len);
}


static const af_alg_t *
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


static int
af_kid_valid(const char *kid)
{
    const char  *p;

    for (p = kid; *p >= ' ' && *p <= '~'; p++) { /* void */ }

    return p != kid && *p == '\0';
}


static char *
af_kid_make(af_key_t *key)
{
    char           *kid;
    unsigned char   sig[AF_SIGNATURE_MAX];

    kid = malloc(AF_KID_SIZE);
    if (kid == NULL) {
        return NULL;
    }

    if (af_key_sign(key, sig, af_kid_label, sizeof(af_kid_label) - 1) == 0) {
        free(kid);
        return NULL;
    }

    sodium_bin2base64(kid, AF_KID_SIZE, sig, AF_KID_OCTETS,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);

    sodium_memzero(sig, sizeof(sig));

    return kid;
}


static int
af_hmac_init(af_key_t *key, const unsigned char *secret, size_t len)
{
    EVP_MAC     *hmac;
    OSSL_PARAM   params[2];

    hmac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
    if (hmac == NULL) {
        return -1;
    }

    key->mac = EVP_MAC_CTX_new(hmac);

    EVP_MAC_free(hmac);

    if (key->mac == NULL) {
        return -1;
    }

    /* the parameter is only read, whatever its type says */
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
                                            (char *) key->alg->digest, 0);
    params[1] = OSSL_PARAM_construct_end();

    return (EVP_MAC_init(key->mac, secret, len, params) == 1) ? 0 : -1;
}


static void
af_hmac_cleanup(af_key_t *key)
{
    EVP_MAC_CTX_free(key->mac);
}


static size_t
af_hmac_sign(af_key_t *key, unsigned char *sig, const unsigned char *data,
    size_t len)
{
    size_t  n;

    /* without a key it starts anew with the one it has */

    if (EVP_MAC_init(key->mac, NULL, 0, NULL) != 1
        || EVP_MAC_update(key->mac, data, len) != 1
        || EVP_MAC_final(key->mac, sig, &n, AF_SIGNATURE_MAX) != 1)
    {
        return 0;
    }

    return n;
}


static int
af_hmac_verify(af_key_t *key, const unsigned char *sig,
    const unsigned char *data, size_t len)
{
    int            rc;
    size_t         n;
    unsigned char  expected[AF_SIGNATURE_MAX];

    n = af_hmac_sign(key, expected, data, len);

    rc = n == key->alg->size && CRYPTO_memcmp(expected, sig, n) == 0;

    sodium_memzero(expected, sizeof(expected));

    return rc;
}
