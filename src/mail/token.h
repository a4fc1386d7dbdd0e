/*
 * The tokens in mails: base64url of a row's id and HMAC-SHA256(key, kind, 0,
 * id), 64 characters.  The row is found by the id; without the key nobody
 * makes the rest, whatever they read of the database.  Pure C.
 */

#ifndef AF_MAIL_TOKEN_H
#define AF_MAIL_TOKEN_H

#include <stddef.h>
#include "crypto/derive.h"


/* both with the terminating zero */
#define AF_MAIL_ID_SIZE     37
#define AF_MAIL_TOKEN_SIZE  65


/* Makes the key of a secret.  Returns 0, or -1 if there is no memory. */
int af_mail_key(const unsigned char *secret, size_t len, af_derived_key_t key);

/*
 * Makes the token of a mail of a kind; `id` is the row's, in UUID form.
 * Returns 0, or -1 if the id is not one.
 */
int af_mail_token(const af_derived_key_t key, const char *kind, const char *id,
    char token[AF_MAIL_TOKEN_SIZE]);

/*
 * Checks a token that someone presents, with any of `n` keys.  Returns 1 with
 * the row's id, or 0.
 */
int af_mail_token_check(const af_derived_key_t *keys, size_t n,
    const char *kind, const char *token, size_t len, char id[AF_MAIL_ID_SIZE]);


#endif /* AF_MAIL_TOKEN_H */
