/*
 * JSON Web Keys.
 */

#include <stdlib.h>
#include <string.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>

#include "token/algs.h"
#include "token/base64url.h"
#include "token/jwk.h"


/* octets of a member's value, more than any valid one has */
#define AF_JWK_OCTETS_MAX  4096

/* octets of a point of P-521 */
#define AF_JWK_POINT_MAX  (1 + 2 * 66)

/* the key_ops we know */
#define AF_JWK_SIGN    0x01
#define AF_JWK_VERIFY  0x02

#define AF_JWK_INVALID_MEMBER(name)  "\"" name "\" is missing or malformed"


static af_jwk_status_t af_jwk_unsupported(const char **error,
    const char *reason);
static af_jwk_status_t af_jwk_invalid(const char **error, const char *reason);
static af_jwk_status_t af_jwk_kind(const json_t *jwk, af_key_kind_t *kind,
    const char **error);
static af_jwk_status_t af_jwk_options(const json_t *jwk, af_key_kind_t kind,
    af_key_options_t *options, unsigned *ops, const char **error);
static int af_jwk_text(const json_t *jwk, const char *name,
    const char **value);
static int af_jwk_ops(const json_t *list, unsigned *ops);
static int af_jwk_read_oct(const json_t *jwk, af_key_kind_t kind,
    af_material_t *material, const char **error);
static int af_jwk_read_rsa(const json_t *jwk, af_key_kind_t kind,
    af_material_t *material, const char **error);
static int af_jwk_read_ec(const json_t *jwk, af_key_kind_t kind,
    af_material_t *material, const char **error);
static int af_jwk_read_okp(const json_t *jwk, af_key_kind_t kind,
    af_material_t *material, const char **error);
static EVP_PKEY *af_jwk_okp_private(const json_t *jwk, const unsigned char *x,
    const char **error);
static int af_jwk_build(OSSL_PARAM_BLD *bld, af_key_kind_t kind,
    unsigned private, af_material_t *material, const char **error);
static BIGNUM *af_jwk_number(const json_t *jwk, const char *name,
    size_t size);
static int af_jwk_exact(const json_t *jwk, const char *name,
    unsigned char *octets, size_t size);
static int af_jwk_octets(const json_t *jwk, const char *name,
    unsigned char *octets, size_t size, size_t *n);


/* by kty */

static const struct {
    const char  *kty;
    int        (*read)(const json_t *jwk, af_key_kind_t kind,
                       af_material_t *material, const char **error);
} af_jwk_readers[] = {
    { "oct", af_jwk_read_oct },
    { "RSA", af_jwk_read_rsa },
    { "EC", af_jwk_read_ec },
    { "OKP", af_jwk_read_okp }
};


/* RFC 7518, section 6.3; the numbers of public and of all members */

#define AF_JWK_RSA_PUBLIC   2
#define AF_JWK_RSA_PRIVATE  8

