/*
 * UUIDs, binary and as text.  Pure C: no nginx types.
 */

#ifndef AF_CHECK_UUID_H
#define AF_CHECK_UUID_H

#include <stddef.h>


#define AF_UUID_OCTETS  16

/* of the text, with the terminating zero */
#define AF_UUID_SIZE  37


/* Parses a UUID of 36 characters.  Returns 0 or -1. */
int af_uuid_read(const char *text, size_t len,
    unsigned char octets[AF_UUID_OCTETS]);

void af_uuid_write(const unsigned char octets[AF_UUID_OCTETS],
    char text[AF_UUID_SIZE]);


#endif /* AF_CHECK_UUID_H */
