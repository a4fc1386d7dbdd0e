/*
 * Refresh tokens of any text: what is read was made with one of the keys, and
 * would be made again; nothing else is read.
 */

#include "fuzz.h"
#include "token/base64url.h"
#include "token/refresh.h"


#define KEYS  2


static void any(const char *text, size_t len);
static void sealed(const uint8_t *data, size_t size);


static const af_derived_key_t  tag_keys[KEYS] = { { 1 }, { 2 } };
static const af_derived_key_t  mac_keys[KEYS] = { { 3 }, { 4 } };
static const unsigned char     session_random[AF_REFRESH_RANDOM] = { 5 };


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char  *text;

    text = af_exact(data, size);
    any(text, size);
    free(text);

    sealed(data, size);

    return 0;
}


static void
any(const char *text, size_t len)
{
    char               again[AF_REFRESH_SIZE];
    af_refresh_t       token;
    af_refresh_form_t  form;

    form = af_refresh_form(text, len);

    if (af_refresh_parse(tag_keys, KEYS, text, len, &token) != 0) {
        return;
    }

    af_must(form == AF_REFRESH_NUMBERED);
    af_must(token.key < KEYS);

    af_must(af_refresh_make(tag_keys[token.key], mac_keys[token.key],
                            token.user_id, token.session_id, token.number,
                            session_random, again) == 0);

    /* but for the MAC, which may be another session's, or junk */

    af_must(memcmp(again, text, (AF_REFRESH_OCTETS - 32) / 3 * 4) == 0);
    af_must(af_refresh_check(mac_keys, &token, session_random)
            == (memcmp(again, text, len) == 0));
}


/* with the tag that the input's octets ask for: it is all that they lack */

static void
sealed(const uint8_t *data, size_t size)
{
    char           text[AF_REFRESH_SIZE];
    size_t         tagged;
    unsigned char  octets[AF_REFRESH_OCTETS] = { 0xaf };
    unsigned char  code[crypto_auth_hmacsha256_BYTES];

    tagged = AF_REFRESH_OCTETS - 32 - 8;

    memcpy(octets + 1, data, size < tagged - 1 ? size : tagged - 1);

    crypto_auth_hmacsha256(code, octets, tagged, tag_keys[KEYS - 1]);
    memcpy(octets + tagged, code, 8);

    sodium_bin2base64(text, sizeof(text), octets, sizeof(octets),
                      AF_BASE64URL);
    any(text, sizeof(text) - 1);
}
