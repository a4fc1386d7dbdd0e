/*
 * Base32 in upper case, without padding (RFC 4648, section 6).  Pure C: no
 * nginx types.
 */

#ifndef AF_CHECK_BASE32_H
#define AF_CHECK_BASE32_H

#include <stddef.h>


/* of a text of so many octets, with the terminating zero */
#define AF_BASE32_SIZE(octets)  (((octets) * 8 + 4) / 5 + 1)


void af_base32_encode(const unsigned char *octets, size_t len, char *text);

/*
 * Reads it, in upper or lower case.  Returns the number of octets, at most
 * `size`, or -1.
 */
ptrdiff_t af_base32_decode(const char *text, unsigned char *octets,
    size_t size);


#endif /* AF_CHECK_BASE32_H */
