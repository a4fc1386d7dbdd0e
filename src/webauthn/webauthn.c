#include <stdlib.h>
#include <string.h>
#include <sodium.h>

#include "webauthn/attestation.h"
#include "webauthn/authenticator.h"
#include "webauthn/client.h"
#include "webauthn/cose.h"
#include "webauthn/webauthn.h"


static af_webauthn_status_t af_webauthn_attested(
    const af_attestation_t *attestation, const af_octets_t *client_data,
    af_webauthn_result_t *result);
static unsigned char *af_webauthn_signed(const af_octets_t *authenticator,
    const af_octets_t *client_data, size_t *len);


static const char *const  af_webauthn_reasons[] = {
    [AF_WEBAUTHN_OK] = "valid",
    [AF_WEBAUTHN_MALFORMED] = "malformed",
    [AF_WEBAUTHN_TYPE] = "of the wrong type",
    [AF_WEBAUTHN_CHALLENGE] = "for a challenge that isn't valid",
    [AF_WEBAUTHN_ORIGIN] = "of another origin",
    [AF_WEBAUTHN_CROSS_ORIGIN] = "made in a frame of another origin",
    [AF_WEBAUTHN_RP_ID] = "for another RP id",
    [AF_WEBAUTHN_ABSENT] = "made without the user",
    [AF_WEBAUTHN_UNVERIFIED] = "made without verification of the user",
    [AF_WEBAUTHN_ALGORITHM] = "of an algorithm that isn't supported",
    [AF_WEBAUTHN_KEY] = "of a key that isn't valid",
    [AF_WEBAUTHN_FORMAT] = "of a format that isn't supported",
    [AF_WEBAUTHN_SIGNATURE] = "wrongly signed"
};


af_webauthn_status_t
af_webauthn_register(const af_webauthn_rules_t *rules,
    const af_webauthn_response_t *response, af_webauthn_result_t *result)
{
    af_attestation_t      attestation;
    af_webauthn_status_t  status;

    memset(result, 0, sizeof(af_webauthn_result_t));

    status = af_client_check(rules, "webauthn.create", &response->client_data);

    if (status != AF_WEBAUTHN_OK) {
        return status;
    }

    if (!af_attestation_read(&response->attestation, &attestation)) {
        return AF_WEBAUTHN_MALFORMED;
    }

    status = af_authenticator_read(rules, &attestation.authenticator, 1,
                                   result);

    if (status != AF_WEBAUTHN_OK) {
        return status;
    }

    return af_webauthn_attested(&attestation, &response->client_data, result);
}


static af_webauthn_status_t
af_webauthn_attested(const af_attestation_t *attestation,
    const af_octets_t *client_data, af_webauthn_result_t *result)
{
    size_t                 len;
    af_key_t              *key;
    unsigned char         *data;
    const af_cose_alg_t   *alg;
    af_webauthn_status_t   status;

    alg = NULL;
    key = af_cose_read(&result->public_key, &alg);

    if (key == NULL) {
        return (alg == NULL) ? AF_WEBAUTHN_ALGORITHM : AF_WEBAUTHN_KEY;
    }

    result->alg = alg->id;

    data = af_webauthn_signed(&attestation->authenticator, client_data, &len);

    status = (data == NULL) ? AF_WEBAUTHN_MALFORMED
             : af_attestation_verify(attestation, key, alg, data, len, result);

    free(data);
    af_key_free(key);

    return status;
}


af_webauthn_status_t
af_webauthn_assert(const af_webauthn_rules_t *rules,
    const af_webauthn_response_t *response, const af_octets_t *public_key,
    af_webauthn_result_t *result)
{
    size_t                 len;
    af_key_t              *key;
    unsigned char         *data;
    const af_cose_alg_t   *alg;
    af_webauthn_status_t   status;

    memset(result, 0, sizeof(af_webauthn_result_t));

    status = af_client_check(rules, "webauthn.get", &response->client_data);

    if (status == AF_WEBAUTHN_OK) {
        status = af_authenticator_read(rules, &response->authenticator, 0,
                                       result);
    }

    if (status != AF_WEBAUTHN_OK) {
        return status;
    }

    key = af_cose_read(public_key, &alg);

    if (key == NULL) {
        return AF_WEBAUTHN_KEY;
    }

    result->alg = alg->id;

    data = af_webauthn_signed(&response->authenticator, &response->client_data,
                              &len);

    if (data == NULL
        || !af_cose_verify(key, alg, &response->signature, data, len))
    {
        status = AF_WEBAUTHN_SIGNATURE;
    }

    free(data);
    af_key_free(key);

    return status;
}


/* the authenticator data, and the hash of the client data: to be freed */

static unsigned char *
af_webauthn_signed(const af_octets_t *authenticator,
    const af_octets_t *client_data, size_t *len)
{
    unsigned char  *data;

    *len = authenticator->len + crypto_hash_sha256_BYTES;
    data = malloc(*len);

    if (data == NULL) {
        return NULL;
    }

    memcpy(data, authenticator->data, authenticator->len);

    (void) crypto_hash_sha256(data + authenticator->len, client_data->data,
                              client_data->len);

    return data;
}


const char *
af_webauthn_reason(af_webauthn_status_t status)
{
    return af_webauthn_reasons[status];
}
