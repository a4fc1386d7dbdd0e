#include <string.h>

#include "token/seal.h"


#define AF_SEAL_PREFIX_LEN  (sizeof(AF_SEAL_PREFIX) - 1)


int
af_seal(const af_purpose_keys_t *keys, af_purpose_t purpose, const char *text,
    char sealed[AF_SEALED_SIZE])
{
    size_t                   len;
    unsigned char            octets[AF_SEAL_EXTRA_SIZE + AF_SEAL_TEXT_MAX];
    unsigned char           *nonce;
    const af_purpose_key_t  *key;

    len = strlen(text);

    if (len > AF_SEAL_TEXT_MAX) {
        return -1;
    }

    key = &keys->secrets[0].keys[purpose];
    nonce = octets + AF_KEY_ID_SIZE;

    memcpy(octets, key->id, AF_KEY_ID_SIZE);
    randombytes_buf(nonce, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);

    (void) crypto_aead_xchacha20poly1305_ietf_encrypt(
        octets + AF_SEAL_HEAD_SIZE, NULL, (const unsigned char *) text, len,
        NULL, 0, NULL, nonce, key->key);

    memcpy(sealed, AF_SEAL_PREFIX, AF_SEAL_PREFIX_LEN);

    (void) sodium_bin2base64(sealed + AF_SEAL_PREFIX_LEN,
                             AF_SEALED_SIZE - AF_SEAL_PREFIX_LEN, octets,
                             AF_SEAL_EXTRA_SIZE + len, AF_BASE64URL);

    return 0;
}


int
af_sealed(const char *text)
{
    return strncmp(text, AF_SEAL_PREFIX, AF_SEAL_PREFIX_LEN) == 0;
}


ptrdiff_t
af_unseal(const af_purpose_keys_t *keys, af_purpose_t purpose,
    const char *sealed, size_t len, char text[AF_SEAL_TEXT_SIZE])
{
    size_t         size;
    ptrdiff_t      key;
    unsigned char  octets[AF_SEAL_EXTRA_SIZE + AF_SEAL_TEXT_MAX];

    if (len < AF_SEAL_PREFIX_LEN
        || memcmp(sealed, AF_SEAL_PREFIX, AF_SEAL_PREFIX_LEN) != 0
        || !af_base64url_decode(octets, sizeof(octets), &size,
                                sealed + AF_SEAL_PREFIX_LEN,
                                len - AF_SEAL_PREFIX_LEN)
        || size < AF_SEAL_EXTRA_SIZE)
    {
        return -1;
    }

    key = af_purpose_find(keys, purpose, octets);

    if (key == -1
        || crypto_aead_xchacha20poly1305_ietf_decrypt(
               (unsigned char *) text, NULL, NULL, octets + AF_SEAL_HEAD_SIZE,
               size - AF_SEAL_HEAD_SIZE, NULL, 0, octets + AF_KEY_ID_SIZE,
               keys->secrets[key].keys[purpose].key)
           != 0)
    {
        return -1;
    }

    text[size - AF_SEAL_EXTRA_SIZE] = '\0';

    return key;
}
