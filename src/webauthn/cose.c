/*
 * A COSE key is read as the JWK with the same members, whose checks are those
 * of all our keys.
 */

#include <string.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>

#include "token/base64url.h"
#include "token/jwk.h"
#include "webauthn/cose.h"


/* labels (RFC 9052, section 7.1; RFC 9053, section 7; RFC 8230, section 4) */
#define AF_COSE_KTY  1
#define AF_COSE_ALG  3
#define AF_COSE_CRV  (-1)
#define AF_COSE_N    (-1)
#define AF_COSE_X    (-2)
#define AF_COSE_E    (-2)
#define AF_COSE_Y    (-3)

/* the label of members[i] */
#define AF_COSE_FIRST    (-3)
#define AF_COSE_MEMBERS  7

/* octets of a member */
#define AF_COSE_OCTETS_MAX  (AF_COSE_RSA_MAX / 8)

/* of a coordinate, and of a signature of P-256 */
#define AF_COSE_P256  32


/* what makes a kind: kty, crv, and the JWK's members by their labels */

typedef struct {
    af_key_kind_t  kind;
    int            kty;
    int            crv;        /* 0: none */
    struct {
        int          label;
        const char  *name;
    } octets[3];
} af_cose_kind_t;


static const af_cose_kind_t *af_cose_kind(af_key_kind_t kind);
static int af_cose_members(const af_octets_t *octets, af_cbor_item_t *members);
static json_t *af_cose_jwk(const af_cose_kind_t *kind,
    const af_cbor_item_t *members);
static int af_cose_is_integer(const af_cbor_item_t *members, int label,
    int64_t value);
static int af_cose_add(json_t *jwk, const char *name,
    const af_octets_t *octets);
static af_key_t *af_cose_key(const json_t *jwk, const af_cose_alg_t *alg);
static int af_cose_pair(const af_octets_t *der, unsigned char *pair);


const af_cose_alg_t  af_cose_algs[] = {
    { -7, "ES256", AF_P256 },
    { -8, "EdDSA", AF_ED25519 },
    { -257, "RS256", AF_RSA },
    { 0, NULL, AF_KEY_KINDS }
};


static const af_cose_kind_t  af_cose_kinds[] = {
    { AF_P256, 2, 1, { { AF_COSE_X, "x" }, { AF_COSE_Y, "y" } } },
    { AF_ED25519, 1, 6, { { AF_COSE_X, "x" } } },
    { AF_RSA, 3, 0, { { AF_COSE_N, "n" }, { AF_COSE_E, "e" } } }
};


const af_cose_alg_t *
af_cose_alg_find(int64_t id)
{
    const af_cose_alg_t  *alg;

    for (alg = af_cose_algs; alg->id != 0; alg++) {
        if (alg->id == id) {
            return alg;
        }
    }

    return NULL;
}


af_key_t *
af_cose_read(const af_octets_t *octets, const af_cose_alg_t **alg)
{
    json_t          *jwk;
    af_key_t        *key;
    af_cbor_item_t   members[AF_COSE_MEMBERS];

    if (!af_cose_members(octets, members)
        || members[AF_COSE_ALG - AF_COSE_FIRST].type != AF_CBOR_INTEGER)
    {
        return NULL;
    }

    *alg = af_cose_alg_find(members[AF_COSE_ALG - AF_COSE_FIRST].integer);

    if (*alg == NULL) {
        return NULL;
    }

    jwk = af_cose_jwk(af_cose_kind((*alg)->kind), members);
    key = (jwk != NULL) ? af_cose_key(jwk, *alg) : NULL;

    json_decref(jwk);

    return key;
}


static const af_cose_kind_t *
af_cose_kind(af_key_kind_t kind)
{
    const af_cose_kind_t  *row;

    for (row = af_cose_kinds; row->kind != kind; row++) { /* void */ }

    return row;
}


/* each label once, and none that isn't known: private keys have others */

static int
af_cose_members(const af_octets_t *octets, af_cbor_item_t *members)
{
    size_t           n;
    af_octets_t      in;
    af_cbor_item_t   map, label, *member;

    in = *octets;
    memset(members, 0, AF_COSE_MEMBERS * sizeof(af_cbor_item_t));

    if (!af_cbor_expect(&in, AF_CBOR_MAP, &map)) {
        return 0;
    }

    for (n = map.n; n != 0; n--) {
        if (!af_cbor_expect(&in, AF_CBOR_INTEGER, &label)
            || label.integer < AF_COSE_FIRST
            || label.integer >= AF_COSE_FIRST + AF_COSE_MEMBERS)
        {
            return 0;
        }

        member = &members[label.integer - AF_COSE_FIRST];

        if (member->type != AF_CBOR_NONE
            || !af_cbor_next(&in, member)
            || member->type == AF_CBOR_ARRAY
            || member->type == AF_CBOR_MAP)
        {
            return 0;
        }
    }

    return in.len == 0;
}


