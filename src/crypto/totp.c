#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include "crypto/totp.h"


/* longer secrets come from other systems */
#define AF_TOTP_KEY_MAX  64

/* octets of SHA-1 */
#define AF_SHA1_SIZE  20


static int64_t af_totp_number(const char *code);


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


void
af_totp_secret(char secret[AF_TOTP_SIZE])
{
    unsigned char  octets[AF_TOTP_OCTETS];

    randombytes_buf(octets, sizeof(octets));
    af_base32_encode(octets, sizeof(octets), secret);
    sodium_memzero(octets, sizeof(octets));
}


/* RFC 4226, section 5.3 */

uint32_t
af_totp_code(const unsigned char *key, size_t len, uint64_t step)
{
    int            i;
    uint32_t       value;
    unsigned       size, offset;
    unsigned char  message[8], mac[AF_SHA1_SIZE];

    for (i = 7; i >= 0; i--) {
        message[i] = step & 255;
        step >>= 8;
    }

    if (HMAC(EVP_sha1(), key, len, message, sizeof(message), mac, &size)
        == NULL)
    {
        return UINT32_MAX;
    }

    offset = mac[AF_SHA1_SIZE - 1] & 15;

    value = (uint32_t) (mac[offset] & 127) << 24
            | (uint32_t) mac[offset + 1] << 16
            | (uint32_t) mac[offset + 2] << 8
            | mac[offset + 3];

    return value % 1000000;
}


/*
 * All three are computed, whichever it is.  Comparing them takes as long for
 * any code.
 */

int64_t
af_totp_verify(const char *secret, const char *code, int64_t time,
    int64_t last)
{
    int64_t        number, step, found;
    ptrdiff_t      len;
    unsigned char  key[AF_TOTP_KEY_MAX];

    number = af_totp_number(code);
    len = af_base32_decode(secret, key, sizeof(key));

    if (number == -1 || len <= 0) {
        return -1;
    }

    found = -1;

    for (step = time / AF_TOTP_STEP + 1; step >= time / AF_TOTP_STEP - 1;
         step--)
    {
        if (step > last && step >= 0
            && (int64_t) af_totp_code(key, len, step) == number)
        {
            found = step;
        }
    }

    sodium_memzero(key, sizeof(key));

    return found;
}


/* blanks are how apps show it: "123 456" */

static int64_t
af_totp_number(const char *code)
{
    int      digits;
    int64_t  number;

    digits = 0;
    number = 0;

    for ( /* void */ ; *code != '\0'; code++) {

        if (*code == ' ') {
            continue;
        }

        if (*code < '0' || *code > '9' || ++digits > AF_TOTP_DIGITS) {
            return -1;
        }

        number = number * 10 + (*code - '0');
    }

    return (digits == AF_TOTP_DIGITS) ? number : -1;
}
