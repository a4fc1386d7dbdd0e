/*
 * RSA (RFC 7518, sections 3.3 and 3.5) and ECDSA (section 3.4), by OpenSSL.  A
 * key keeps two initialized contexts, which OpenSSL allows to be used for any
 * number of signatures.
 */

#include <stdlib.h>
#include <string.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/params.h>

#include "token/algs.h"
#include "token/keys.h"


/* octets of an ECDSA signature in DER, with P-521 */
#define AF_DER_MAX  144


typedef struct {
    EVP_MD        *md;
    EVP_MD_CTX    *digest;
    EVP_PKEY_CTX  *sign;       /* NULL for a public key */
    EVP_PKEY_CTX  *verify;
} af_pkey_t;


static int af_rsa_init(af_key_t *key, const af_material_t *material);
static int af_ecdsa_init(af_key_t *key, const af_material_t *material);
static int af_pkey_init(af_key_t *key, const af_material_t *material);
static void af_pkey_params(const af_alg_t *alg, OSSL_PARAM *params);
static void af_pkey_cleanup(af_key_t *key);
static size_t af_rsa_sign(af_key_t *key, unsigned char *sig,
    const unsigned char *data, size_t len);
static int af_rsa_verify(af_key_t *key, const unsigned char *sig,
    const unsigned char *data, size_t len);
static size_t af_ecdsa_sign(af_key_t *key, unsigned char *sig,
    const unsigned char *data, size_t len);
static int af_ecdsa_verify(af_key_t *key, const unsigned char *sig,
    const unsigned char *data, size_t len);
static size_t af_pkey_sign(af_pkey_t *pkey, unsigned char *sig, size_t size,
    const unsigned char *data, size_t len);
static int af_pkey_verify(af_pkey_t *pkey, const unsigned char *sig,
    size_t sig_len, const unsigned char *data, size_t len);
static int af_pkey_digest(af_pkey_t *pkey, unsigned char *hash, unsigned *n,
    const unsigned char *data, size_t len);


const af_scheme_t  af_rsa_scheme = {
    af_rsa_init,
    af_pkey_cleanup,
    af_rsa_sign,
    af_rsa_verify
};


const af_scheme_t  af_ecdsa_scheme = {
    af_ecdsa_init,
    af_pkey_cleanup,
    af_ecdsa_sign,
    af_ecdsa_verify
};


static int
af_rsa_init(af_key_t *key, const af_material_t *material)
{
    key->size = EVP_PKEY_get_size(material->pkey);

    return af_pkey_init(key, material);
}


static int
af_ecdsa_init(af_key_t *key, const af_material_t *material)
{
    key->size = 2 * af_key_kinds[material->kind].size;

    return af_pkey_init(key, material);
}


static int
af_pkey_init(af_key_t *key, const af_material_t *material)
{
    af_pkey_t   *pkey;
    OSSL_PARAM   params[5];

    if (key->size > AF_SIGNATURE_MAX) {
        return -1;
    }

    pkey = calloc(1, sizeof(af_pkey_t));
    if (pkey == NULL) {
        return -1;
    }

    key->state = pkey;

    pkey->md = EVP_MD_fetch(NULL, key->alg->digest, NULL);
    pkey->digest = EVP_MD_CTX_new();
    pkey->verify = EVP_PKEY_CTX_new_from_pkey(NULL, material->pkey, NULL);

    if (pkey->md == NULL || pkey->digest == NULL || pkey->verify == NULL) {
        return -1;
    }

    af_pkey_params(key->alg, params);

    if (EVP_PKEY_verify_init_ex(pkey->verify, params) != 1) {
        return -1;
    }

    if (!material->private) {
        return 0;
    }

    pkey->sign = EVP_PKEY_CTX_new_from_pkey(NULL, material->pkey, NULL);

    if (pkey->sign == NULL || EVP_PKEY_sign_init_ex(pkey->sign, params) != 1)
    {
        return -1;
    }

    return 0;
}


/* they are read-only, despite their types */

static void
af_pkey_params(const af_alg_t *alg, OSSL_PARAM *params)
{
    *params++ = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST,
                                                 (char *) alg->digest, 0);

    if (alg->padding != NULL) {
        *params++ = OSSL_PARAM_construct_utf8_string(
                                                OSSL_SIGNATURE_PARAM_PAD_MODE,
                                                (char *) alg->padding, 0);
    }

    /* RFC 7518, section 3.5: the salt is exactly as long as the digest */

    if (alg->padding != NULL && strcmp(alg->padding, AF_PSS) == 0) {
        *params++ = OSSL_PARAM_construct_utf8_string(
                                            OSSL_SIGNATURE_PARAM_PSS_SALTLEN,
                                            OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST,
                                            0);
        *params++ = OSSL_PARAM_construct_utf8_string(
                                            OSSL_SIGNATURE_PARAM_MGF1_DIGEST,
                                            (char *) alg->digest, 0);
    }

    *params = OSSL_PARAM_construct_end();
}