static const struct {
    const char  *name;
    const char  *param;        /* OpenSSL's name */
    const char  *error;
} af_jwk_rsa[AF_JWK_RSA_PRIVATE] = {
    { "n", OSSL_PKEY_PARAM_RSA_N, AF_JWK_INVALID_MEMBER("n") },
    { "e", OSSL_PKEY_PARAM_RSA_E, AF_JWK_INVALID_MEMBER("e") },
    { "d", OSSL_PKEY_PARAM_RSA_D, AF_JWK_INVALID_MEMBER("d") },
    { "p", OSSL_PKEY_PARAM_RSA_FACTOR1, AF_JWK_INVALID_MEMBER("p") },
    { "q", OSSL_PKEY_PARAM_RSA_FACTOR2, AF_JWK_INVALID_MEMBER("q") },
    { "dp", OSSL_PKEY_PARAM_RSA_EXPONENT1, AF_JWK_INVALID_MEMBER("dp") },
    { "dq", OSSL_PKEY_PARAM_RSA_EXPONENT2, AF_JWK_INVALID_MEMBER("dq") },
    { "qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1, AF_JWK_INVALID_MEMBER("qi") }
};


af_jwk_status_t
af_jwk_read(const json_t *jwk, af_material_t *material,
    af_key_options_t *options, const char **error)
{
    size_t           i;
    unsigned         ops;
    af_key_kind_t    kind;
    af_jwk_status_t  status;

    memset(options, 0, sizeof(af_key_options_t));

    status = af_jwk_kind(jwk, &kind, error);

    if (status != AF_JWK_OK) {
        return status;
    }

    status = af_jwk_options(jwk, kind, options, &ops, error);

    if (status != AF_JWK_OK) {
        return status;
    }

    for (i = 0;
         strcmp(af_jwk_readers[i].kty, af_key_kinds[kind].kty) != 0;
         i++)
    {
        /* void */
    }

    if (af_jwk_readers[i].read(jwk, kind, material, error) != 0) {
        return AF_JWK_INVALID;
    }

    /* a private key that may sign may also verify */

    if (material->private && (ops & AF_JWK_SIGN)) {
        return AF_JWK_OK;
    }

    options->use = AF_USE_VERIFY;

    if (ops & AF_JWK_VERIFY) {
        return AF_JWK_OK;
    }

    af_material_free(material);

    return af_jwk_unsupported(error, "the key is not for signatures");
}


static af_jwk_status_t
af_jwk_unsupported(const char **error, const char *reason)
{
    *error = reason;

    return AF_JWK_UNSUPPORTED;
}


static af_jwk_status_t
af_jwk_invalid(const char **error, const char *reason)
{
    *error = reason;

    return AF_JWK_INVALID;
}


static af_jwk_status_t
af_jwk_kind(const json_t *jwk, af_key_kind_t *kind, const char **error)
{
    const char  *kty, *crv;

    if (!json_is_object(jwk)) {
        return af_jwk_invalid(error, "the key is not an object");
    }

    if (!af_jwk_text(jwk, "kty", &kty) || kty == NULL) {
        return af_jwk_invalid(error, AF_JWK_INVALID_MEMBER("kty"));
    }

    if (!af_jwk_text(jwk, "crv", &crv)) {
        return af_jwk_invalid(error, AF_JWK_INVALID_MEMBER("crv"));
    }

    *kind = af_key_kind_find(kty, crv);

    if (*kind == AF_KEY_KINDS) {
        return af_jwk_unsupported(error, "keys of this kind are not supported");
    }

    return AF_JWK_OK;
}


static af_jwk_status_t
af_jwk_options(const json_t *jwk, af_key_kind_t kind, af_key_options_t *options,
    unsigned *ops, const char **error)
{
    const char      *use;
    const af_alg_t  *alg;

    if (!af_jwk_text(jwk, "use", &use)) {
        return af_jwk_invalid(error, AF_JWK_INVALID_MEMBER("use"));
    }

    if (use != NULL && strcmp(use, "sig") != 0) {
        return af_jwk_unsupported(error, "the key is not for signatures");
    }

    if (!af_jwk_ops(json_object_get(jwk, "key_ops"), ops)) {
        return af_jwk_invalid(error, AF_JWK_INVALID_MEMBER("key_ops"));
    }

    if (!af_jwk_text(jwk, "kid", &options->kid)) {
        return af_jwk_invalid(error, AF_JWK_INVALID_MEMBER("kid"));
    }

    if (!af_jwk_text(jwk, "alg", &options->alg)) {
        return af_jwk_invalid(error, AF_JWK_INVALID_MEMBER("alg"));
    }

    if (options->alg == NULL) {
        return AF_JWK_OK;
    }

    alg = af_alg_find(options->alg);

    if (alg == NULL) {
        return af_jwk_unsupported(error, "the algorithm is not supported");
    }

    if (alg->kind != kind) {
        return af_jwk_invalid(error,
                              "the algorithm is not for this kind of key");
    }

    return AF_JWK_OK;
}


/* a member that is a string or missing; returns 0 if it is anything else */

static int
af_jwk_text(const json_t *jwk, const char *name, const char **value)
{
    const json_t  *member;

    member = json_object_get(jwk, name);
    *value = json_string_value(member);

    return member == NULL || *value != NULL;
}


/* RFC 7517, section 4.3; returns 0 if it is malformed */

static int
af_jwk_ops(const json_t *list, unsigned *ops)
{
    size_t       i;
    const char  *op;

    if (list == NULL) {
        *ops = AF_JWK_SIGN|AF_JWK_VERIFY;
        return 1;
    }

    if (!json_is_array(list)) {
        return 0;
    }

    *ops = 0;

    for (i = 0; i < json_array_size(list); i++) {
        op = json_string_value(json_array_get(list, i));

        if (op == NULL) {
            return 0;
        }

        if (strcmp(op, "sign") == 0) {
            *ops |= AF_JWK_SIGN;

        } else if (strcmp(op, "verify") == 0) {
            *ops |= AF_JWK_VERIFY;
        }
    }

    return 1;
}


static int
af_jwk_read_oct(const json_t *jwk, af_key_kind_t kind, af_material_t *material,
    const char **error)
{
    int            rc;
    size_t         n;
    unsigned char  octets[AF_JWK_OCTETS_MAX];

    (void) kind;

    if (!af_jwk_octets(jwk, "k", octets, sizeof(octets), &n)) {
        *error = AF_JWK_INVALID_MEMBER("k");
        return -1;
    }

    rc = af_material_secret(material, octets, n, error);

    sodium_memzero(octets, sizeof(octets));

    return rc;
}


static int
af_jwk_read_rsa(const json_t *jwk, af_key_kind_t kind, af_material_t *material,
    const char **error)
{
    int              rc;
    size_t           i, n;
    BIGNUM          *numbers[AF_JWK_RSA_PRIVATE];
    OSSL_PARAM_BLD  *bld;

    /* RFC 7518, section 6.3.2.7: must be rejected if not supported */

    if (json_object_get(jwk, "oth") != NULL) {
        *error = "RSA keys of more than two primes are not supported";
        return -1;
    }

    n = json_object_get(jwk, "d") ? AF_JWK_RSA_PRIVATE : AF_JWK_RSA_PUBLIC;

    memset(numbers, 0, sizeof(numbers));
    bld = OSSL_PARAM_BLD_new();
    rc = 0;

    if (bld == NULL) {
        *error = "out of memory";
        return -1;
    }

    for (i = 0; i < n && rc == 0; i++) {
        numbers[i] = af_jwk_number(jwk, af_jwk_rsa[i].name, 0);

        if (numbers[i] == NULL
            || OSSL_PARAM_BLD_push_BN(bld, af_jwk_rsa[i].param, numbers[i])
               != 1)
        {
            *error = af_jwk_rsa[i].error;
            rc = -1;
        }
    }

    if (rc == 0) {
        rc = af_jwk_build(bld, kind, n == AF_JWK_RSA_PRIVATE, material,
                          error);
    }

    OSSL_PARAM_BLD_free(bld);

    for (i = 0; i < n; i++) {
        BN_clear_free(numbers[i]);
    }

    return rc;
}


/* RFC 7518, section 6.2: all numbers have their full length */

static int
af_jwk_read_ec(const json_t *jwk, af_key_kind_t kind, af_material_t *material,
    const char **error)
{
    int              rc;
    size_t           size;
    BIGNUM          *d;
    unsigned         private;
    unsigned char    point[AF_JWK_POINT_MAX];
    OSSL_PARAM_BLD  *bld;

    size = af_key_kinds[kind].size;
    private = json_object_get(jwk, "d") != NULL;

    point[0] = POINT_CONVERSION_UNCOMPRESSED;

    if (!af_jwk_exact(jwk, "x", &point[1], size)
        || !af_jwk_exact(jwk, "y", &point[1 + size], size))
    {
        *error = AF_JWK_INVALID_MEMBER("x\" or \"y");
        return -1;
    }

    d = private ? af_jwk_number(jwk, "d", size) : NULL;

    if (private && d == NULL) {
        *error = AF_JWK_INVALID_MEMBER("d");
        return -1;
    }

    bld = OSSL_PARAM_BLD_new();
    rc = -1;

    if (bld == NULL
        || OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME,
                                           af_key_kinds[kind].group, 0)
           != 1
        || OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY,
                                            point, 1 + 2 * size)
           != 1
        || (private
            && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, d) != 1))
    {
        *error = "out of memory";

    } else {
        rc = af_jwk_build(bld, kind, private, material, error);
    }

    OSSL_PARAM_BLD_free(bld);
    BN_clear_free(d);

    return rc;
}


