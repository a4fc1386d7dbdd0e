/*
 * A system call for each name would cost more than the rest of it.
 */

#include <string.h>
#include <sodium.h>

#include "check/random.h"


static void af_random_octets(unsigned char *octets, size_t len);


void
af_random_hex(char *hex, size_t len)
{
    char           text[AF_RANDOM_HEX_MAX + 1];
    unsigned char  octets[AF_RANDOM_HEX_MAX / 2];

    do {
        af_random_octets(octets, len / 2);
    } while (sodium_is_zero(octets, len / 2));

    sodium_bin2hex(text, sizeof(text), octets, len / 2);
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
