/*
 * Refresh tokens from any text: what is parsed was made with one of the keys,
 * and would be made identically, except for the version without a key's id;
 * nothing else is parsed.
 */

#include "fuzz.h"
#include "token/base64url.h"
#include "token/refresh.h"


#define SECRETS  2

/* for each version: the key's id, and what precedes tag and MAC */
#define ID      4
#define TAGGED  (AF_REFRESH_OCTETS - 32 - 8)


static void any(const char *text, size_t len);
static void sealed(const uint8_t *data, size_t size, size_t tagged);


static af_secret_keys_t         made[SECRETS];
static const af_purpose_keys_t  keys = { made, SECRETS };
static const unsigned char      session_random[AF_REFRESH_RANDOM] = { 5 };


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void) argc;
    (void) argv;

    af_must(sodium_init() != -1);
    af_must(af_secret_keys_derive((unsigned char *) "secret", 6,
                                  &made[0]) == 0);
    af_must(af_secret_keys_derive((unsigned char *) "former", 6,
                                  &made[1]) == 0);

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char  *text;

    text = af_exact(data, size);
    any(text, size);
    free(text);

    sealed(data, size, TAGGED);
    sealed(data, size, TAGGED - ID);

    return 0;
}


static void
any(const char *text, size_t len)
{
    char               again[AF_REFRESH_SIZE];
    af_refresh_t       token;
    af_refresh_form_t  form;
    af_purpose_keys_t  one;

    form = af_refresh_form(text, len);

    if (af_refresh_parse(&keys, text, len, &token) != 0) {
        return;
    }

    af_must(form == AF_REFRESH_NUMBERED);
    af_must(token.secret < SECRETS);

    one.secrets = &made[token.secret];
    one.n = 1;

    af_must(af_refresh_make(&one, token.user_id, token.session_id,
                            token.number, session_random, again) == 0);

    if (token.size != AF_REFRESH_OCTETS) {
        return;
    }

    /* except the MAC, which may be another session's, or junk */

    af_must(memcmp(again, text, (AF_REFRESH_OCTETS - 32) / 3 * 4) == 0);
    af_must(af_refresh_check(&keys, &token, session_random)
            == (memcmp(again, text, len) == 0));
}


/* with the id and the tag for the input's octets */

static void
sealed(const uint8_t *data, size_t size, size_t tagged)
{
    char                     text[AF_REFRESH_SIZE];
    size_t                   head;
    unsigned char            octets[AF_REFRESH_OCTETS] = { 0 };
    unsigned char            code[crypto_auth_hmacsha256_BYTES];
    const af_purpose_key_t  *key;

    key = &made[SECRETS - 1].keys[AF_PURPOSE_REFRESH_TAG];

    head = (tagged == TAGGED) ? 1 + ID : 1;

    octets[0] = (tagged == TAGGED) ? 0xae : 0xaf;
    memcpy(octets + 1, key->id, head - 1);
    memcpy(octets + head, data, size < tagged - head ? size : tagged - head);

    crypto_auth_hmacsha256(code, octets, tagged, key->key);
    memcpy(octets + tagged, code, 8);

    sodium_bin2base64(text, sizeof(text), octets, tagged + 8 + 32,
                      AF_BASE64URL);
    any(text, strlen(text));
}
