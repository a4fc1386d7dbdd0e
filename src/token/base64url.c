/*
 * Decodes sixteen characters at a time.  What a signature or a key has must not
 * show in the time this takes: no branch and no address depends on the text.
 */

#include <string.h>

#include "token/base64url.h"


#define AF_BASE64URL_CHARS   16
#define AF_BASE64URL_OCTETS  12


typedef unsigned char  af_chars_t
    __attribute__((vector_size(AF_BASE64URL_CHARS)));

typedef uint32_t  af_words_t
    __attribute__((vector_size(AF_BASE64URL_CHARS)));


static af_chars_t af_base64url_digits(af_chars_t c, af_chars_t *invalid);
static void af_base64url_join(unsigned char *dst, af_chars_t digits);
static af_words_t af_base64url_little(af_words_t words);


int
af_base64url_decode(unsigned char *dst, size_t size, size_t *n,
    const char *src, size_t len)
{
    size_t         rest, left;
    uint64_t       bad[2];
    af_chars_t     c, invalid;
    unsigned char  last[AF_BASE64URL_OCTETS + 1];

    rest = len % 4;
    *n = len / 4 * 3 + (rest ? rest - 1 : 0);

    if (rest == 1 || *n > size) {
        return 0;
    }

    memset(&invalid, 0, sizeof(invalid));

    for (left = len; left > AF_BASE64URL_CHARS; left -= AF_BASE64URL_CHARS) {
        memcpy(&c, src, AF_BASE64URL_CHARS);
        af_base64url_join(dst, af_base64url_digits(c, &invalid));

        src += AF_BASE64URL_CHARS;
        dst += AF_BASE64URL_OCTETS;
    }

    /* the last characters, and zeros */

    memset(&c, 'A', sizeof(c));
    memcpy(&c, src, left);
    af_base64url_join(last, af_base64url_digits(c, &invalid));
    last[AF_BASE64URL_OCTETS] = 0;

    rest = left / 4 * 3 + (left % 4 ? left % 4 - 1 : 0);
    memcpy(dst, last, rest);

    /* excess bits are in the octet behind */

    memcpy(bad, &invalid, sizeof(bad));

    return (bad[0] | bad[1] | last[rest]) == 0;
}


/* the values of the characters, from 0 to 63 */

static af_chars_t
af_base64url_digits(af_chars_t c, af_chars_t *invalid)
{
    af_chars_t  upper, lower, digit, minus, line;

    /* what is in front of a range is far behind it, modulo 256 */

    upper = (af_chars_t) (c - 'A' < 26);
    lower = (af_chars_t) (c - 'a' < 26);
    digit = (af_chars_t) (c - '0' < 10);
    minus = (af_chars_t) (c == '-');
    line = (af_chars_t) (c == '_');

    *invalid |= ~(upper | lower | digit | minus | line);

    return (upper & (c - 'A')) | (lower & (c - 'a' + 26))
           | (digit & (c - '0' + 52)) | (minus & 62) | (line & 63);
}


/* four digits of 6 bits, the first one lowest, are three octets, likewise */

static void
af_base64url_join(unsigned char *dst, af_chars_t digits)
{
    size_t      i;
    af_words_t  d, octets;

    d = af_base64url_little((af_words_t) digits);

    octets = (d << 2 & 0x0000fc) | (d >> 12 & 0x000003)
             | (d << 4 & 0x00f000) | (d >> 10 & 0x000f00)
             | (d << 6 & 0xc00000) | (d >> 8 & 0x3f0000);

    octets = af_base64url_little(octets);

    /* a fourth octet is overwritten by the next three */

    for (i = 0; i < AF_BASE64URL_CHARS / 4 - 1; i++) {
        memcpy(dst + 3 * i, (unsigned char *) &octets + 4 * i, 4);
    }

    memcpy(dst + 3 * i, (unsigned char *) &octets + 4 * i, 3);
}


static af_words_t
af_base64url_little(af_words_t words)
{
#if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
    return words;
#else
    return words << 24 | (words << 8 & 0xff0000) | (words >> 8 & 0xff00)
           | words >> 24;
#endif
}
