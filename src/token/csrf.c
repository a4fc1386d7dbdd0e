#include <string.h>
#include <sodium.h>

#include "token/base64url.h"
#include "token/csrf.h"


/* octets of the MAC, and of a token; legacy ones have the MAC alone */
#define AF_CSRF_MAC_SIZE  crypto_auth_hmacsha256_BYTES
#define AF_CSRF_MAX       (AF_KEY_ID_SIZE + AF_CSRF_MAC_SIZE)


static int af_csrf_verify_mac(const af_purpose_keys_t *keys, size_t i,
    const unsigned char *session, size_t len,
    const unsigned char mac[AF_CSRF_MAC_SIZE]);


_Static_assert(af_base64url_size(AF_CSRF_MAX) == AF_CSRF_SIZE, "size");


void
af_csrf_make(const af_purpose_keys_t *keys, const unsigned char *session,
    size_t len, char token[AF_CSRF_SIZE])
{
    unsigned char            octets[AF_CSRF_MAX];
    const af_purpose_key_t  *key;

    key = &keys->secrets[0].keys[AF_PURPOSE_CSRF];

    memcpy(octets, key->id, AF_KEY_ID_SIZE);

    (void) crypto_auth_hmacsha256(octets + AF_KEY_ID_SIZE, session, len,
                                  key->key);
    (void) sodium_bin2base64(token, AF_CSRF_SIZE, octets, AF_CSRF_MAX,
                             AF_BASE64URL);
}


int
af_csrf_check(const af_purpose_keys_t *keys, const unsigned char *session,
    size_t len, const char *token, size_t size)
{
    int            valid;
    size_t         i, n;
    ptrdiff_t      key;
    unsigned char  octets[AF_CSRF_MAX];

    if (!af_base64url_decode(octets, AF_CSRF_MAX, &n, token, size)) {
        return 0;
    }

    valid = 0;

    switch (n) {

    case AF_CSRF_MAX:
        key = af_purpose_find(keys, AF_PURPOSE_CSRF, octets);
        valid = (key != -1 && af_csrf_verify_mac(keys, key, session, len,
                                                 octets + AF_KEY_ID_SIZE));
        break;

    case AF_CSRF_MAC_SIZE:

        for (i = 0; i < keys->n; i++) {
            valid |= af_csrf_verify_mac(keys, i, session, len, octets);
        }

        break;
    }

    return valid;
}


static int
af_csrf_verify_mac(const af_purpose_keys_t *keys, size_t i,
    const unsigned char *session, size_t len,
    const unsigned char mac[AF_CSRF_MAC_SIZE])
{
    return crypto_auth_hmacsha256_verify(mac, session, len,
                                         keys->secrets[i].keys[AF_PURPOSE_CSRF]
                                             .key)
           == 0;
}
