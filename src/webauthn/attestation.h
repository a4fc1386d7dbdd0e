/*
 * Attestations (WebAuthn, sections 6.5.4 and 8).  For webauthn/ alone.
 */

#ifndef AF_WEBAUTHN_ATTESTATION_H
#define AF_WEBAUTHN_ATTESTATION_H

#include "webauthn/cose.h"
#include "webauthn/types.h"


typedef struct {
    af_octets_t  format;
    af_octets_t  statement;
    af_octets_t  authenticator;    /* the authenticator data */
} af_attestation_t;


/* Reads an attestation object; returns 0 if it is malformed. */
int af_attestation_read(const af_octets_t *object,
    af_attestation_t *attestation);

/*
 * Verifies what the attestation's statement has signed: the authenticator data
 * followed by the hash of the client data.  Sets result->format.
 */
af_webauthn_status_t af_attestation_verify(const af_attestation_t *attestation,
    af_key_t *key, const af_cose_alg_t *alg, const unsigned char *data,
    size_t len, af_webauthn_result_t *result);


#endif /* AF_WEBAUTHN_ATTESTATION_H */