static void
af_pkey_cleanup(af_key_t *key)
{
    af_pkey_t  *pkey = key->state;

    if (pkey == NULL) {
        return;
    }

    EVP_PKEY_CTX_free(pkey->sign);
    EVP_PKEY_CTX_free(pkey->verify);
    EVP_MD_CTX_free(pkey->digest);
    EVP_MD_free(pkey->md);
    free(pkey);
}


static size_t
af_rsa_sign(af_key_t *key, unsigned char *sig, const unsigned char *data,
    size_t len)
{
    return af_pkey_sign(key->state, sig, key->size, data, len);
}


static int
af_rsa_verify(af_key_t *key, const unsigned char *sig,
    const unsigned char *data, size_t len)
{
    return af_pkey_verify(key->state, sig, key->size, data, len);
}


/* OpenSSL has r and s in DER, a JWS concatenates them, both in full length */

static size_t
af_ecdsa_sign(af_key_t *key, unsigned char *sig, const unsigned char *data,
    size_t len)
{
    int                   half;
    size_t                n;
    ECDSA_SIG            *pair;
    unsigned char         der[AF_DER_MAX];
    const unsigned char  *p;

    n = af_pkey_sign(key->state, der, sizeof(der), data, len);
    if (n == 0) {
        return 0;
    }

    p = der;
    pair = d2i_ECDSA_SIG(NULL, &p, n);
    if (pair == NULL) {
        return 0;
    }

    half = key->size / 2;
    n = key->size;

    if (BN_bn2binpad(ECDSA_SIG_get0_r(pair), sig, half) != half
        || BN_bn2binpad(ECDSA_SIG_get0_s(pair), sig + half, half) != half)
    {
        n = 0;
    }

    ECDSA_SIG_free(pair);

    return n;
}


/* OpenSSL checks that r and s are from 1 to n - 1 */

static int
af_ecdsa_verify(af_key_t *key, const unsigned char *sig,
    const unsigned char *data, size_t len)
{
    int             half, n;
    BIGNUM         *r, *s;
    ECDSA_SIG      *pair;
    unsigned char   der[AF_DER_MAX], *p;

    half = key->size / 2;

    pair = ECDSA_SIG_new();
    r = BN_bin2bn(sig, half, NULL);
    s = BN_bin2bn(sig + half, half, NULL);

    if (pair == NULL || r == NULL || s == NULL) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(pair);
        return 0;
    }

    (void) ECDSA_SIG_set0(pair, r, s);

    n = i2d_ECDSA_SIG(pair, NULL);

    if (n > 0 && n <= AF_DER_MAX) {
        p = der;
        n = i2d_ECDSA_SIG(pair, &p);

    } else {
        n = 0;
    }

    ECDSA_SIG_free(pair);

    return n > 0 && af_pkey_verify(key->state, der, n, data, len);
}


static size_t
af_pkey_sign(af_pkey_t *pkey, unsigned char *sig, size_t size,
    const unsigned char *data, size_t len)
{
    unsigned       n;
    unsigned char  hash[EVP_MAX_MD_SIZE];

    if (!af_pkey_digest(pkey, hash, &n, data, len)
        || EVP_PKEY_sign(pkey->sign, sig, &size, hash, n) != 1)
    {
        return 0;
    }

    return size;
}


static int
af_pkey_verify(af_pkey_t *pkey, const unsigned char *sig, size_t sig_len,
    const unsigned char *data, size_t len)
{
    unsigned       n;
    unsigned char  hash[EVP_MAX_MD_SIZE];

    return af_pkey_digest(pkey, hash, &n, data, len)
           && EVP_PKEY_verify(pkey->verify, sig, sig_len, hash, n) == 1;
}


static int
af_pkey_digest(af_pkey_t *pkey, unsigned char *hash, unsigned *n,
    const unsigned char *data, size_t len)
{
    return EVP_DigestInit_ex2(pkey->digest, pkey->md, NULL) == 1
           && EVP_DigestUpdate(pkey->digest, data, len) == 1
           && EVP_DigestFinal_ex(pkey->digest, hash, n) == 1;
}
