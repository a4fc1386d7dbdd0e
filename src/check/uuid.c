#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "check/uuid.h"


/* an octet eight times */
#define AF_UUID_EACH(octet)  ((octet) * UINT64_C(0x0101010101010101))


static void af_uuid_hex(const unsigned char octets[4], char hex[8]);
static int af_uuid_digit(char c);
static int af_uuid_hyphen(size_t octet);


int
af_uuid_read(const char *text, size_t len,
    unsigned char octets[AF_UUID_OCTETS])
{
    int     high, low;
    size_t  i;

    if (len != AF_UUID_SIZE - 1) {
        return -1;
    }

    for (i = 0; i < AF_UUID_OCTETS; i++) {

        if (af_uuid_hyphen(i) && *text++ != '-') {
            return -1;
        }

        high = af_uuid_digit(*text++);
        low = af_uuid_digit(*text++);

        if (high == -1 || low == -1) {
            return -1;
        }

        octets[i] = high << 4 | low;
    }

    return 0;
}


void
af_uuid_write(const unsigned char octets[AF_UUID_OCTETS],
    char text[AF_UUID_SIZE])
{
    char    hex[2 * AF_UUID_OCTETS];
    size_t  i;

    for (i = 0; i < AF_UUID_OCTETS; i += 4) {
        af_uuid_hex(octets + i, hex + 2 * i);
    }

    memcpy(text, "________-____-____-____-____________", AF_UUID_SIZE);
    memcpy(text, hex, 8);
    memcpy(text + 9, hex + 8, 4);
    memcpy(text + 14, hex + 12, 4);
    memcpy(text + 19, hex + 16, 4);
    memcpy(text + 24, hex + 20, 12);
}


/* eight digits at once: each protected request has two ids */

static void
af_uuid_hex(const unsigned char octets[4], char hex[8])
{
    uint32_t  n;
    uint64_t  digits, letters;

    memcpy(&n, octets, sizeof(n));

    digits = be32toh(n);
    digits = (digits << 16 | digits) & UINT64_C(0x0000ffff0000ffff);
    digits = (digits << 8 | digits) & UINT64_C(0x00ff00ff00ff00ff);
    digits = (digits << 4 | digits) & AF_UUID_EACH(0x0f);

    /* those of ten and more become 16 or more with six */

    letters = (digits + AF_UUID_EACH(6)) >> 4 & AF_UUID_EACH(1);
    digits += AF_UUID_EACH('0') + letters * ('a' - '0' - 10);

    digits = htobe64(digits);
    memcpy(hex, &digits, sizeof(digits));
}


static int
af_uuid_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


/* whether one is in front of this octet */

static int
af_uuid_hyphen(size_t octet)
{
    return octet == 4 || octet == 6 || octet == 8 || octet == 10;
}
