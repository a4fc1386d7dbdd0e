#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "check/hex.h"
#include "check/uuid.h"


static uint64_t af_uuid_eight(const char *digits);
static uint64_t af_uuid_four(const char *first, const char *second);


int
af_uuid_read(const char *text, size_t len,
    unsigned char octets[AF_UUID_OCTETS])
{
    if (len != AF_UUID_SIZE - 1
        || text[8] != '-' || text[13] != '-'
        || text[18] != '-' || text[23] != '-')
    {
        return -1;
    }

    return af_hex_read(af_uuid_eight(text),
                       af_uuid_four(text + 9, text + 14), octets)
           && af_hex_read(af_uuid_four(text + 19, text + 24),
                          af_uuid_eight(text + 28), octets + AF_HEX_OCTETS)
           ? 0 : -1;
}


static uint64_t
af_uuid_eight(const char *digits)
{
    uint64_t  n;

    memcpy(&n, digits, sizeof(n));

    return n;
}


/*
 * twice four: what was just stored in pieces must not be loaded as a whole, for
 * which a processor waits
 */

static uint64_t
af_uuid_four(const char *first, const char *second)
{
    uint32_t  a, b;

    memcpy(&a, first, sizeof(a));
    memcpy(&b, second, sizeof(b));

    return htole64((uint64_t) le32toh(b) << 32 | le32toh(a));
}


void
af_uuid_write(const unsigned char octets[AF_UUID_OCTETS],
    char text[AF_UUID_SIZE])
{
    char  hex[2 * AF_HEX_DIGITS];

    af_hex_write(octets, hex);
    af_hex_write(octets + AF_HEX_OCTETS, hex + AF_HEX_DIGITS);

    memcpy(text, "________-____-____-____-____________", AF_UUID_SIZE);
    memcpy(text, hex, 8);
    memcpy(text + 9, hex + 8, 4);
    memcpy(text + 14, hex + 12, 4);
    memcpy(text + 19, hex + 16, 4);
    memcpy(text + 24, hex + 20, 12);
}
