/*
 * A system call for each name would cost more than the rest of it.
 */

#include <string.h>
#include <sodium.h>

#include "check/hex.h"
#include "check/random.h"


static void af_random_octets(unsigned char *octets, size_t len);


void
af_random_hex(char *hex, size_t len)
{
    char           text[AF_RANDOM_HEX_MAX];
    size_t         i;
    unsigned char  octets[AF_RANDOM_HEX_MAX / 2];

    static const unsigned char  zeros[AF_RANDOM_HEX_MAX / 2];

    memset(octets, 0, sizeof(octets));

    do {
        af_random_octets(octets, len / 2);
    } while (memcmp(octets, zeros, len / 2) == 0);

    for (i = 0; i < len; i += AF_HEX_DIGITS) {
        af_hex_write(octets + i / 2, text + i);
    }

    memcpy(hex, text, len);
}


static void
af_random_octets(unsigned char *octets, size_t len)
{
    static size_t         left;
    static unsigned char  stock[2048];

    if (left < len) {
        randombytes_buf(stock, sizeof(stock));
        left = sizeof(stock);
    }

    left -= len;
    memcpy(octets, stock + left, len);
}
