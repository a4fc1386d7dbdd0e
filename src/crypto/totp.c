#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include "crypto/totp.h"
#include "check/base32.h"


/* longer secrets come from other systems */
#define AF_TOTP_KEY_MAX  64

/* octets of SHA-1 */
#define AF_SHA1_SIZE  20


static int64_t af_totp_number(const char *code);


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

    if (number == -1) {
        return -1;
    }

    len = af_base32_decode(secret, key, sizeof(key));
    found = -1;

    for (step = time / AF_TOTP_STEP + 1; step >= time / AF_TOTP_STEP - 1;
         step--)
    {
        if (len > 0 && step > last && step >= 0
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
