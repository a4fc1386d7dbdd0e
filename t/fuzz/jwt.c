/*
 * Tokens.  The input's first three octets, as digits, say what the rest is,
 * which key signs it, and what is required (1: the issuer, 2: the audience, 3:
 * both):
 *
 *   0  a token, nothing is added
 *   1  the signing input: header.payload in base64url
 *   2  a header, a newline, a payload; or only a payload, for a valid header
 *
 * so that the code after the signature check is reached, which random inputs
 * never pass.
 */

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include "fuzz.h"
#include "token/jwt.h"


#define NOW     1000000
#define LEEWAY  5
#define SECRET  64
#define KEYS    3

#define ISSUER  "https://example.com"


static void sign(const char *input, size_t len, unsigned key);
static void encode_and_sign(const char *text, size_t len, unsigned key);
static size_t encode(char *dst, const char *src, size_t n);
static void verify(const char *token, size_t len);
static af_jwt_status_t status_of(const char *token, size_t len,
    json_t **claims);
static void accepted(const char *token, size_t len, const json_t *claims);
static void says_what_is_demanded(const json_t *claims);
static unsigned key_of(const char *header, size_t len);
static void is_canonical(const char *part, size_t len);
static void is_signed(const char *token, size_t len, const char *sig,
    unsigned key);
static void needs_its_key(const char *token, size_t len, unsigned key);
static void bears_no_change(const char *token, size_t len);
static void goes_round(const json_t *claims, unsigned key);


static const struct {
    const char  *alg;
    const char  *kid;
} names[KEYS] = {
    { "HS256", "one" },
    { "HS384", "two" },
    { "HS512", "three" }
};

static const char *const  audience[] = { "a", "https://api.example.com", NULL };

static unsigned char   secrets[KEYS][SECRET];
static af_key_t       *keys[KEYS + 1];
static af_jwt_rules_t  rules = { keys, NULL, NULL, NOW, LEEWAY };


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    unsigned           i;
    const char        *error;
    af_key_options_t   options = { .use = AF_USE_SIGN };

    (void) argc;
    (void) argv;

    af_must(sodium_init() != -1);

    for (i = 0; i < KEYS; i++) {
        memset(secrets[i], 'a' + i, SECRET);
        options.alg = names[i].alg;
        options.kid = names[i].kid;
        keys[i] = af_key_create_secret(secrets[i], SECRET, &options, &error);
        af_must(keys[i] != NULL);
    }

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char  *rest;

    if (size < 3) {
        return 0;
    }

    rest = (const char *) data + 3;
    size -= 3;

    rules.issuer = (data[2] & 1) ? ISSUER : NULL;
    rules.audience = (data[2] & 2) ? audience : NULL;

    switch (data[0] % 3) {

    case 0:
        verify(rest, size);
        break;

    case 1:
        sign(rest, size, data[1] % KEYS);
        break;

    default:
        encode_and_sign(rest, size, data[1] % KEYS);
    }

    return 0;
}


static void
sign(const char *input, size_t len, unsigned key)
{
    char           *token;
    size_t          n;
    unsigned char   sig[AF_SIGNATURE_MAX];

    token = malloc(len + 1 + AF_SIGNATURE_MAX * 2);
    af_must(token != NULL);

    memcpy(token, input, len);
    token[len] = '.';

    n = af_key_sign(keys[key], sig, (unsigned char *) token, len);
    af_must(n != 0 && n <= AF_SIGNATURE_MAX);

    verify(token, len + 1 + encode(token + len + 1, (char *) sig, n));

    free(token);
}


static void
encode_and_sign(const char *text, size_t len, unsigned key)
{
    char        *input, right[64];
    size_t       n, header_len;
    const char  *header, *newline;

    newline = memchr(text, '\n', len);

    if (newline != NULL) {
        header = text;
        header_len = newline - text;
        len -= header_len + 1;
        text = newline + 1;

    } else {
        header = right;
        header_len = snprintf(right, sizeof(right), "{\"alg\":\"%s\"}",
                              names[key].alg);
    }

    input = malloc((header_len + len) * 2 + 16);
    af_must(input != NULL);

    n = encode(input, header, header_len);
    input[n++] = '.';
    n += encode(input + n, text, len);

    sign(input, n, key);

    free(input);
}


