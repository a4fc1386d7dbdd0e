#include <string.h>
#include <sodium.h>

#include "token/base64url.h"
#include "token/refresh.h"


#define AF_REFRESH_VERSION          0xae
#define AF_REFRESH_UNKEYED_VERSION  0xaf

/* octets of the parts */
#define AF_REFRESH_TAG_SIZE  8
#define AF_REFRESH_MAC_SIZE  crypto_auth_hmacsha256_BYTES

/* offsets: apart from the key's id, at the same distance from the end */
#define AF_REFRESH_MAC(size)      ((size) - AF_REFRESH_MAC_SIZE)
#define AF_REFRESH_TAG(size)      (AF_REFRESH_MAC(size) - AF_REFRESH_TAG_SIZE)
#define AF_REFRESH_NUMBER(size)   (AF_REFRESH_TAG(size) - 8)
#define AF_REFRESH_SESSION(size)  (AF_REFRESH_NUMBER(size) - AF_UUID_OCTETS)
#define AF_REFRESH_USER(size)     (AF_REFRESH_SESSION(size) - AF_UUID_OCTETS)

/* of tokens without the key's id */
#define AF_REFRESH_UNKEYED_OCTETS  (AF_REFRESH_OCTETS - AF_KEY_ID_SIZE)
#define AF_REFRESH_UNKEYED_SIZE                                               \
    af_base64url_size(AF_REFRESH_UNKEYED_OCTETS)


static ptrdiff_t af_refresh_secret(const af_purpose_keys_t *keys,
    const af_refresh_t *token);
static ptrdiff_t af_refresh_any_secret(const af_purpose_keys_t *keys,
    const af_refresh_t *token);
static int af_refresh_tag_matches(const af_purpose_keys_t *keys, size_t secret,
    const af_refresh_t *token);
static void af_refresh_mac(const af_derived_key_t key,
    const unsigned char *octets, size_t len, const unsigned char *random,
    unsigned char mac[AF_REFRESH_MAC_SIZE]);


_Static_assert(AF_REFRESH_USER(AF_REFRESH_OCTETS) == 1 + AF_KEY_ID_SIZE,
               "size");
_Static_assert(af_base64url_size(AF_REFRESH_OCTETS) == AF_REFRESH_SIZE,
               "size");


