/*
 * What can't be a secret, though somebody may take it for one.  Pure C: no
 * nginx types.
 */

#ifndef AF_TOKEN_SECRET_H
#define AF_TOKEN_SECRET_H

#include <stddef.h>


/*
 * Whoever knows a public key, or a key's file that is read as something else
 * than it is, could make tokens if its octets were a secret.  Returns a phrase
 * that says what they are ("PEM is no secret"), or NULL.
 */
const char *af_secret_check(const unsigned char *secret, size_t len);


#endif /* AF_TOKEN_SECRET_H */