static size_t
encode(char *dst, const char *src, size_t n)
{
    size_t  size;

    size = sodium_base64_ENCODED_LEN(n,
                                     sodium_base64_VARIANT_URLSAFE_NO_PADDING);

    sodium_bin2base64(dst, size, (const unsigned char *) src, n,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);

    return size - 1;
}


static void
verify(const char *token, size_t len)
{
    json_t           *claims;
    af_jwt_status_t   status;

    status = status_of(token, len, &claims);

    af_must(status >= AF_JWT_OK && status < AF_JWT_ERROR);

    if (status == AF_JWT_OK) {
        af_must(json_is_object(claims));
        accepted(token, len, claims);

    } else {
        af_must(claims == NULL);
    }

    json_decref(claims);
}


static af_jwt_status_t
status_of(const char *token, size_t len, json_t **claims)
{
    char             *copy, *text;
    af_jwt_t          jwt;
    af_jwt_status_t   status;

    copy = af_exact(token, len);
    text = malloc(len);
    af_must(text != NULL || len == 0);

    status = af_jwt_verify(&rules, copy, len, text, &jwt);

    af_must((jwt.key != NULL) == (status == AF_JWT_OK));
    af_must((jwt.claims.text != NULL) == (status == AF_JWT_OK));

    *claims = NULL;

    if (status == AF_JWT_OK) {
        *claims = json_incref((json_t *) af_claims_tree(&jwt.claims));
        af_must(*claims != NULL);
    }

    af_jwt_close(&jwt);
    free(text);
    free(copy);

    return status;
}


static void
accepted(const char *token, size_t len, const json_t *claims)
{
    unsigned     key;
    const char  *dot[2];

    af_must(len <= AF_JWT_MAX);

    dot[0] = memchr(token, '.', len);
    af_must(dot[0] != NULL);

    dot[1] = memchr(dot[0] + 1, '.', token + len - dot[0] - 1);
    af_must(dot[1] != NULL);

    is_canonical(token, dot[0] - token);
    is_canonical(dot[0] + 1, dot[1] - dot[0] - 1);
    is_canonical(dot[1] + 1, token + len - dot[1] - 1);

    key = key_of(token, dot[0] - token);

    is_signed(token, len, dot[1], key);
    says_what_is_demanded(claims);
    needs_its_key(token, len, key);
    bears_no_change(token, len);
    goes_round(claims, key);
}


static void
is_canonical(const char *part, size_t len)
{
    long           n;
    char           again[AF_JWT_MAX + 1];
    unsigned char  octets[AF_JWT_MAX];

    n = af_unbase64(octets, part, len);

    af_must(n > 0);
    af_must(encode(again, (char *) octets, n) == len);
    af_must(memcmp(again, part, len) == 0);
}


static unsigned
key_of(const char *header, size_t len)
{
    long           n;
    json_t        *json;
    unsigned       key;
    const char    *alg, *kid;
    unsigned char  text[AF_JWT_MAX];

    n = af_unbase64(text, header, len);
    json = json_loadb((char *) text, n, JSON_REJECT_DUPLICATES, NULL);
    af_must(json_is_object(json));

    alg = json_string_value(json_object_get(json, "alg"));
    af_must(alg != NULL);

    for (key = 0; key < KEYS && strcmp(alg, names[key].alg) != 0; key++) {
        /* void */
    }

    af_must(key < KEYS);

    if (json_object_get(json, "kid") != NULL) {
        kid = json_string_value(json_object_get(json, "kid"));
        af_must(kid != NULL && strcmp(kid, names[key].kid) == 0);
    }

    af_must(json_object_get(json, "crit") == NULL);

    json_decref(json);

    return key;
}


/* with another OpenSSL function, and as text */

