#include <string.h>
#include <sodium.h>

#include "mail/token.h"
#include "check/uuid.h"
#include "token/base64url.h"


/* octets of a token: the key's id, the row's, the MAC; and of legacy ones */
#define AF_MAIL_TOKEN_ID      AF_UUID_OCTETS
#define AF_MAIL_TOKEN_MAC     crypto_auth_hmacsha256_BYTES
#define AF_MAIL_TOKEN_LEGACY  (AF_MAIL_TOKEN_ID + AF_MAIL_TOKEN_MAC)
#define AF_MAIL_TOKEN_OCTETS  (AF_KEY_ID_SIZE + AF_MAIL_TOKEN_LEGACY)


static int af_mail_token_matches(const af_purpose_keys_t *keys, size_t i,
    const char *kind, const unsigned char octets[AF_MAIL_TOKEN_LEGACY]);
static void af_mail_token_mac(const af_derived_key_t key, const char *kind,
    const unsigned char id[AF_MAIL_TOKEN_ID],
    unsigned char mac[AF_MAIL_TOKEN_MAC]);


_Static_assert(af_base64url_size(AF_MAIL_TOKEN_OCTETS) == AF_MAIL_TOKEN_SIZE,
               "size");


int
af_mail_token_make(const af_purpose_keys_t *keys, const char *kind,
    const char *id, char token[AF_MAIL_TOKEN_SIZE])
{
    unsigned char            octets[AF_MAIL_TOKEN_OCTETS], *row;
    const af_purpose_key_t  *key;

    key = &keys->secrets[0].keys[AF_PURPOSE_MAIL];
    row = octets + AF_KEY_ID_SIZE;

    memcpy(octets, key->id, AF_KEY_ID_SIZE);

    if (af_uuid_read(id, strlen(id), row) != 0) {
        return -1;
    }

    af_mail_token_mac(key->key, kind, row, row + AF_MAIL_TOKEN_ID);

    sodium_bin2base64(token, AF_MAIL_TOKEN_SIZE, octets, AF_MAIL_TOKEN_OCTETS,
                      AF_BASE64URL);
    sodium_memzero(octets, sizeof(octets));

    return 0;
}


int
af_mail_token_check(const af_purpose_keys_t *keys, const char *kind,
    const char *token, size_t len, char id[AF_MAIL_ID_SIZE])
{
    int            valid;
    size_t         i, size;
    ptrdiff_t      key;
    unsigned char  octets[AF_MAIL_TOKEN_OCTETS], *row;

    if (!af_base64url_decode(octets, AF_MAIL_TOKEN_OCTETS, &size, token, len)) {
        return 0;
    }

    valid = 0;
    row = octets;

    switch (size) {

    case AF_MAIL_TOKEN_OCTETS:
        row = octets + AF_KEY_ID_SIZE;
        key = af_purpose_find(keys, AF_PURPOSE_MAIL, octets);
        valid = (key != -1 && af_mail_token_matches(keys, key, kind, row));
        break;

    case AF_MAIL_TOKEN_LEGACY:

        for (i = 0; i < keys->n; i++) {
            valid |= af_mail_token_matches(keys, i, kind, row);
        }

        break;
    }

    if (valid) {
        af_uuid_write(row, id);
    }

    return valid;
}


static int
af_mail_token_matches(const af_purpose_keys_t *keys, size_t i, const char *kind,
    const unsigned char octets[AF_MAIL_TOKEN_LEGACY])
{
    int            valid;
    unsigned char  mac[AF_MAIL_TOKEN_MAC];

    af_mail_token_mac(keys->secrets[i].keys[AF_PURPOSE_MAIL].key, kind, octets,
                      mac);
    valid = (sodium_memcmp(mac, octets + AF_MAIL_TOKEN_ID, AF_MAIL_TOKEN_MAC)
             == 0);

    sodium_memzero(mac, sizeof(mac));

    return valid;
}


static void
af_mail_token_mac(const af_derived_key_t key, const char *kind,
    const unsigned char id[AF_MAIL_TOKEN_ID],
    unsigned char mac[AF_MAIL_TOKEN_MAC])
{
    crypto_auth_hmacsha256_state  state;

    crypto_auth_hmacsha256_init(&state, key, AF_DERIVED_KEY_SIZE);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *) kind,
                                  strlen(kind) + 1);
    crypto_auth_hmacsha256_update(&state, id, AF_MAIL_TOKEN_ID);
    crypto_auth_hmacsha256_final(&state, mac);

    sodium_memzero(&state, sizeof(state));
}
