#include <string.h>

#include "check/base32.h"


static const char  af_base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";


void
af_base32_encode(const unsigned char *octets, size_t len, char *text)
{
    size_t    i, bits;
    unsigned  value;

    bits = 0;
    value = 0;

    for (i = 0; i < len; i++) {
        value = value << 8 | octets[i];

        for (bits += 8; bits >= 5; bits -= 5) {
            *text++ = af_base32[value >> (bits - 5) & 31];
        }
    }

    if (bits != 0) {
        *text++ = af_base32[value << (5 - bits) & 31];
    }

    *text = '\0';
}


ptrdiff_t
af_base32_decode(const char *text, unsigned char *octets, size_t size)
{
    char         c;
    size_t       n, bits;
    unsigned     value;
    const char  *digit;

    n = 0;
    bits = 0;
    value = 0;

    while (*text != '\0') {
        c = *text++;
        c = (c >= 'a' && c <= 'z') ? c - 'a' + 'A' : c;
        digit = strchr(af_base32, c);

        if (digit == NULL) {
            return -1;
        }

        value = value << 5 | (digit - af_base32);
        bits += 5;

        if (bits < 8) {
            continue;
        }

        if (n == size) {
            return -1;
        }

        bits -= 8;
        octets[n++] = value >> bits & 255;
    }

    return n;
}
