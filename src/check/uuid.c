#include <sodium.h>

#include "check/schema.h"
#include "check/uuid.h"


int
af_uuid_read(const char *text, size_t len,
    unsigned char octets[AF_UUID_OCTETS])
{
    return (af_is_uuid(text, len)
            && sodium_hex2bin(octets, AF_UUID_OCTETS, text, len, "-", NULL,
                              NULL)
               == 0)
           ? 0 : -1;
}


void
af_uuid_write(const unsigned char octets[AF_UUID_OCTETS],
    char text[AF_UUID_SIZE])
{
    size_t  i, n;

    for (i = 0, n = 0; i < AF_UUID_OCTETS; i++) {

        if (i == 4 || i == 6 || i == 8 || i == 10) {
            text[n++] = '-';
        }

        sodium_bin2hex(text + n, 3, octets + i, 1);
        n += 2;
    }
}
