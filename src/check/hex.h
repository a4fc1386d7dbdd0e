/*
 * Hex digits.  Pure C: no nginx types.
 */

#ifndef AF_CHECK_HEX_H
#define AF_CHECK_HEX_H

#include <stdint.h>


#define AF_HEX_OCTETS  8
#define AF_HEX_DIGITS  16


/* Writes eight octets in lower case; the text is not terminated. */
void af_hex_write(const unsigned char octets[AF_HEX_OCTETS],
    char hex[AF_HEX_DIGITS]);

/*
 * Reads them in either case: eight digits each, as they are in memory.  Returns
 * 1, or 0 if one is no digit.
 */
int af_hex_read(uint64_t first, uint64_t second,
    unsigned char octets[AF_HEX_OCTETS]);


#endif /* AF_CHECK_HEX_H */
