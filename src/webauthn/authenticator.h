/*
 * What an authenticator says: the authenticator data (WebAuthn, section 6.1).
 * For webauthn/ alone.
 */

#ifndef AF_WEBAUTHN_AUTHENTICATOR_H
#define AF_WEBAUTHN_AUTHENTICATOR_H

#include "webauthn/types.h"


/*
 * Reads the data, which have a credential if `attested`, and checks them,
 * but not the credential's key.
 */
af_webauthn_status_t af_authenticator_read(const af_webauthn_rules_t *rules,
    const af_octets_t *data, unsigned attested, af_webauthn_result_t *result);


#endif /* AF_WEBAUTHN_AUTHENTICATOR_H */
