/*
 * Refresh tokens.  The first of a session is random; each one's successor is
 * derived from it, so that whoever presents the same token again gets the same
 * successor, though nobody stores it.  Pure C: no nginx types.
 */

#ifndef AF_TOKEN_REFRESH_H
#define AF_TOKEN_REFRESH_H

#include <stddef.h>

#include "crypto/derive.h"


/* base64url of 256 bits, with a terminating zero */
#define AF_REFRESH_SIZE  44

/* SHA-256 in hexadecimal, likewise */
#define AF_REFRESH_HASH_SIZE  65


/* Makes the key of a secret's successors.  Returns 0, or -1 on failure. */
int af_refresh_key(const unsigned char *secret, size_t len,
    af_derived_key_t key);

void af_refresh_random(char token[AF_REFRESH_SIZE]);

/* HMAC with SHA-256 of the token's text */
void af_refresh_successor(const af_derived_key_t key, const char *token,
    char successor[AF_REFRESH_SIZE]);

/* what is stored of a token: SHA-256 of its text */
void af_refresh_hash(const char *token, char hash[AF_REFRESH_HASH_SIZE]);


#endif /* AF_TOKEN_REFRESH_H */
