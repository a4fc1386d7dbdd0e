/*
 * WebAuthn (Web Authentication, level 3): what a browser sends after it has
 * made a credential (section 7.1), or used one (section 7.2).  Pure C: no nginx
 * types.  sodium_init() was called before.
 *
 * What a site can decide without a database is decided here; whose credential
 * it is, whether its counter went backwards, and whether a challenge was used
 * before is left to the caller.
 */

#ifndef AF_WEBAUTHN_WEBAUTHN_H
#define AF_WEBAUTHN_WEBAUTHN_H

#include "webauthn/types.h"


/* Verifies that a credential was made. */
af_webauthn_status_t af_webauthn_register(const af_webauthn_rules_t *rules,
    const af_webauthn_response_t *response, af_webauthn_result_t *result);

/*
 * Verifies that a credential was used, whose public key, as it was registered,
 * is given.
 */
af_webauthn_status_t af_webauthn_assert(const af_webauthn_rules_t *rules,
    const af_webauthn_response_t *response, const af_octets_t *public_key,
    af_webauthn_result_t *result);

/* What is wrong, in a few words, for the log. */
const char *af_webauthn_reason(af_webauthn_status_t status);


#endif /* AF_WEBAUTHN_WEBAUTHN_H */
