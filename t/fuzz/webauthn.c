/*
 * What browsers send for WebAuthn.  The first octet says whether a credential
 * was made or used; then each part has its length in two octets before it: the
 * client data, then the attestation, or the authenticator data, the signature
 * and the public key.
 *
 * Nothing random is signed, so what is accepted as used must be a vector of the
 * corpus; a credential's parts are in the attestation, and its key can be read.
 */

#include <openssl/err.h>
#include <sodium.h>

#include "fuzz.h"
#include "webauthn/cose.h"
#include "webauthn/webauthn.h"


static int any_challenge(void *data, const unsigned char *octets, size_t len);
static af_octets_t part_of(const uint8_t **data, size_t *size);
static void registers(const af_webauthn_response_t *response);
static void is_within(const af_octets_t *part, const af_octets_t *whole);
static void skips(const af_octets_t *octets);


static af_origin_t          origin;
static af_webauthn_rules_t  rules = {
    .rp_id = "example.org",
    .origins = &origin,
    .norigins = 1,
    .challenge = any_challenge
};


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char  text[] = "https://example.org";

    (void) argc;
    (void) argv;

    af_must(sodium_init() != -1);
    af_must(af_origin_parse(text, strlen(text), &origin) == NULL);

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned                made;
    af_octets_t             key;
    af_webauthn_result_t    result;
    af_webauthn_response_t  response;

    if (size == 0) {
        return 0;
    }

    made = *data++ & 1;
    size--;

    memset(&response, 0, sizeof(response));
    response.client_data = part_of(&data, &size);

    if (made) {
        response.attestation = part_of(&data, &size);
        skips(&response.attestation);
        registers(&response);

    } else {
        response.authenticator = part_of(&data, &size);
        response.signature = part_of(&data, &size);
        key = part_of(&data, &size);

        if (af_webauthn_assert(&rules, &response, &key, &result)
            == AF_WEBAUTHN_OK)
        {
            af_must(result.present && result.id.data == NULL);
        }

        free((void *) key.data);
    }

    af_must(ERR_peek_error() == 0);

    free((void *) response.client_data.data);
    free((void *) response.attestation.data);
    free((void *) response.authenticator.data);
    free((void *) response.signature.data);

    return 0;
}


static int
any_challenge(void *data, const unsigned char *octets, size_t len)
{
    (void) data;
    (void) octets;

    return len != 0;
}


static af_octets_t
part_of(const uint8_t **data, size_t *size)
{
    size_t       len;
    af_octets_t  part;

    len = (*size >= 2) ? (size_t) ((*data)[0] << 8 | (*data)[1]) : 0;

    if (*size >= 2) {
        *data += 2;
        *size -= 2;
    }

    if (len > *size) {
        len = *size;
    }

    part.data = (unsigned char *) af_exact(*data, len);
    part.len = len;

    *data += len;
    *size -= len;

    return part;
}


static void
registers(const af_webauthn_response_t *response)
{
    af_key_t              *key;
    const af_cose_alg_t   *alg;
    af_webauthn_result_t   result;
    af_webauthn_status_t   status;

    status = af_webauthn_register(&rules, response, &result);
    af_must(af_webauthn_reason(status) != NULL);

    if (status != AF_WEBAUTHN_OK) {
        return;
    }

    is_within(&result.id, &response->attestation);
    is_within(&result.aaguid, &response->attestation);
    is_within(&result.public_key, &response->attestation);

    af_must(result.present);
    af_must(result.backup_eligible || !result.backed_up);
    af_must(result.id.len <= AF_WEBAUTHN_ID_MAX);
    af_must(result.aaguid.len == AF_WEBAUTHN_AAGUID_SIZE);
    af_must(strcmp(result.format, "none") == 0
            || strcmp(result.format, "packed") == 0);

    /* OpenSSL looks for factors of a modulus at random, and may find one now */

    key = af_cose_read(&result.public_key, &alg);
    af_must(alg->id == result.alg);
    af_must(key != NULL || alg->kind == AF_RSA);
    af_key_free(key);
}


static void
is_within(const af_octets_t *part, const af_octets_t *whole)
{
    af_must(part->data >= whole->data && part->len > 0
            && part->data + part->len <= whole->data + whole->len);
}


/* what is skipped is where it was */

static void
skips(const af_octets_t *octets)
{
    af_octets_t  in, whole;

    in = *octets;

    if (af_cbor_skip(&in, &whole)) {
        af_must(whole.data == octets->data);
        af_must(whole.len != 0 && whole.len + in.len == octets->len);
    }
}
