#include <string.h>
#include <sodium.h>

#include "mail/token.h"
#include "check/uuid.h"
#include "token/base64url.h"


/* octets of a token: the id, the code */
#define AF_ID     AF_UUID_OCTETS
#define AF_CODE   crypto_auth_hmacsha256_BYTES
#define AF_TOKEN  (AF_ID + AF_CODE)


static void af_mail_code(const af_derived_key_t key, const char *kind,
    const unsigned char id[AF_ID], unsigned char code[AF_CODE]);


_Static_assert(af_base64url_size(AF_TOKEN) == AF_MAIL_TOKEN_SIZE, "size");
_Static_assert(AF_DERIVED_KEY_SIZE == crypto_auth_hmacsha256_KEYBYTES, "key");


int
af_mail_key(const unsigned char *secret, size_t len, af_derived_key_t key)
{
    return af_derive(secret, len, "autoflow mail", key, AF_DERIVED_KEY_SIZE);
}


int
af_mail_token(const af_derived_key_t key, const char *kind, const char *id,
    char token[AF_MAIL_TOKEN_SIZE])
{
    unsigned char  octets[AF_TOKEN];

    if (af_uuid_read(id, strlen(id), octets) != 0) {
        return -1;
    }

    af_mail_code(key, kind, octets, octets + AF_ID);

    sodium_bin2base64(token, AF_MAIL_TOKEN_SIZE, octets, AF_TOKEN,
                      AF_BASE64URL);
    sodium_memzero(octets, sizeof(octets));

    return 0;
}


int
af_mail_token_check(const af_derived_key_t *keys, size_t n, const char *kind,
    const char *token, size_t len, char id[AF_MAIL_ID_SIZE])
{
    int            right;
    size_t         i, size;
    unsigned char  octets[AF_TOKEN], code[AF_CODE];

    if (!af_base64url_decode(octets, AF_TOKEN, &size, token, len)
        || size != AF_TOKEN)
    {
        return 0;
    }

    right = 0;

    for (i = 0; i < n; i++) {
        af_mail_code(keys[i], kind, octets, code);
        right |= (sodium_memcmp(code, octets + AF_ID, AF_CODE) == 0);
    }

    sodium_memzero(code, sizeof(code));

    if (right) {
        af_uuid_write(octets, id);
    }

    return right;
}


static void
af_mail_code(const af_derived_key_t key, const char *kind,
    const unsigned char id[AF_ID], unsigned char code[AF_CODE])
{
    crypto_auth_hmacsha256_state  state;

    crypto_auth_hmacsha256_init(&state, key, AF_DERIVED_KEY_SIZE);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *) kind,
                                  strlen(kind) + 1);
    crypto_auth_hmacsha256_update(&state, id, AF_ID);
    crypto_auth_hmacsha256_final(&state, code);

    sodium_memzero(&state, sizeof(state));
}