af_refresh_form_t
af_refresh_form(const char *text, size_t len)
{
    size_t             i;
    af_refresh_form_t  form;

    static const char  digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789-_";

    if ((len == AF_REFRESH_SIZE - 1 || len == AF_REFRESH_UNKEYED_SIZE - 1)
        && text[0] == 'r')
    {
        form = AF_REFRESH_NUMBERED;

    } else if (len == AF_REFRESH_LEGACY_SIZE - 1) {
        form = AF_REFRESH_LEGACY;

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
af_refresh_parse(const af_purpose_keys_t *keys, const char *text, size_t len,
    af_refresh_t *token)
{
    size_t     i;
    ptrdiff_t  secret;

    if (!af_base64url_decode(token->octets, AF_REFRESH_OCTETS, &token->size,
                             text, len))
    {
        return -1;
    }

    secret = af_refresh_secret(keys, token);

    if (secret == -1) {
        return -1;
    }

    token->secret = secret;
    token->number = 0;

    for (i = AF_REFRESH_NUMBER(token->size); i < AF_REFRESH_TAG(token->size);
         i++)
    {
        token->number = token->number << 8 | token->octets[i];
    }

    if (token->number == 0 || token->number > AF_REFRESH_NUMBER_MAX) {
        return -1;
    }

    af_uuid_write(token->octets + AF_REFRESH_USER(token->size),
                  token->user_id);
    af_uuid_write(token->octets + AF_REFRESH_SESSION(token->size),
                  token->session_id);

    return 0;
}


/* returns the index of the secret it was made with; -1: junk */

static ptrdiff_t
af_refresh_secret(const af_purpose_keys_t *keys, const af_refresh_t *token)
{
    ptrdiff_t  secret;

    if (token->size == AF_REFRESH_UNKEYED_OCTETS
        && token->octets[0] == AF_REFRESH_UNKEYED_VERSION)
    {
        return af_refresh_any_secret(keys, token);
    }

    if (token->size != AF_REFRESH_OCTETS
        || token->octets[0] != AF_REFRESH_VERSION)
    {
        return -1;
    }

    secret = af_purpose_find(keys, AF_PURPOSE_REFRESH_TAG, token->octets + 1);

    return (secret != -1 && af_refresh_tag_matches(keys, secret, token))
           ? secret : -1;
}


/* tries all, so that the time doesn't reveal which */

static ptrdiff_t
af_refresh_any_secret(const af_purpose_keys_t *keys, const af_refresh_t *token)
{
    size_t     i;
    ptrdiff_t  secret;

    secret = -1;

    for (i = 0; i < keys->n; i++) {
        if (af_refresh_tag_matches(keys, i, token)) {
            secret = i;
        }
    }

    return secret;
}


static int
af_refresh_tag_matches(const af_purpose_keys_t *keys, size_t secret,
    const af_refresh_t *token)
{
    int            valid;
    size_t         offset;
    unsigned char  mac[AF_REFRESH_MAC_SIZE];

    offset = AF_REFRESH_TAG(token->size);

    af_refresh_mac(keys->secrets[secret].keys[AF_PURPOSE_REFRESH_TAG].key,
                   token->octets, offset, NULL, mac);

    valid = (sodium_memcmp(mac, token->octets + offset, AF_REFRESH_TAG_SIZE)
             == 0);

    sodium_memzero(mac, sizeof(mac));

    return valid;
}


int
af_refresh_check(const af_purpose_keys_t *keys, const af_refresh_t *token,
    const unsigned char random[AF_REFRESH_RANDOM])
{
    int            valid;
    size_t         offset;
    unsigned char  mac[AF_REFRESH_MAC_SIZE];

    offset = AF_REFRESH_MAC(token->size);

    af_refresh_mac(keys->secrets[token->secret].keys[AF_PURPOSE_REFRESH_MAC]
                       .key,
                   token->octets, offset, random, mac);

    valid = (sodium_memcmp(mac, token->octets + offset, AF_REFRESH_MAC_SIZE)
             == 0);

    sodium_memzero(mac, sizeof(mac));

    return valid;
}


int
af_refresh_make(const af_purpose_keys_t *keys, const char *user_id,
    const char *session_id, uint64_t number,
    const unsigned char random[AF_REFRESH_RANDOM], char text[AF_REFRESH_SIZE])
{
    size_t                   i;
    unsigned char            octets[AF_REFRESH_OCTETS];
    unsigned char            mac[AF_REFRESH_MAC_SIZE];
    const af_purpose_key_t  *secret_keys;

    enum {
        USER = AF_REFRESH_USER(AF_REFRESH_OCTETS),
        SESSION = AF_REFRESH_SESSION(AF_REFRESH_OCTETS),
        NUMBER = AF_REFRESH_NUMBER(AF_REFRESH_OCTETS),
        TAG = AF_REFRESH_TAG(AF_REFRESH_OCTETS),
        MAC = AF_REFRESH_MAC(AF_REFRESH_OCTETS)
    };

    if (number == 0 || number > AF_REFRESH_NUMBER_MAX
        || af_uuid_read(user_id, strlen(user_id), octets + USER) != 0
        || af_uuid_read(session_id, strlen(session_id), octets + SESSION) != 0)
    {
        return -1;
    }

    secret_keys = keys->secrets[0].keys;

    octets[0] = AF_REFRESH_VERSION;
    memcpy(octets + 1, secret_keys[AF_PURPOSE_REFRESH_TAG].id, AF_KEY_ID_SIZE);

    for (i = TAG; i-- > NUMBER; number >>= 8) {
        octets[i] = number & 0xff;
    }

    af_refresh_mac(secret_keys[AF_PURPOSE_REFRESH_TAG].key, octets, TAG, NULL,
                   mac);
    memcpy(octets + TAG, mac, AF_REFRESH_TAG_SIZE);

    af_refresh_mac(secret_keys[AF_PURPOSE_REFRESH_MAC].key, octets, MAC, random,
                   octets + MAC);

    (void) sodium_bin2base64(text, AF_REFRESH_SIZE, octets, AF_REFRESH_OCTETS,
                             AF_BASE64URL);

    sodium_memzero(octets, sizeof(octets));
    sodium_memzero(mac, sizeof(mac));

    return 0;
}


/* `random` is NULL where it isn't included */

static void
af_refresh_mac(const af_derived_key_t key, const unsigned char *octets,
    size_t len, const unsigned char *random,
    unsigned char mac[AF_REFRESH_MAC_SIZE])
{
    crypto_auth_hmacsha256_state  state;

    crypto_auth_hmacsha256_init(&state, key, AF_DERIVED_KEY_SIZE);
    crypto_auth_hmacsha256_update(&state, octets, len);

    if (random) {
        crypto_auth_hmacsha256_update(&state, random, AF_REFRESH_RANDOM);
    }

    crypto_auth_hmacsha256_final(&state, mac);

    sodium_memzero(&state, sizeof(state));
}


void
af_refresh_successor(const af_purpose_keys_t *keys, size_t secret,
    const char *token, char successor[AF_REFRESH_LEGACY_SIZE])
{
    unsigned char  octets[crypto_auth_hmacsha256_BYTES];

    (void) crypto_auth_hmacsha256(octets, (const unsigned char *) token,
                                  strlen(token),
                                  keys->secrets[secret]
                                      .keys[AF_PURPOSE_REFRESH_LEGACY].key);
    (void) sodium_bin2base64(successor, AF_REFRESH_LEGACY_SIZE, octets,
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
