#include <string.h>
#include <sodium.h>

#include "token/base64url.h"
#include "token/refresh.h"


#define AF_REFRESH_VERSION  0xaf

/* octets of the parts, and where they begin */
#define AF_REFRESH_TAG_SIZE  8
#define AF_REFRESH_MAC_SIZE  crypto_auth_hmacsha256_BYTES

#define AF_REFRESH_USER     1
#define AF_REFRESH_SESSION  (AF_REFRESH_USER + AF_UUID_OCTETS)
#define AF_REFRESH_NUMBER   (AF_REFRESH_SESSION + AF_UUID_OCTETS)
#define AF_REFRESH_TAG      (AF_REFRESH_NUMBER + 8)
#define AF_REFRESH_MAC      (AF_REFRESH_TAG + AF_REFRESH_TAG_SIZE)


static void af_refresh_code(const af_derived_key_t key,
    const unsigned char *octets, size_t len, const unsigned char *random,
    unsigned char code[AF_REFRESH_MAC_SIZE]);
static ptrdiff_t af_refresh_key_of(const af_derived_key_t *tag_keys, size_t n,
    const unsigned char octets[AF_REFRESH_OCTETS]);


_Static_assert(AF_REFRESH_MAC + AF_REFRESH_MAC_SIZE == AF_REFRESH_OCTETS,
               "size");
_Static_assert(af_base64url_size(AF_REFRESH_OCTETS) == AF_REFRESH_SIZE,
               "size");
_Static_assert(AF_DERIVED_KEY_SIZE == crypto_auth_hmacsha256_KEYBYTES, "key");


int
af_refresh_tag_key(const unsigned char *secret, size_t len,
    af_derived_key_t key)
{
    return af_derive(secret, len, "autoflow refresh tag", key,
                     AF_DERIVED_KEY_SIZE);
}


int
af_refresh_mac_key(const unsigned char *secret, size_t len,
    af_derived_key_t key)
{
    return af_derive(secret, len, "autoflow refresh MAC", key,
                     AF_DERIVED_KEY_SIZE);
}


int
af_refresh_former_key(const unsigned char *secret, size_t len,
    af_derived_key_t key)
{
    return af_derive(secret, len, "autoflow refresh token", key,
                     AF_DERIVED_KEY_SIZE);
}


af_refresh_form_t
af_refresh_form(const char *text, size_t len)
{
    size_t             i;
    af_refresh_form_t  form;

    static const char  digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789-_";

    if (len == AF_REFRESH_SIZE - 1 && text[0] == 'r') {
        form = AF_REFRESH_NUMBERED;

    } else if (len == AF_REFRESH_FORMER_SIZE - 1) {
        form = AF_REFRESH_FORMER;

    } else {
        return AF_REFRESH_NONE;
    }

    for (i = 0; i < len; i++) {
        if (memchr(digits, text[i], sizeof(digits) - 1) == NULL) {
            return AF_REFRESH_NONE;
        }
    }

    return form;
}


int
af_refresh_parse(const af_derived_key_t *tag_keys, size_t n, const char *text,
    size_t len, af_refresh_t *token)
{
    size_t     i, size;
    ptrdiff_t  key;

    if (!af_base64url_decode(token->octets, AF_REFRESH_OCTETS, &size, text,
                             len)
        || size != AF_REFRESH_OCTETS
        || token->octets[0] != AF_REFRESH_VERSION)
    {
        return -1;
    }

    key = af_refresh_key_of(tag_keys, n, token->octets);

    if (key == -1) {
        return -1;
    }

    token->key = key;
    token->number = 0;

    for (i = AF_REFRESH_NUMBER; i < AF_REFRESH_TAG; i++) {
        token->number = token->number << 8 | token->octets[i];
    }

    if (token->number == 0 || token->number > AF_REFRESH_NUMBER_MAX) {
        return -1;
    }

    af_uuid_write(token->octets + AF_REFRESH_USER, token->user_id);
    af_uuid_write(token->octets + AF_REFRESH_SESSION, token->session_id);

    return 0;
}


/* all are tried, so that the time doesn't tell which; -1: none */

