#include <string.h>
#include <sodium.h>

#include "token/cursor.h"


/*
 * Increase it when a list's statement changes how it reads or writes positions:
 * older cursors are then rejected rather than misread.
 */
#define AF_CURSOR_VERSION  2

#define AF_CURSOR_FIXED  (AF_CURSOR_HEAD_SIZE + AF_CURSOR_MAC_SIZE)
#define AF_CURSOR_MAX    (AF_CURSOR_FIXED + AF_POSITION_MAX)


static void af_cursor_mac(const af_derived_key_t key, const char *list,
    const unsigned char *octets, size_t len,
    unsigned char mac[crypto_auth_hmacsha256_BYTES]);


int
af_cursor_make(const af_purpose_keys_t *keys, const char *list,
    const char *position, char cursor[AF_CURSOR_SIZE])
{
    size_t                   len;
    unsigned char            octets[AF_CURSOR_MAX];
    unsigned char            mac[crypto_auth_hmacsha256_BYTES];
    const af_purpose_key_t  *key;

    len = strlen(position);

    if (len > AF_POSITION_MAX) {
        return -1;
    }

    key = &keys->secrets[0].keys[AF_PURPOSE_CURSOR];

    octets[0] = AF_CURSOR_VERSION;
    memcpy(octets + 1, key->id, AF_KEY_ID_SIZE);
    memcpy(octets + AF_CURSOR_HEAD_SIZE, position, len);

    len += AF_CURSOR_HEAD_SIZE;

    af_cursor_mac(key->key, list, octets, len, mac);
    memcpy(octets + len, mac, AF_CURSOR_MAC_SIZE);

    (void) sodium_bin2base64(cursor, AF_CURSOR_SIZE, octets,
                             len + AF_CURSOR_MAC_SIZE, AF_BASE64URL);

    return 0;
}


int
af_cursor_check(const af_purpose_keys_t *keys, const char *list,
    const char *cursor, size_t len, char position[AF_POSITION_SIZE])
{
    int            valid;
    size_t         size;
    ptrdiff_t      key;
    unsigned char  octets[AF_CURSOR_MAX];
    unsigned char  mac[crypto_auth_hmacsha256_BYTES];

    if (!af_base64url_decode(octets, AF_CURSOR_MAX, &size, cursor, len)
        || size < AF_CURSOR_FIXED
        || octets[0] != AF_CURSOR_VERSION)
    {
        return 0;
    }

    key = af_purpose_find(keys, AF_PURPOSE_CURSOR, octets + 1);

    if (key == -1) {
        return 0;
    }

    size -= AF_CURSOR_MAC_SIZE;

    af_cursor_mac(keys->secrets[key].keys[AF_PURPOSE_CURSOR].key, list, octets,
                  size, mac);

    valid = (sodium_memcmp(mac, octets + size, AF_CURSOR_MAC_SIZE) == 0);

    sodium_memzero(mac, sizeof(mac));

    if (valid) {
        size -= AF_CURSOR_HEAD_SIZE;
        memcpy(position, octets + AF_CURSOR_HEAD_SIZE, size);
        position[size] = '\0';
    }

    return valid;
}


/* of the list, and of the head and position in `octets` */

static void
af_cursor_mac(const af_derived_key_t key, const char *list,
    const unsigned char *octets, size_t len,
    unsigned char mac[crypto_auth_hmacsha256_BYTES])
{
    crypto_auth_hmacsha256_state  state;

    crypto_auth_hmacsha256_init(&state, key, AF_DERIVED_KEY_SIZE);
    crypto_auth_hmacsha256_update(&state, octets, AF_CURSOR_HEAD_SIZE);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *) list,
                                  strlen(list) + 1);
    crypto_auth_hmacsha256_update(&state, octets + AF_CURSOR_HEAD_SIZE,
                                  len - AF_CURSOR_HEAD_SIZE);
    crypto_auth_hmacsha256_final(&state, mac);

    sodium_memzero(&state, sizeof(state));
}
