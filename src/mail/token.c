#include <string.h>
#include <sodium.h>

#include "mail/token.h"
#include "check/uuid.h"
#include "token/base64url.h"


/* octets of a token: the key's id, the row's, the code; and of those before */
#define AF_ID      AF_UUID_OCTETS
#define AF_CODE    crypto_auth_hmacsha256_BYTES
#define AF_FORMER  (AF_ID + AF_CODE)
#define AF_TOKEN   (AF_KEY_ID_SIZE + AF_FORMER)


static int af_mail_is(const af_purpose_keys_t *keys, size_t i,
    const char *kind, const unsigned char octets[AF_FORMER]);
static void af_mail_code(const af_derived_key_t key, const char *kind,
    const unsigned char id[AF_ID], unsigned char code[AF_CODE]);


_Static_assert(af_base64url_size(AF_TOKEN) == AF_MAIL_TOKEN_SIZE, "size");


int
af_mail_token(const af_purpose_keys_t *keys, const char *kind, const char *id,
    char token[AF_MAIL_TOKEN_SIZE])
{
    unsigned char            octets[AF_TOKEN], *row;
    const af_purpose_key_t  *key;

    key = &keys->secrets[0].of[AF_PURPOSE_MAIL];
    row = octets + AF_KEY_ID_SIZE;

    memcpy(octets, key->id, AF_KEY_ID_SIZE);

    if (af_uuid_read(id, strlen(id), row) != 0) {
        return -1;
    }

    af_mail_code(key->key, kind, row, row + AF_ID);

    sodium_bin2base64(token, AF_MAIL_TOKEN_SIZE, octets, AF_TOKEN,
                      AF_BASE64URL);
    sodium_memzero(octets, sizeof(octets));

    return 0;
}


int
af_mail_token_check(const af_purpose_keys_t *keys, const char *kind,
    const char *token, size_t len, char id[AF_MAIL_ID_SIZE])
{
    int             good;
    size_t          i, size;
    ptrdiff_t       key;
    unsigned char   octets[AF_TOKEN], *row;

    if (!af_base64url_decode(octets, AF_TOKEN, &size, token, len)) {
        return 0;
    }

    good = 0;
    row = octets;

    switch (size) {

    case AF_TOKEN:
        row = octets + AF_KEY_ID_SIZE;
        key = af_purpose_find(keys, AF_PURPOSE_MAIL, octets);
        good = (key != -1 && af_mail_is(keys, key, kind, row));
        break;

    case AF_FORMER:

        for (i = 0; i < keys->n; i++) {
            good |= af_mail_is(keys, i, kind, row);
        }

        break;
    }

    if (good) {
        af_uuid_write(row, id);
    }

    return good;
}


static int
af_mail_is(const af_purpose_keys_t *keys, size_t i, const char *kind,
    const unsigned char octets[AF_FORMER])
{
    int            good;
    unsigned char  code[AF_CODE];

    af_mail_code(keys->secrets[i].of[AF_PURPOSE_MAIL].key, kind, octets, code);
    good = (sodium_memcmp(code, octets + AF_ID, AF_CODE) == 0);

    sodium_memzero(code, sizeof(code));

    return good;
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