static json_t *
af_cose_jwk(const af_cose_kind_t *kind, const af_cbor_item_t *members)
{
    json_t                *jwk;
    size_t                 i, n;
    const af_cbor_item_t  *member;

    if (!af_cose_is_integer(members, AF_COSE_KTY, kind->kty)
        || (kind->crv != 0
            && !af_cose_is_integer(members, AF_COSE_CRV, kind->crv)))
    {
        return NULL;
    }

    jwk = json_pack("{ss}", "kty", af_key_kinds[kind->kind].kty);

    if (jwk != NULL && kind->crv != 0) {
        (void) json_object_set_new(jwk, "crv",
                                 json_string(af_key_kinds[kind->kind].crv));
    }

    for (i = 0, n = (kind->crv != 0) ? 3 : 2;
         jwk != NULL && kind->octets[i].name != NULL;
         i++, n++)
    {
        member = &members[kind->octets[i].label - AF_COSE_FIRST];

        if (member->type != AF_CBOR_BYTES
            || !af_cose_add(jwk, kind->octets[i].name, &member->octets))
        {
            json_decref(jwk);
            return NULL;
        }
    }

    return jwk;
}


static int
af_cose_is_integer(const af_cbor_item_t *members, int label, int64_t value)
{
    members += label - AF_COSE_FIRST;

    return members->type == AF_CBOR_INTEGER && members->integer == value;
}


static int
af_cose_add(json_t *jwk, const char *name, const af_octets_t *octets)
{
    char  text[af_base64url_size(AF_COSE_OCTETS_MAX)];

    if (octets->len > AF_COSE_OCTETS_MAX) {
        return 0;
    }

    sodium_bin2base64(text, sizeof(text), octets->data, octets->len,
                      AF_BASE64URL);

    return json_object_set_new(jwk, name, json_string(text)) == 0;
}


static af_key_t *
af_cose_key(const json_t *jwk, const af_cose_alg_t *alg)
{
    af_key_t          *key;
    const char        *error;
    af_material_t      material;
    af_key_options_t   options;

    (void) ERR_set_mark();

    key = NULL;

    if (af_jwk_read(jwk, &material, &options, &error) == AF_JWK_OK) {
        options.alg = alg->name;
        options.use = AF_USE_VERIFY;

        key = af_key_create(&material, &options, &error);
        af_material_free(&material);
    }

    (void) ERR_pop_to_mark();

    return key;
}


int
af_cose_verify(af_key_t *key, const af_cose_alg_t *alg,
    const af_octets_t *signature, const unsigned char *data, size_t len)
{
    unsigned char  pair[2 * AF_COSE_P256];

    if (alg->kind != AF_P256) {
        return af_key_verify(key, signature->data, signature->len, data, len);
    }

    return af_cose_pair(signature, pair)
           && af_key_verify(key, pair, sizeof(pair), data, len);
}


/* from DER, with nothing behind it, to r and s as a JWS has them */

static int
af_cose_pair(const af_octets_t *der, unsigned char *pair)
{
    int                   rc;
    ECDSA_SIG            *sig;
    const unsigned char  *p;

    if (der->len > AF_SIGNATURE_MAX) {
        return 0;
    }

    (void) ERR_set_mark();

    p = der->data;
    sig = d2i_ECDSA_SIG(NULL, &p, der->len);

    rc = sig != NULL
         && p == der->data + der->len
         && !BN_is_negative(ECDSA_SIG_get0_r(sig))
         && !BN_is_negative(ECDSA_SIG_get0_s(sig))
         && BN_bn2binpad(ECDSA_SIG_get0_r(sig), pair, AF_COSE_P256)
            == AF_COSE_P256
         && BN_bn2binpad(ECDSA_SIG_get0_s(sig), pair + AF_COSE_P256,
                         AF_COSE_P256)
            == AF_COSE_P256;

    ECDSA_SIG_free(sig);

    (void) ERR_pop_to_mark();

    return rc;
}
