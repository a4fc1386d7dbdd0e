#include <sodium.h>

#include "token/device.h"


void
af_device_make(char text[AF_DEVICE_SIZE])
{
    unsigned char  octets[AF_DEVICE_OCTETS];

    randombytes_buf(octets, sizeof(octets));

    (void) sodium_bin2base64(text, AF_DEVICE_SIZE, octets, sizeof(octets),
                             AF_BASE64URL);

    sodium_memzero(octets, sizeof(octets));
}


int
af_device_hash(const char *text, size_t len, char hash[AF_DEVICE_HASH_SIZE])
{
    size_t         n;
    unsigned char  octets[AF_DEVICE_OCTETS];
    unsigned char  digest[crypto_hash_sha256_BYTES];

    if (!af_base64url_decode(octets, sizeof(octets), &n, text, len)
        || n != sizeof(octets))
    {
        return -1;
    }

    (void) crypto_hash_sha256(digest, octets, sizeof(octets));
    (void) sodium_bin2hex(hash, AF_DEVICE_HASH_SIZE, digest, sizeof(digest));

    sodium_memzero(octets, sizeof(octets));

    return 0;
}
