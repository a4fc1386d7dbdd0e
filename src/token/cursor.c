#include <string.h>
#include <sodium.h>

#include "token/cursor.h"


/*
 * Another one whenever a list's statement reads or writes its positions
 * otherwise: those of before are then refused, not misread.
 */
#define AF_CURSOR_VERSION  1

#define AF_CURSOR_FIXED  (AF_CURSOR_VERSION_SIZE + AF_CURSOR_CODE_SIZE)
#define AF_CURSOR_MAX    (AF_CURSOR_FIXED + AF_POSITION_MAX)


static void af_cursor_code(const af_derived_key_t key, const char *list,
    const unsigned char *octets, size_t len,
    unsigned char code[crypto_auth_hmacsha256_BYTES]);


_Static_assert(AF_DERIVED_KEY_SIZE == crypto_auth_hmacsha256_KEYBYTES, "key");


int
af_cursor_key(const unsigned char *secret, size_t len, af_derived_key_t key)
{
    return af_derive(secret, len, "autoflow cursor", key, AF_DERIVED_KEY_SIZE);
}


int
af_cursor_make(const af_derived_key_t key, const char *list,
    const char *position, char cursor[AF_CURSOR_SIZE])
{
    size_t         len;
    unsigned char  octets[AF_CURSOR_MAX];
    unsigned char  code[crypto_auth_hmacsha256_BYTES];

    len = strlen(position);

    if (len > AF_POSITION_MAX) {
        return -1;
    }

    octets[0] = AF_CURSOR_VERSION;
    memcpy(octets + AF_CURSOR_VERSION_SIZE, position, len);

    len += AF_CURSOR_VERSION_SIZE;

    af_cursor_code(key, list, octets, len, code);
    memcpy(octets + len, code, AF_CURSOR_CODE_SIZE);

    (void) sodium_bin2base64(cursor, AF_CURSOR_SIZE, octets,
                             len + AF_CURSOR_CODE_SIZE, AF_BASE64URL);

    return 0;
}


int
af_cursor_check(const af_derived_key_t *keys, size_t n, const char *list,
    const char *cursor, size_t len, char position[AF_POSITION_SIZE])
{
    int            right;
    size_t         i, size;
    unsigned char  octets[AF_CURSOR_MAX];
    unsigned char  code[crypto_auth_hmacsha256_BYTES];

    if (!af_base64url_decode(octets, AF_CURSOR_MAX, &size, cursor, len)
        || size < AF_CURSOR_FIXED
        || octets[0] != AF_CURSOR_VERSION)
    {
        return 0;
    }

    size -= AF_CURSOR_CODE_SIZE;
    right = 0;

    for (i = 0; i < n; i++) {
        af_cursor_code(keys[i], list, octets, size, code);
        right |= (sodium_memcmp(code, octets + size, AF_CURSOR_CODE_SIZE)
                  == 0);
    }

    sodium_memzero(code, sizeof(code));

    if (right) {
        size -= AF_CURSOR_VERSION_SIZE;
        memcpy(position, octets + AF_CURSOR_VERSION_SIZE, size);
        position[size] = '\0';
    }

    return right;
}


/* of a list, and of the version and position in `octets` */

static void
af_cursor_code(const af_derived_key_t key, const char *list,
    const unsigned char *octets, size_t len,
    unsigned char code[crypto_auth_hmacsha256_BYTES])
{
    crypto_auth_hmacsha256_state  state;

    crypto_auth_hmacsha256_init(&state, key, AF_DERIVED_KEY_SIZE);
    crypto_auth_hmacsha256_update(&state, octets, AF_CURSOR_VERSION_SIZE);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *) list,
                                  strlen(list) + 1);
    crypto_auth_hmacsha256_update(&state, octets + AF_CURSOR_VERSION_SIZE,
                                  len - AF_CURSOR_VERSION_SIZE);
    crypto_auth_hmacsha256_final(&state, code);

    sodium_memzero(&state, sizeof(state));
}
