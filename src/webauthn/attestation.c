/*
 * We ask for no attestation, and browsers then send "none", or what a key says
 * of itself.  Others are verified in case that they come, as far as that needs
 * no list of manufacturers: who has signed a certificate is not asked, so it
 * proves nothing about the authenticator, and nothing follows from it.
 */

#include <string.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "webauthn/attestation.h"


/* certificates in a chain */
#define AF_CERTIFICATES_MAX  8

/* id-fido-gen-ce-aaguid (section 8.2.1) */
#define AF_AAGUID_OID  "1.3.6.1.4.1.45724.1.1.4"


typedef struct {
    af_cbor_item_t  alg;
    af_cbor_item_t  sig;
    af_octets_t     leaf;          /* the first certificate */
    unsigned        x5c:1;
} af_packed_t;


static af_webauthn_status_t af_packed_verify(const af_octets_t *statement,
    af_key_t *key, const af_cose_alg_t *alg, const unsigned char *data,
    size_t len, const af_octets_t *aaguid);
static int af_packed_read(const af_octets_t *statement, af_packed_t *packed);
static int af_packed_member(af_octets_t *in, const af_octets_t *name,
    af_packed_t *packed);
static int af_packed_chain(af_octets_t *in, af_packed_t *packed);
static af_webauthn_status_t af_packed_certified(const af_packed_t *packed,
    const af_cose_alg_t *alg, const unsigned char *data, size_t len,
    const af_octets_t *aaguid);
static af_key_t *af_certificate_key(X509 *x509, const af_cose_alg_t *alg);
static int af_certificate_is_fit(X509 *x509, const af_octets_t *aaguid);
static int af_certificate_names(X509 *x509, const af_octets_t *aaguid);


int
af_attestation_read(const af_octets_t *object, af_attestation_t *attestation)
{
    size_t           n;
    af_octets_t      in;
    af_cbor_item_t   map, name, value;

    memset(attestation, 0, sizeof(af_attestation_t));
    in = *object;

    if (object->len > AF_WEBAUTHN_ATTESTATION_MAX
        || !af_cbor_expect(&in, AF_CBOR_MAP, &map)
        || map.n != 3)
    {
        return 0;
    }

    for (n = map.n; n != 0; n--) {
        if (!af_cbor_expect(&in, AF_CBOR_TEXT, &name)) {
            return 0;
        }

        if (af_octets_are(&name.octets, "fmt")
            && af_cbor_expect(&in, AF_CBOR_TEXT, &value))
        {
            attestation->format = value.octets;

        } else if (af_octets_are(&name.octets, "authData")
                   && af_cbor_expect(&in, AF_CBOR_BYTES, &value))
        {
            attestation->authenticator = value.octets;

        } else if (!af_octets_are(&name.octets, "attStmt")
                   || !af_cbor_skip(&in, &attestation->statement))
        {
            return 0;
        }
    }

    /* three members, all of them: none was there twice */

    return in.len == 0
           && attestation->format.data != NULL
           && attestation->statement.data != NULL
           && attestation->authenticator.data != NULL;
}


af_webauthn_status_t
af_attestation_verify(const af_attestation_t *attestation, af_key_t *key,
    const af_cose_alg_t *alg, const unsigned char *data, size_t len,
    af_webauthn_result_t *result)
{
    af_octets_t     in;
    af_cbor_item_t  map;

    if (af_octets_are(&attestation->format, "none")) {
        in = attestation->statement;
        result->format = "none";

        return (af_cbor_expect(&in, AF_CBOR_MAP, &map) && map.n == 0)
               ? AF_WEBAUTHN_OK : AF_WEBAUTHN_MALFORMED;
    }

    if (af_octets_are(&attestation->format, "packed")) {
        result->format = "packed";

        return af_packed_verify(&attestation->statement, key, alg, data, len,
                                &result->aaguid);
    }

    return AF_WEBAUTHN_FORMAT;
}


/* section 8.2 */

static af_webauthn_status_t
af_packed_verify(const af_octets_t *statement, af_key_t *key,
    const af_cose_alg_t *alg, const unsigned char *data, size_t len,
    const af_octets_t *aaguid)
{
    af_packed_t           packed;
    const af_cose_alg_t  *signer;

    if (!af_packed_read(statement, &packed)) {
        return AF_WEBAUTHN_MALFORMED;
    }

    signer = af_cose_alg_find(packed.alg.integer);

    if (signer == NULL) {
        return AF_WEBAUTHN_ALGORITHM;
    }

    if (packed.x5c) {
        return af_packed_certified(&packed, signer, data, len, aaguid);
    }

    /* of itself: by the key that was made, and its algorithm */

    if (signer != alg) {
        return AF_WEBAUTHN_ALGORITHM;
    }

    return af_cose_verify(key, alg, &packed.sig.octets, data, len)
           ? AF_WEBAUTHN_OK : AF_WEBAUTHN_SIGNATURE;
}


