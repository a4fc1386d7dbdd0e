/*
 * Key material.  Rejects what is too weak, invalid, or not what it claims to
 * be.
 */

#include <stdlib.h>
#include <string.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>

#include "token/base64url.h"
#include "token/material.h"


/* bits of an RSA exponent; a longer one only slows verification down */
#define AF_EXPONENT_MAX  64


static af_key_kind_t af_key_kind_of(const EVP_PKEY *pkey);
static const char *af_rsa_check(const EVP_PKEY *pkey, unsigned private);
static const char *af_exponent_check(const EVP_PKEY *pkey);
static const char *af_ec_check(const EVP_PKEY *pkey, unsigned private);
static const char *af_pkey_check(const EVP_PKEY *pkey, unsigned private);
static const char *af_ed25519_check(const EVP_PKEY *pkey, unsigned private);
static int af_oct_add(json_t *jwk, const EVP_PKEY *pkey, size_t size);
static int af_rsa_add(json_t *jwk, const EVP_PKEY *pkey, size_t size);
static int af_ec_add(json_t *jwk, const EVP_PKEY *pkey, size_t size);
static int af_ed25519_add(json_t *jwk, const EVP_PKEY *pkey, size_t size);
static int af_add_number(json_t *jwk, const char *name, const EVP_PKEY *pkey,
    const char *param, size_t size);
static int af_add_octets(json_t *jwk, const char *name,
    const unsigned char *octets, size_t n);


const af_key_kind_row_t  af_key_kinds[] = {

    [AF_OCT] = { "oct", NULL, NULL, NULL, 0, NULL, af_oct_add },

    [AF_RSA] = { "RSA", NULL, "RSA", NULL, 0, af_rsa_check, af_rsa_add },

    [AF_P256] = { "EC", "P-256", "EC", "prime256v1", 32,
                  af_ec_check, af_ec_add },

    [AF_P384] = { "EC", "P-384", "EC", "secp384r1", 48,
                  af_ec_check, af_ec_add },

    [AF_P521] = { "EC", "P-521", "EC", "secp521r1", 66,
                  af_ec_check, af_ec_add },

    [AF_ED25519] = { "OKP", "Ed25519", "ED25519", NULL, 32,
                     af_ed25519_check, af_ed25519_add }
};


af_key_kind_t
af_key_kind_find(const char *kty, const char *crv)
{
    af_key_kind_t             kind;
    const af_key_kind_row_t  *row;

    for (kind = 0; kind < AF_KEY_KINDS; kind++) {
        row = &af_key_kinds[kind];

        if (strcmp(row->kty, kty) == 0
            && (row->crv == NULL
                || (crv != NULL && strcmp(row->crv, crv) == 0)))
        {
            break;
        }
    }

    return kind;
}


int
af_material_secret(af_material_t *material, const unsigned char *secret,
    size_t len, const char **error)
{
    memset(material, 0, sizeof(af_material_t));

    material->secret = malloc(len ? len : 1);

    if (material->secret == NULL) {
        *error = "out of memory";
        return -1;
    }

    memcpy(material->secret, secret, len);

    material->kind = AF_OCT;
    material->len = len;
    material->private = 1;

    return 0;
}


int
af_material_pkey(af_material_t *material, EVP_PKEY *pkey, unsigned private,
    const char **error)
{
    const char  *reason;

    memset(material, 0, sizeof(af_material_t));

    material->kind = af_key_kind_of(pkey);
    material->pkey = pkey;
    material->private = private;

    if (material->kind == AF_KEY_KINDS) {
        reason = "keys of this kind are not supported";

    } else {
        reason = af_key_kinds[material->kind].check(pkey, private);
    }

    if (reason == NULL) {
        return 0;
    }

    *error = reason;
    af_material_free(material);

    return -1;
}


void
af_material_free(af_material_t *material)
{
    EVP_PKEY_free(material->pkey);

    if (material->secret != NULL) {
        sodium_memzero(material->secret, material->len);
        free(material->secret);
    }

    memset(material, 0, sizeof(af_material_t));
}


json_t *
af_material_public(const af_material_t *material)
{
    json_t                   *jwk;
    const af_key_kind_row_t  *row;

    row = &af_key_kinds[material->kind];

    jwk = json_pack("{ss ss*}", "kty", row->kty, "crv", row->crv);

    if (jwk != NULL && row->add(jwk, material->pkey, row->size) != 0) {
        json_decref(jwk);
        return NULL;
    }

    return jwk;
}


char *
af_material_thumbprint(const json_t *jwk)
{
    char           *text, *thumbprint;
    unsigned char   hash[crypto_hash_sha256_BYTES];

    text = json_dumps(jwk, JSON_COMPACT|JSON_SORT_KEYS);
    thumbprint = malloc(af_base64url_size(sizeof(hash)));

    if (text != NULL && thumbprint != NULL) {
        (void) crypto_hash_sha256(hash, (unsigned char *) text, strlen(text));
        sodium_bin2base64(thumbprint, af_base64url_size(sizeof(hash)), hash,
                          sizeof(hash), AF_BASE64URL);

    } else {
        free(thumbprint);
        thumbprint = NULL;
    }

    free(text);

    return thumbprint;
}


