/*
 * What the browser itself says: the client data (WebAuthn, section 5.8.1).
 * For webauthn/ alone.
 */

#ifndef AF_WEBAUTHN_CLIENT_H
#define AF_WEBAUTHN_CLIENT_H

#include "webauthn/types.h"


/* Checks its type, challenge and origin. */
af_webauthn_status_t af_client_check(const af_webauthn_rules_t *rules,
    const char *type, const af_octets_t *client_data);


#endif /* AF_WEBAUTHN_CLIENT_H */