static int
af_packed_read(const af_octets_t *statement, af_packed_t *packed)
{
    size_t          n;
    af_octets_t     in;
    af_cbor_item_t  map, name;

    memset(packed, 0, sizeof(af_packed_t));
    in = *statement;

    if (!af_cbor_expect(&in, AF_CBOR_MAP, &map)) {
        return 0;
    }

    for (n = map.n; n != 0; n--) {
        if (!af_cbor_expect(&in, AF_CBOR_TEXT, &name)
            || !af_packed_member(&in, &name.octets, packed))
        {
            return 0;
        }
    }

    return packed->alg.type == AF_CBOR_INTEGER
           && packed->sig.type == AF_CBOR_BYTES;
}


static int
af_packed_member(af_octets_t *in, const af_octets_t *name, af_packed_t *packed)
{
    if (af_octets_are(name, "alg")) {
        return packed->alg.type == AF_CBOR_NONE
               && af_cbor_expect(in, AF_CBOR_INTEGER, &packed->alg);
    }

    if (af_octets_are(name, "sig")) {
        return packed->sig.type == AF_CBOR_NONE
               && af_cbor_expect(in, AF_CBOR_BYTES, &packed->sig);
    }

    return af_octets_are(name, "x5c") && af_packed_chain(in, packed);
}


static int
af_packed_chain(af_octets_t *in, af_packed_t *packed)
{
    size_t          i;
    af_cbor_item_t  array, certificate;

    if (packed->x5c
        || !af_cbor_expect(in, AF_CBOR_ARRAY, &array)
        || array.n == 0
        || array.n > AF_CERTIFICATES_MAX)
    {
        return 0;
    }

    packed->x5c = 1;

    for (i = 0; i < array.n; i++) {
        if (!af_cbor_expect(in, AF_CBOR_BYTES, &certificate)) {
            return 0;
        }

        if (i == 0) {
            packed->leaf = certificate.octets;
        }
    }

    return 1;
}


static af_webauthn_status_t
af_packed_certified(const af_packed_t *packed, const af_cose_alg_t *alg,
    const unsigned char *data, size_t len, const af_octets_t *aaguid)
{
    X509                  *x509;
    af_key_t              *key;
    const unsigned char   *p;
    af_webauthn_status_t   status;

    (void) ERR_set_mark();

    p = packed->leaf.data;
    x509 = d2i_X509(NULL, &p, packed->leaf.len);
    key = NULL;

    if (x509 == NULL
        || p != packed->leaf.data + packed->leaf.len
        || !af_certificate_is_fit(x509, aaguid))
    {
        status = AF_WEBAUTHN_MALFORMED;

    } else {
        key = af_certificate_key(x509, alg);

        status = (key == NULL) ? AF_WEBAUTHN_KEY
                 : af_cose_verify(key, alg, &packed->sig.octets, data, len)
                 ? AF_WEBAUTHN_OK : AF_WEBAUTHN_SIGNATURE;
    }

    af_key_free(key);
    X509_free(x509);

    (void) ERR_pop_to_mark();

    return status;
}


/* a key for another algorithm isn't taken: af_key_create() compares them */

static af_key_t *
af_certificate_key(X509 *x509, const af_cose_alg_t *alg)
{
    EVP_PKEY          *pkey;
    af_key_t          *key;
    const char        *error;
    af_material_t      material;
    af_key_options_t   options;

    pkey = X509_get_pubkey(x509);

    if (pkey == NULL) {
        return NULL;
    }

    if (EVP_PKEY_get_bits(pkey) > AF_COSE_RSA_MAX) {
        EVP_PKEY_free(pkey);
        return NULL;
    }

    if (af_material_pkey(&material, pkey, 0, &error) != 0) {
        return NULL;
    }

    memset(&options, 0, sizeof(af_key_options_t));
    options.alg = alg->name;
    options.use = AF_USE_VERIFY;

    key = af_key_create(&material, &options, &error);

    af_material_free(&material);

    return key;
}


/* section 8.2.1, but for the names in the subject */

static int
af_certificate_is_fit(X509 *x509, const af_octets_t *aaguid)
{
    return X509_get_version(x509) == X509_VERSION_3
           && !(X509_get_extension_flags(x509) & (EXFLAG_INVALID|EXFLAG_CA))
           && af_certificate_names(x509, aaguid);
}


/* the model of authenticator, if it has one, is that of the credential */

static int
af_certificate_names(X509 *x509, const af_octets_t *aaguid)
{
    int                       i;
    ASN1_OBJECT              *oid;
    X509_EXTENSION           *extension;
    const ASN1_OCTET_STRING  *value;
    const unsigned char      *p;

    oid = OBJ_txt2obj(AF_AAGUID_OID, 1);

    if (oid == NULL) {
        return 0;
    }

    i = X509_get_ext_by_OBJ(x509, oid, -1);
    ASN1_OBJECT_free(oid);

    if (i == -1) {
        return 1;
    }

    extension = X509_get_ext(x509, i);
    value = X509_EXTENSION_get_data(extension);
    p = ASN1_STRING_get0_data(value);

    /* an OCTET STRING in the octets of the extension */

    return !X509_EXTENSION_get_critical(extension)
           && (size_t) ASN1_STRING_length(value) == 2 + aaguid->len
           && p[0] == V_ASN1_OCTET_STRING
           && p[1] == aaguid->len
           && memcmp(p + 2, aaguid->data, aaguid->len) == 0;
}
