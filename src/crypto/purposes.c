#include <string.h>
#include <sodium.h>

#include "crypto/purposes.h"


_Static_assert(AF_DERIVED_KEY_SIZE == crypto_auth_hmacsha256_KEYBYTES, "key");


/* HKDF's info: changing one invalidates everything made with its keys. */

static const char *const  af_purposes[AF_PURPOSES] = {
    [AF_PURPOSE_REFRESH_TAG] = "autoflow refresh tag",
    [AF_PURPOSE_REFRESH_MAC] = "autoflow refresh MAC",
    [AF_PURPOSE_REFRESH_LEGACY] = "autoflow refresh token",
    [AF_PURPOSE_MAIL] = "autoflow mail",
    [AF_PURPOSE_CSRF] = "autoflow csrf",
    [AF_PURPOSE_CURSOR] = "autoflow cursor",
    [AF_PURPOSE_LOGIN] = "autoflow login",
    [AF_PURPOSE_PASSWORD] = "autoflow password",
    [AF_PURPOSE_MFA] = "autoflow mfa",
    [AF_PURPOSE_FACTOR] = "autoflow factor",
    [AF_PURPOSE_CHALLENGE] = "autoflow challenge",
    [AF_PURPOSE_ENROL] = "autoflow enrol"
};


int
af_secret_keys_derive(const unsigned char *secret, size_t len,
    af_secret_keys_t *keys)
{
    int            rc;
    size_t         i;
    unsigned char  octets[AF_DERIVED_KEY_SIZE + AF_KEY_ID_SIZE];

    rc = 0;

    /* the key first, as it was before keys had ids */

    for (i = 0; i < AF_PURPOSES && rc == 0; i++) {
        rc = af_derive(secret, len, af_purposes[i], octets, sizeof(octets));

        memcpy(keys->keys[i].key, octets, AF_DERIVED_KEY_SIZE);
        memcpy(keys->keys[i].id, octets + AF_DERIVED_KEY_SIZE, AF_KEY_ID_SIZE);
    }

    sodium_memzero(octets, sizeof(octets));

    return rc;
}


ptrdiff_t
af_purpose_find(const af_purpose_keys_t *keys, af_purpose_t purpose,
    const unsigned char id[AF_KEY_ID_SIZE])
{
    size_t  i;

    for (i = 0; i < keys->n; i++) {
        if (memcmp(keys->secrets[i].keys[purpose].id, id, AF_KEY_ID_SIZE)
            == 0)
        {
            return i;
        }
    }

    return -1;
}