static ptrdiff_t
af_refresh_key_of(const af_derived_key_t *tag_keys, size_t n,
    const unsigned char octets[AF_REFRESH_OCTETS])
{
    size_t         i;
    ptrdiff_t      key;
    unsigned char  code[AF_REFRESH_MAC_SIZE];

    key = -1;

    for (i = 0; i < n; i++) {
        af_refresh_code(tag_keys[i], octets, AF_REFRESH_TAG, NULL, code);

        if (sodium_memcmp(code, octets + AF_REFRESH_TAG, AF_REFRESH_TAG_SIZE)
            == 0)
        {
            key = i;
        }
    }

    sodium_memzero(code, sizeof(code));

    return key;
}


int
af_refresh_check(const af_derived_key_t *mac_keys, const af_refresh_t *token,
    const unsigned char random[AF_REFRESH_RANDOM])
{
    int            good;
    unsigned char  code[AF_REFRESH_MAC_SIZE];

    af_refresh_code(mac_keys[token->key], token->octets, AF_REFRESH_MAC,
                    random, code);

    good = (sodium_memcmp(code, token->octets + AF_REFRESH_MAC,
                          AF_REFRESH_MAC_SIZE)
            == 0);

    sodium_memzero(code, sizeof(code));

    return good;
}


int
af_refresh_make(const af_derived_key_t tag_key,
    const af_derived_key_t mac_key, const char *user_id,
    const char *session_id, uint64_t number,
    const unsigned char random[AF_REFRESH_RANDOM], char text[AF_REFRESH_SIZE])
{
    size_t         i;
    unsigned char  octets[AF_REFRESH_OCTETS], code[AF_REFRESH_MAC_SIZE];

    octets[0] = AF_REFRESH_VERSION;

    if (number == 0 || number > AF_REFRESH_NUMBER_MAX
        || af_uuid_read(user_id, strlen(user_id), octets + AF_REFRESH_USER)
           != 0
        || af_uuid_read(session_id, strlen(session_id),
                        octets + AF_REFRESH_SESSION)
           != 0)
    {
        return -1;
    }

    for (i = AF_REFRESH_TAG; i-- > AF_REFRESH_NUMBER; number >>= 8) {
        octets[i] = number & 0xff;
    }

    af_refresh_code(tag_key, octets, AF_REFRESH_TAG, NULL, code);
    memcpy(octets + AF_REFRESH_TAG, code, AF_REFRESH_TAG_SIZE);

    af_refresh_code(mac_key, octets, AF_REFRESH_MAC, random,
                    octets + AF_REFRESH_MAC);

    (void) sodium_bin2base64(text, AF_REFRESH_SIZE, octets, AF_REFRESH_OCTETS,
                             AF_BASE64URL);

    sodium_memzero(octets, sizeof(octets));
    sodium_memzero(code, sizeof(code));

    return 0;
}


/* `random` is NULL where none is part of it */

static void
af_refresh_code(const af_derived_key_t key, const unsigned char *octets,
    size_t len, const unsigned char *random,
    unsigned char code[AF_REFRESH_MAC_SIZE])
{
    crypto_auth_hmacsha256_state  state;

    crypto_auth_hmacsha256_init(&state, key, AF_DERIVED_KEY_SIZE);
    crypto_auth_hmacsha256_update(&state, octets, len);

    if (random) {
        crypto_auth_hmacsha256_update(&state, random, AF_REFRESH_RANDOM);
    }

    crypto_auth_hmacsha256_final(&state, code);

    sodium_memzero(&state, sizeof(state));
}


void
af_refresh_successor(const af_derived_key_t former_key, const char *token,
    char successor[AF_REFRESH_FORMER_SIZE])
{
    unsigned char  octets[crypto_auth_hmacsha256_BYTES];

    (void) crypto_auth_hmacsha256(octets, (const unsigned char *) token,
                                  strlen(token), former_key);
    (void) sodium_bin2base64(successor, AF_REFRESH_FORMER_SIZE, octets,
                             sizeof(octets), AF_BASE64URL);

    sodium_memzero(octets, sizeof(octets));
}


void
af_refresh_hash(const char *token, char hash[AF_REFRESH_HASH_SIZE])
{
    unsigned char  octets[crypto_hash_sha256_BYTES];

    (void) crypto_hash_sha256(octets, (const unsigned char *) token,
                              strlen(token));
    (void) sodium_bin2hex(hash, AF_REFRESH_HASH_SIZE, octets, sizeof(octets));
}