static int
af_jwk_read_okp(const json_t *jwk, af_key_kind_t kind, af_material_t *material,
    const char **error)
{
    EVP_PKEY       *pkey;
    unsigned        private;
    unsigned char   x[crypto_sign_PUBLICKEYBYTES];

    private = json_object_get(jwk, "d") != NULL;

    if (!af_jwk_exact(jwk, "x", x, sizeof(x))) {
        *error = AF_JWK_INVALID_MEMBER("x");
        return -1;
    }

    if (private) {
        pkey = af_jwk_okp_private(jwk, x, error);

    } else {
        pkey = EVP_PKEY_new_raw_public_key_ex(NULL, af_key_kinds[kind].type,
                                              NULL, x, sizeof(x));
        *error = "the key is not valid";
    }

    if (pkey == NULL) {
        return -1;
    }

    return af_material_pkey(material, pkey, private, error);
}


/* OpenSSL derives the public key from the private one, and x must match */

static EVP_PKEY *
af_jwk_okp_private(const json_t *jwk, const unsigned char *x,
    const char **error)
{
    size_t          n;
    EVP_PKEY       *pkey;
    unsigned char   d[crypto_sign_SEEDBYTES];
    unsigned char   public[crypto_sign_PUBLICKEYBYTES];

    if (!af_jwk_exact(jwk, "d", d, sizeof(d))) {
        *error = AF_JWK_INVALID_MEMBER("d");
        return NULL;
    }

    pkey = EVP_PKEY_new_raw_private_key_ex(NULL, af_key_kinds[AF_ED25519].type,
                                           NULL, d, sizeof(d));
    sodium_memzero(d, sizeof(d));

    n = sizeof(public);

    if (pkey == NULL
        || EVP_PKEY_get_raw_public_key(pkey, public, &n) != 1
        || memcmp(public, x, sizeof(public)) != 0)
    {
        *error = "the private key does not match the public one";
        EVP_PKEY_free(pkey);
        return NULL;
    }

    return pkey;
}


