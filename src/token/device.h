/*
 * What a browser that is remembered has in a cookie: 256 random bits, of which
 * the database has a hash.  Pure C: no nginx types.
 */

#ifndef AF_TOKEN_DEVICE_H
#define AF_TOKEN_DEVICE_H

#include <stddef.h>

#include "token/base64url.h"


#define AF_DEVICE_OCTETS  32

/* with the terminating zero: of the text, and of its hash in hex */
#define AF_DEVICE_SIZE       af_base64url_size(AF_DEVICE_OCTETS)
#define AF_DEVICE_HASH_SIZE  65


void af_device_make(char text[AF_DEVICE_SIZE]);

/* Returns 0, or -1 if the text is none. */
int af_device_hash(const char *text, size_t len,
    char hash[AF_DEVICE_HASH_SIZE]);


#endif /* AF_TOKEN_DEVICE_H */
