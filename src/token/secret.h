/*
 * What can't be a secret, although it may be mistaken for one.  Pure C: no
 * nginx types.
 */

#ifndef AF_TOKEN_SECRET_H
#define AF_TOKEN_SECRET_H

#include <stddef.h>


/*
 * If the octets of a public key, or of a key's file in the wrong format, were
 * used as a secret, anyone who knows them could make tokens.  Returns a phrase
 * that says what they are ("PEM is not a secret"), or NULL.
 */
const char *af_secret_check(const unsigned char *secret, size_t len);


#endif /* AF_TOKEN_SECRET_H */
