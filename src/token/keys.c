/*
 * Keys: what all algorithms have in common.
 */

#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>

#include "token/algs.h"
#include "token/base64url.h"
#include "token/keys.h"
#include "token/secret.h"


/* octets of a secret's kid */
#define AF_KID_OCTETS  16


static const char *af_key_check(const af_alg_t *alg,
    const af_material_t *material, const af_key_options_t *options);
static int af_kid_valid(const char *kid);
static const char *af_key_init(af_key_t *key, const af_material_t *material,
    const af_key_options_t *options);
static const char *af_key_set_kid(af_key_t *key, const af_material_t *material,
    const char *kid);
static char *af_kid_make(af_key_t *key);


/* with the space it can't be the signing input of a token */
static const unsigned char  af_kid_label[] = "autoflow kid";


af_key_t *
af_key_create(const af_material_t *material, const af_key_options_t *options,
    const char **error)
{
    af_key_t        *key;
    const char      *reason;
    const af_alg_t  *alg;

    alg = options->alg ? af_alg_find(options->alg)
                       : af_alg_default(material->kind);

    reason = af_key_check(alg, material, options);
    if (reason != NULL) {
        *error = reason;
        return NULL;
    }

    key = calloc(1, sizeof(af_key_t));
    if (key == NULL) {
        *error = "out of memory";
        return NULL;
    }

    key->alg = alg;

    (void) ERR_set_mark();
    reason = af_key_init(key, material, options);
    (void) ERR_pop_to_mark();

    if (reason != NULL) {
        *error = reason;
        af_key_free(key);
        return NULL;
    }

    return key;
}


af_key_t *
af_key_create_secret(const unsigned char *secret, size_t len,
    const af_key_options_t *options, const char **error)
{
    af_key_t       *key;
    af_material_t   material;

    if (af_material_secret(&material, secret, len, error) != 0) {
        return NULL;
    }

    key = af_key_create(&material, options, error);

    af_material_free(&material);

    return key;
}


void
af_key_free(af_key_t *key)
{
    if (key == NULL) {
        return;
    }

    key->alg->scheme->cleanup(key);
    json_decref(key->jwk);
    free(key->issuer);
    free(key->digest);
    free(key->kid);
    free(key);
}


const char *
af_key_alg(const af_key_t *key)
{
    return key->alg->name;
}


const char *
af_key_kid(const af_key_t *key)
{
    return key->kid;
}


int
af_key_is_same(const af_key_t *a, const af_key_t *b)
{
    return strcmp(a->digest, b->digest) == 0 && a->alg == b->alg;
}


int
af_key_has_explicit_kid(const af_key_t *key)
{
    return key->explicit_kid;
}


const char *
af_key_issuer(const af_key_t *key)
{
    return key->issuer;
}


int
af_key_signs(const af_key_t *key)
{
    return key->signs;
}


int
af_key_is_secret(const af_key_t *key)
{
    return key->private;
}


const json_t *
af_key_jwk(const af_key_t *key)
{
    return key->jwk;
}


/*
 * OpenSSL's errors are discarded, or nginx would find them in the queue later,
 * and attribute them to a connection.
 */

size_t
af_key_sign(af_key_t *key, unsigned char *sig, const unsigned char *data,
    size_t len)
{
    size_t  n;

    if (!key->signs) {
        return 0;
    }

    (void) ERR_set_mark();
    n = key->alg->scheme->sign(key, sig, data, len);
    (void) ERR_pop_to_mark();

    return (n == key->size) ? n : 0;
}


int
af_key_verify(af_key_t *key, const unsigned char *sig, size_t sig_len,
    const unsigned char *data, size_t len)
{
    int  rc;

    if (sig_len != key->size) {
        return 0;
    }

    (void) ERR_set_mark();
    rc = key->alg->scheme->verify(key, sig, data, len);
    (void) ERR_pop_to_mark();

    return rc;
}


static const char *
af_key_check(const af_alg_t *alg, const af_material_t *material,
    const af_key_options_t *options)
{
    const char  *reason;

    if (alg == NULL) {
        return "the algorithm is not supported";
    }

    if (material->kind == AF_OCT) {
        reason = af_secret_check(material->secret, material->len);

        if (reason != NULL) {
            return reason;
        }
    }

    if (alg->kind != material->kind) {
        return "the algorithm is not for this kind of key";
    }

    if (material->kind == AF_OCT && material->len < alg->secret_min) {
        return alg->too_short;
    }

    if (options->kid != NULL && !af_kid_valid(options->kid)) {
        return "the kid is not printable ASCII of at most 256 characters";
    }

    if (options->use == AF_USE_SIGN && options->issuer != NULL) {
        return "another issuer's key can't sign";
    }

    if (options->use == AF_USE_SIGN && !material->private) {
        return "a public key can't sign";
    }

    return NULL;
}


static int
af_kid_valid(const char *kid)
{
    const char  *p;

    for (p = kid; *p >= ' ' && *p <= '~'; p++) { /* void */ }

    return p != kid && *p == '\0' && p - kid <= AF_KID_MAX;
}


static const char *
af_key_init(af_key_t *key, const af_material_t *material,
    const af_key_options_t *options)
{
    if (key->alg->scheme->init(key, material) != 0) {
        return "the cryptographic library rejects the key";
    }

    key->private = material->private;
    key->signs = material->private && options->use != AF_USE_VERIFY
                 && options->issuer == NULL;

    if (options->issuer != NULL) {
        key->issuer = strdup(options->issuer);
        if (key->issuer == NULL) {
            return "out of memory";
        }
    }

    return af_key_set_kid(key, material, options->kid);
}


static const char *
af_key_set_kid(af_key_t *key, const af_material_t *material, const char *kid)
{
    json_t  *members;

    if (material->kind != AF_OCT) {
        key->jwk = af_material_public(material);
        if (key->jwk == NULL) {
            return "the public key could not be exported";
        }
    }

    /* the thumbprint is of the required members alone, without those below */

    key->digest = key->jwk ? af_material_thumbprint(key->jwk)
                           : af_kid_make(key);
    if (key->digest == NULL) {
        return "the kid could not be derived";
    }

    key->explicit_kid = (kid != NULL);
    key->kid = strdup(kid ? kid : key->digest);
    if (key->kid == NULL) {
        return "out of memory";
    }

    if (key->jwk == NULL) {
        return NULL;
    }

    members = json_pack("{ss ss ss}", "kid", key->kid, "use", "sig",
                        "alg", key->alg->name);

    return (json_object_update_new(key->jwk, members) == 0)
           ? NULL : "out of memory";
}


static char *
af_kid_make(af_key_t *key)
{
    char           *kid;
    unsigned char   sig[AF_SIGNATURE_MAX];

    kid = malloc(af_base64url_size(AF_KID_OCTETS));

    if (kid == NULL
        || key->alg->scheme->sign(key, sig, af_kid_label,
                                  sizeof(af_kid_label) - 1)
           == 0)
    {
        free(kid);
        return NULL;
    }

    sodium_bin2base64(kid, af_base64url_size(AF_KID_OCTETS), sig,
                      AF_KID_OCTETS, AF_BASE64URL);

    sodium_memzero(sig, sizeof(sig));

    return kid;
}
