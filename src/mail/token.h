/*
 * The tokens in mails: base64url of a key's id, a row's id and HMAC-SHA256(key,
 * kind, 0, the row's id), 70 characters.  The row is found by its id; without
 * the key nobody can make the rest, whatever they read of the database.  Legacy
 * tokens lack the key's id.  Pure C.
 */

#ifndef AF_MAIL_TOKEN_H
#define AF_MAIL_TOKEN_H

#include <stddef.h>
#include "crypto/purposes.h"


/* with the terminating zero */
#define AF_MAIL_ID_SIZE     37
#define AF_MAIL_TOKEN_SIZE  71


/*
 * Makes a token for a mail of a kind; `id` is the row's, a UUID.  Returns 0, or
 * -1 if it isn't one.
 */
int af_mail_token_make(const af_purpose_keys_t *keys, const char *kind,
    const char *id, char token[AF_MAIL_TOKEN_SIZE]);

/* Verifies a token.  Returns 1 with the row's id, or 0. */
int af_mail_token_check(const af_purpose_keys_t *keys, const char *kind,
    const char *token, size_t len, char id[AF_MAIL_ID_SIZE]);


#endif /* AF_MAIL_TOKEN_H */
