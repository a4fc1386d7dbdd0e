/*
 * CSRF tokens, one per session: base64url of a key's id and HMAC-SHA256(key,
 * the session's id as text), 48 characters.  Legacy tokens lack the key's id.
 * Pure C: no nginx types.
 */

#ifndef AF_TOKEN_CSRF_H
#define AF_TOKEN_CSRF_H

#include <stddef.h>

#include "crypto/purposes.h"


/* with the terminating zero */
#define AF_CSRF_SIZE  49


void af_csrf_make(const af_purpose_keys_t *keys, const unsigned char *session,
    size_t len, char token[AF_CSRF_SIZE]);

/* Whether a text is the token of a session. */
int af_csrf_check(const af_purpose_keys_t *keys, const unsigned char *session,
    size_t len, const char *token, size_t size);


#endif /* AF_TOKEN_CSRF_H */
