/*
 * All digits at once: each protected request writes two ids, and each of the
 * API a name of its own.
 */

#include <string.h>

#include "check/hex.h"


#if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
#define AF_HEX_FIRST   0       /* where a pair has its first digit, in bits */
#define AF_HEX_SECOND  8
#else
#define AF_HEX_FIRST   8
#define AF_HEX_SECOND  0
#endif


typedef unsigned char  af_hex_octets_t
    __attribute__((vector_size(AF_HEX_OCTETS)));

typedef unsigned char  af_hex_digits_t
    __attribute__((vector_size(AF_HEX_DIGITS)));

typedef uint16_t  af_hex_pairs_t
    __attribute__((vector_size(AF_HEX_DIGITS)));

typedef uint64_t  af_hex_words_t
    __attribute__((vector_size(AF_HEX_DIGITS)));


void
af_hex_write(const unsigned char octets[AF_HEX_OCTETS],
    char hex[AF_HEX_DIGITS])
{
    af_hex_pairs_t   pairs;
    af_hex_octets_t  o;
    af_hex_digits_t  digits;

    memcpy(&o, octets, sizeof(o));

    pairs = __builtin_convertvector(o, af_hex_pairs_t);
    pairs = pairs >> 4 << AF_HEX_FIRST | (pairs & 0x0f) << AF_HEX_SECOND;

    digits = (af_hex_digits_t) pairs;
    digits += '0' + ((af_hex_digits_t) (digits > 9) & ('a' - '0' - 10));

    memcpy(hex, &digits, sizeof(digits));
}


int
af_hex_read(uint64_t first, uint64_t second,
    unsigned char octets[AF_HEX_OCTETS])
{
    af_hex_pairs_t   pairs;
    af_hex_words_t   invalid;
    af_hex_octets_t  o;
    af_hex_digits_t  c, lower, digit, letter;

    c = (af_hex_digits_t) (af_hex_words_t) { first, second };
    lower = c | 0x20;

    digit = (af_hex_digits_t) ((c >= '0') & (c <= '9'));
    letter = (af_hex_digits_t) ((lower >= 'a') & (lower <= 'f'));

    pairs = (af_hex_pairs_t) ((digit & (c - '0'))
                              | (letter & (lower - 'a' + 10)));
    pairs = (pairs >> AF_HEX_FIRST & 0x0f) << 4
            | (pairs >> AF_HEX_SECOND & 0x0f);

    o = __builtin_convertvector(pairs, af_hex_octets_t);
    memcpy(octets, &o, sizeof(o));

    invalid = (af_hex_words_t) ~(digit | letter);

    return (invalid[0] | invalid[1]) == 0;
}
