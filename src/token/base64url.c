#include "token/base64url.h"


int
af_base64url_decode(unsigned char *dst, size_t size, size_t *n,
    const char *src, size_t len)
{
    size_t  i;

    /* libsodium 1.0.18 mistakes octets above 127 for letters */

    for (i = 0; i < len; i++) {
        if (src[i] & 0x80) {
            return 0;
        }
    }

    /* with no end pointer, it fails unless everything was decoded */

    return sodium_base642bin(dst, size, src, len, NULL, n, NULL, AF_BASE64URL)
           == 0;
}
