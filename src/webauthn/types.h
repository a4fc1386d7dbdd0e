/*
 * What WebAuthn's parts tell each other, and their caller.
 */

#ifndef AF_WEBAUTHN_TYPES_H
#define AF_WEBAUTHN_TYPES_H

#include "check/origin.h"
#include "webauthn/cbor.h"


/* octets of what a browser sends, more than any valid answer has */
#define AF_WEBAUTHN_CLIENT_DATA_MAX    4096
#define AF_WEBAUTHN_ATTESTATION_MAX    8192
#define AF_WEBAUTHN_AUTHENTICATOR_MAX  4096
#define AF_WEBAUTHN_SIGNATURE_MAX      512

/* octets of a credential's id (section 7.1, step 25) and of its key */
#define AF_WEBAUTHN_ID_MAX   1023
#define AF_WEBAUTHN_KEY_MAX  1024

#define AF_WEBAUTHN_AAGUID_SIZE  16


typedef enum {
    AF_WEBAUTHN_OK = 0,
    AF_WEBAUTHN_MALFORMED,
    AF_WEBAUTHN_TYPE,              /* an assertion for an attestation */
    AF_WEBAUTHN_CHALLENGE,
    AF_WEBAUTHN_ORIGIN,
    AF_WEBAUTHN_CROSS_ORIGIN,      /* in a frame of another site */
    AF_WEBAUTHN_RP_ID,
    AF_WEBAUTHN_ABSENT,            /* nobody touched the authenticator */
    AF_WEBAUTHN_UNVERIFIED,        /* nor said who they are, as is required */
    AF_WEBAUTHN_ALGORITHM,
    AF_WEBAUTHN_KEY,               /* weak, or none at all */
    AF_WEBAUTHN_FORMAT,            /* an attestation of a kind we don't read */
    AF_WEBAUTHN_SIGNATURE
} af_webauthn_status_t;


/* what a site expects */

typedef struct {
    const char         *rp_id;
    const af_origin_t  *origins;   /* or patterns */
    size_t              norigins;
    unsigned            verification:1;  /* of the user is required */

    /* whether a challenge is one that was given for this purpose */
    int               (*challenge)(void *data, const unsigned char *octets,
                                   size_t len);
    void               *data;
} af_webauthn_rules_t;


/* what a browser sends; of an attestation only the first two are used */

typedef struct {
    af_octets_t  client_data;      /* clientDataJSON */
    af_octets_t  attestation;      /* attestationObject */
    af_octets_t  authenticator;    /* authenticatorData */
    af_octets_t  signature;
} af_webauthn_response_t;


/* what an authenticator says; all octets are in the response */

typedef struct {
    unsigned       present:1;      /* a test of the user's presence */
    unsigned       verified:1;     /* by a PIN, a finger, … */
    unsigned       backup_eligible:1;
    unsigned       backed_up:1;
    uint32_t       counter;

    /* of a new credential */
    af_octets_t    aaguid;
    af_octets_t    id;
    af_octets_t    public_key;     /* COSE */
    int            alg;            /* COSE's */
    const char    *format;         /* of the attestation: "none" or "packed" */
} af_webauthn_result_t;


#endif /* AF_WEBAUTHN_TYPES_H */
