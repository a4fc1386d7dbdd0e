#include <string.h>

#include <sodium.h>

#include "crypto/recovery.h"
#include "check/base32.h"


#define AF_RECOVERY_OCTETS  10
#define AF_RECOVERY_CHARS   16
#define AF_RECOVERY_GROUP   4


_Static_assert(AF_BASE32_SIZE(AF_RECOVERY_OCTETS) == AF_RECOVERY_CHARS + 1,
               "size");


void
af_recovery_make(char code[AF_RECOVERY_SIZE])
{
    int            i;
    char           text[AF_RECOVERY_CHARS + 1];
    unsigned char  octets[AF_RECOVERY_OCTETS];

    randombytes_buf(octets, sizeof(octets));
    af_base32_encode(octets, sizeof(octets), text);

    for (i = 0; i < AF_RECOVERY_CHARS; i++) {

        if (i && i % AF_RECOVERY_GROUP == 0) {
            *code++ = '-';
        }

        *code++ = text[i];
    }

    *code = '\0';

    sodium_memzero(octets, sizeof(octets));
    sodium_memzero(text, sizeof(text));
}


int
af_recovery_hash(const char *user_id, const char *code,
    char hash[AF_RECOVERY_HASH_SIZE])
{
    size_t                    n;
    char                      text[AF_RECOVERY_CHARS + 1];
    unsigned char             octets[AF_RECOVERY_OCTETS];
    unsigned char             digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state  state;

    for (n = 0; *code != '\0'; code++) {

        if (*code == '-' || *code == ' ') {
            continue;
        }

        if (n == AF_RECOVERY_CHARS) {
            return -1;
        }

        text[n++] = *code;
    }

    text[n] = '\0';

    if (n != AF_RECOVERY_CHARS
        || af_base32_decode(text, octets, sizeof(octets))
           != AF_RECOVERY_OCTETS)
    {
        return -1;
    }

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const unsigned char *) user_id,
                              strlen(user_id) + 1);
    crypto_hash_sha256_update(&state, octets, sizeof(octets));
    crypto_hash_sha256_final(&state, digest);

    (void) sodium_bin2hex(hash, AF_RECOVERY_HASH_SIZE, digest, sizeof(digest));

    sodium_memzero(octets, sizeof(octets));
    sodium_memzero(text, sizeof(text));

    return 0;
}