static void
is_signed(const char *token, size_t len, const char *dot, unsigned key)
{
    char           text[2 * EVP_MAX_MD_SIZE];
    unsigned       n;
    unsigned char  sig[EVP_MAX_MD_SIZE];
    const EVP_MD  *md;

    md = (key == 0) ? EVP_sha256() : (key == 1) ? EVP_sha384() : EVP_sha512();

    af_must(HMAC(md, secrets[key], SECRET, (const unsigned char *) token,
                 dot - token, sig, &n) != NULL);

    n = encode(text, (char *) sig, n);

    af_must(token + len == dot + 1 + n);
    af_must(memcmp(dot + 1, text, n) == 0);
}


static void
says_what_is_demanded(const json_t *claims)
{
    double         leeway;
    size_t         i;
    unsigned       found;
    const json_t  *iss, *aud, *one, *exp, *nbf, *iat;

    if (rules.issuer != NULL) {
        iss = json_object_get(claims, "iss");
        af_must(json_is_string(iss));
        af_must(strcmp(json_string_value(iss), ISSUER) == 0);
    }

    if (rules.audience != NULL) {
        aud = json_object_get(claims, "aud");
        found = 0;

        for (i = 0; i == 0 || i < json_array_size(aud); i++) {
            one = json_is_array(aud) ? json_array_get(aud, i) : aud;
            af_must(json_is_string(one));
            found |= strcmp(json_string_value(one), audience[0]) == 0
                     || strcmp(json_string_value(one), audience[1]) == 0;
        }

        af_must(found);
    }

    /* the current time is anywhere within its second */

    leeway = LEEWAY;

    exp = json_object_get(claims, "exp");
    nbf = json_object_get(claims, "nbf");
    iat = json_object_get(claims, "iat");

    af_must(json_is_number(exp));
    af_must(json_number_value(exp) - (NOW + 1) >= -leeway);

    if (nbf != NULL) {
        af_must(json_is_number(nbf));
        af_must(json_number_value(nbf) - (NOW + 1) < leeway);
    }

    if (iat != NULL) {
        af_must(json_is_number(iat));
        af_must(json_number_value(iat) - (NOW + 1) < leeway);
    }
}


static void
needs_its_key(const char *token, size_t len, unsigned key)
{
    json_t           *claims;
    unsigned          i, n;
    af_key_t         *others[KEYS];
    af_jwt_status_t   status;

    for (i = 0, n = 0; i < KEYS; i++) {
        if (i != key) {
            others[n++] = keys[i];
        }
    }

    others[n] = NULL;

    rules.keys = others;
    status = status_of(token, len, &claims);
    af_must(status == AF_JWT_UNKNOWN_KEY || status == AF_JWT_NO_KID);
    af_must(claims == NULL);

    rules.keys = keys;
}


/* one bit anywhere, any last character; one character more or less */

static void
bears_no_change(const char *token, size_t len)
{
    char      *copy;
    json_t    *claims;
    size_t     i, at;
    unsigned   bit;
    uint32_t   hash;

    copy = malloc(len + 1);
    af_must(copy != NULL);

    memcpy(copy, token, len);
    copy[len] = 'A';

    for (i = 0, hash = 2166136261; i < len; i++) {
        hash = (hash ^ (unsigned char) token[i]) * 16777619;
    }

    for (i = 0; i <= 8; i++) {
        at = (i == 8) ? (hash >> 3) % len : len - 1;
        bit = 1u << ((i == 8) ? hash & 7 : i);

        copy[at] ^= bit;
        af_must(status_of(copy, len, &claims) != AF_JWT_OK);
        af_must(claims == NULL);
        copy[at] ^= bit;
    }

    af_must(status_of(copy, len - 1, &claims) != AF_JWT_OK);
    af_must(status_of(copy, len + 1, &claims) != AF_JWT_OK);

    free(copy);
}


static void
goes_round(const json_t *claims, unsigned key)
{
    char    *token;
    json_t  *again;
    size_t   len;

    token = af_jwt_sign(keys[key], claims, &len);

    if (token == NULL) {
        /* escapes made it longer */
        af_must(json_dumpb(claims, NULL, 0, JSON_COMPACT) > AF_JWT_MAX / 2);
        return;
    }

    af_must(len <= AF_JWT_MAX);
    af_must(status_of(token, len, &again) == AF_JWT_OK);
    af_must(json_equal((json_t *) claims, again));

    json_decref(again);
    free(token);
}