static int
af_jwk_build(OSSL_PARAM_BLD *bld, af_key_kind_t kind, unsigned private,
    af_material_t *material, const char **error)
{
    EVP_PKEY      *pkey;
    OSSL_PARAM    *params, *p;
    EVP_PKEY_CTX  *ctx;

    pkey = NULL;
    params = OSSL_PARAM_BLD_to_param(bld);
    ctx = EVP_PKEY_CTX_new_from_name(NULL, af_key_kinds[kind].type, NULL);

    if (params != NULL && ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1) {
        (void) EVP_PKEY_fromdata(ctx, &pkey,
                                 private ? EVP_PKEY_KEYPAIR
                                         : EVP_PKEY_PUBLIC_KEY,
                                 params);
    }

    EVP_PKEY_CTX_free(ctx);

    for (p = params; p != NULL && p->key != NULL; p++) {
        sodium_memzero(p->data, p->data_size);
    }

    OSSL_PARAM_free(params);

    if (pkey == NULL) {
        *error = "the key is not valid";
        return -1;
    }

    return af_material_pkey(material, pkey, private, error);
}


/* of exactly `size` octets; 0: of any size */

static BIGNUM *
af_jwk_number(const json_t *jwk, const char *name, size_t size)
{
    size_t          n;
    BIGNUM         *bn;
    unsigned char   octets[AF_JWK_OCTETS_MAX];

    bn = NULL;

    if (af_jwk_octets(jwk, name, octets, sizeof(octets), &n)
        && (size == 0 || n == size))
    {
        bn = BN_bin2bn(octets, n, NULL);
    }

    sodium_memzero(octets, sizeof(octets));

    return bn;
}


static int
af_jwk_exact(const json_t *jwk, const char *name, unsigned char *octets,
    size_t size)
{
    size_t  n;

    return af_jwk_octets(jwk, name, octets, size, &n) && n == size;
}


static int
af_jwk_octets(const json_t *jwk, const char *name, unsigned char *octets,
    size_t size, size_t *n)
{
    const json_t  *member;

    member = json_object_get(jwk, name);

    return json_is_string(member)
           && af_base64url_decode(octets, size, n, json_string_value(member),
                                  json_string_length(member))
           && *n != 0;
}