static af_key_kind_t
af_key_kind_of(const EVP_PKEY *pkey)
{
    char           group[64];
    af_key_kind_t  kind;

    if (EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) != 1) {
        group[0] = '\0';
    }

    for (kind = AF_RSA; kind < AF_KEY_KINDS; kind++) {
        if (EVP_PKEY_is_a(pkey, af_key_kinds[kind].type)
            && (af_key_kinds[kind].group == NULL
                || strcmp(af_key_kinds[kind].group, group) == 0))
        {
            break;
        }
    }

    return kind;
}


static const char *
af_rsa_check(const EVP_PKEY *pkey, unsigned private)
{
    int          bits;
    const char  *reason;

    bits = EVP_PKEY_get_bits(pkey);

    if (bits < AF_RSA_MIN) {
        return "the modulus is shorter than 2048 bits";
    }

    if (bits > AF_RSA_MAX) {
        return "the modulus is longer than 8192 bits";
    }

    reason = af_exponent_check(pkey);

    return reason ? reason : af_pkey_check(pkey, private);
}


static const char *
af_exponent_check(const EVP_PKEY *pkey)
{
    int  valid;
    BIGNUM  *e;

    e = NULL;

    if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) != 1) {
        return "the exponent is missing";
    }

    valid = BN_is_odd(e) && !BN_is_one(e)
           && BN_num_bits(e) <= AF_EXPONENT_MAX;

    BN_free(e);

    return valid ? NULL : "the exponent is not an odd number from 3 to 2^64";
}


/* RFC 5480, section 2.1.1: the curve must be named, not explicit */

static const char *
af_ec_check(const EVP_PKEY *pkey, unsigned private)
{
    int  explicit;

    if (EVP_PKEY_get_int_param(pkey,
                              OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                              &explicit)
        != 1
        || explicit)
    {
        return "the curve is given by parameters, not by its name";
    }

    return af_pkey_check(pkey, private);
}


/* a point on the curve, a modulus without small factors; matching pairs */

static const char *
af_pkey_check(const EVP_PKEY *pkey, unsigned private)
{
    const char  *reason;
    EVP_PKEY_CTX  *ctx;

    /* takes no const, but changes only the reference count */

    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, (EVP_PKEY *) pkey, NULL);
    if (ctx == NULL) {
        return "out of memory";
    }

    reason = NULL;

    if (EVP_PKEY_public_check(ctx) != 1) {
        reason = "the public key is not valid";

    } else if (private && EVP_PKEY_pairwise_check(ctx) != 1) {
        reason = "the private key does not match the public one";
    }

    EVP_PKEY_CTX_free(ctx);

    return reason;
}


/* OpenSSL has no such check, and derives the public key from the private one */

static const char *
af_ed25519_check(const EVP_PKEY *pkey, unsigned private)
{
    size_t         n;
    unsigned char  x[crypto_sign_PUBLICKEYBYTES];

    (void) private;

    n = sizeof(x);

    if (EVP_PKEY_get_raw_public_key(pkey, x, &n) != 1
        || crypto_core_ed25519_is_valid_point(x) != 1)
    {
        return "the public key is not valid";
    }

    return NULL;
}


/* a secret has no public part */

static int
af_oct_add(json_t *jwk, const EVP_PKEY *pkey, size_t size)
{
    (void) jwk;
    (void) pkey;
    (void) size;

    return -1;
}


static int
af_rsa_add(json_t *jwk, const EVP_PKEY *pkey, size_t size)
{
    return (af_add_number(jwk, "n", pkey, OSSL_PKEY_PARAM_RSA_N, size) == 0
            && af_add_number(jwk, "e", pkey, OSSL_PKEY_PARAM_RSA_E, size)
               == 0)
           ? 0 : -1;
}


static int
af_ec_add(json_t *jwk, const EVP_PKEY *pkey, size_t size)
{
    return (af_add_number(jwk, "x", pkey, OSSL_PKEY_PARAM_EC_PUB_X, size) == 0
            && af_add_number(jwk, "y", pkey, OSSL_PKEY_PARAM_EC_PUB_Y, size)
               == 0)
           ? 0 : -1;
}


static int
af_ed25519_add(json_t *jwk, const EVP_PKEY *pkey, size_t size)
{
    unsigned char  x[crypto_sign_PUBLICKEYBYTES];

    if (EVP_PKEY_get_raw_public_key(pkey, x, &size) != 1) {
        return -1;
    }

    return af_add_octets(jwk, "x", x, size);
}


/*
 * With a `size` it is a coordinate, with leading zeros (RFC 7518, section
 * 6.2.1.2); otherwise a number, without (section 2, Base64urlUInt).
 */

static int
af_add_number(json_t *jwk, const char *name, const EVP_PKEY *pkey,
    const char *param, size_t size)
{
    int            rc;
    BIGNUM        *bn;
    unsigned char  octets[AF_RSA_MAX / 8];

    bn = NULL;

    if (EVP_PKEY_get_bn_param(pkey, param, &bn) != 1) {
        return -1;
    }

    if (size == 0) {
        size = BN_num_bytes(bn);
    }

    rc = -1;

    if (size <= sizeof(octets) && BN_bn2binpad(bn, octets, size) != -1) {
        rc = af_add_octets(jwk, name, octets, size);
    }

    BN_free(bn);

    return rc;
}


static int
af_add_octets(json_t *jwk, const char *name, const unsigned char *octets,
    size_t n)
{
    char  text[af_base64url_size(AF_RSA_MAX / 8)];

    sodium_bin2base64(text, sizeof(text), octets, n, AF_BASE64URL);

    return json_object_set_new(jwk, name, json_string(text));
}
