/*
 * JSON Web Keys and sets: what is read, skipped and rejected.
 */

#include <openssl/err.h>
#include <stdio.h>
#include <sodium.h>

#include "unit.h"
#include "vectors.h"
#include "token/keyring.h"


#define RSA   RFC7515_A2_KEY
#define P256  RFC7515_A3_KEY
#define P521  RFC7515_A4_KEY
#define OKP   RFC8037_A1_KEY
#define OCT   RFC7515_A1_KEY

#define WRONG(name)  "\"" name "\" is missing or malformed"

#define NOT_VALID    "the key is not valid"
#define BAD_PUBLIC   "the public key is not valid"
#define BAD_PRIVATE  "the private key does not match the public one"
#define BAD_EXP      "the exponent is not an odd number from 3 to 2^64"
#define BAD_ALG      "the algorithm is not for this kind of key"
#define BAD_KID      "the kid is not printable ASCII of at most 256 characters"
#define BAD_USE      "the key is not for signatures"
#define BAD_KIND     "keys of this kind are not supported"


/* a key, a member, and its replacement or NULL; without an error it is read */

static const struct {
    const char  *name;
    const char  *key;
    const char  *member;
    const char  *value;
    const char  *error;
} changes[] = {

    /* what any key has */
    { "as it is", RSA, "x", "1", NULL },
    { "no kty", RSA, "kty", NULL, WRONG("kty") },
    { "kty null", RSA, "kty", "null", WRONG("kty") },
    { "kty a number", RSA, "kty", "1", WRONG("kty") },
    { "kty rsa", RSA, "kty", "\"rsa\"", BAD_KIND },
    { "kty empty", RSA, "kty", "\"\"", BAD_KIND },
    { "kty of another kind", RSA, "kty", "\"oct\"", WRONG("k") },
    { "kty AKP", RSA, "kty", "\"AKP\"", BAD_KIND },
    { "alg", RSA, "alg", "\"PS512\"", NULL },
    { "alg of another kind", RSA, "alg", "\"HS256\"", BAD_ALG },
    { "alg of another curve", P256, "alg", "\"ES384\"", BAD_ALG },
    { "alg for encryption", RSA, "alg", "\"RSA-OAEP\"",
      "the algorithm is not supported" },
    { "alg none", RSA, "alg", "\"none\"", "the algorithm is not supported" },
    { "alg a number", RSA, "alg", "256", WRONG("alg") },
    { "alg null", RSA, "alg", "null", WRONG("alg") },
    { "use sig", RSA, "use", "\"sig\"", NULL },
    { "use enc", RSA, "use", "\"enc\"", BAD_USE },
    { "use another", RSA, "use", "\"Sig\"", BAD_USE },
    { "use an array", RSA, "use", "[\"sig\"]", WRONG("use") },
    { "key_ops", RSA, "key_ops", "[\"sign\",\"verify\"]", NULL },
    { "key_ops sign", RSA, "key_ops", "[\"sign\"]", NULL },
    { "key_ops another too", RSA, "key_ops", "[\"x\",\"verify\"]", NULL },
    { "key_ops for encryption", RSA, "key_ops",
      "[\"encrypt\",\"wrapKey\"]", BAD_USE },
    { "key_ops empty", RSA, "key_ops", "[]", BAD_USE },
    { "key_ops a string", RSA, "key_ops", "\"sign\"", WRONG("key_ops") },
    { "key_ops of numbers", RSA, "key_ops", "[1]", WRONG("key_ops") },
    { "kid", RSA, "kid", "\"a b\"", NULL },
    { "kid empty", RSA, "kid", "\"\"", BAD_KID },
    { "kid with a line end", RSA, "kid", "\"a\\n\"", BAD_KID },
    { "kid not ASCII", RSA, "kid", "\"\\u00e9\"", BAD_KID },
    { "kid a number", RSA, "kid", "1", WRONG("kid") },
    { "x5c is not read", RSA, "x5c", "[\"AAAA\"]", NULL },
    { "x5u is not read", RSA, "x5u", "\"https://example.com/\"", NULL },

    /* RSA */
    { "no n", RSA, "n", NULL, WRONG("n") },
    { "no e", RSA, "e", NULL, WRONG("e") },
    { "no p", RSA, "p", NULL, WRONG("p") },
    { "no q", RSA, "q", NULL, WRONG("q") },
    { "no dp", RSA, "dp", NULL, WRONG("dp") },
    { "no dq", RSA, "dq", NULL, WRONG("dq") },
    { "no qi", RSA, "qi", NULL, WRONG("qi") },
    { "no d: public", RSA, "d", NULL, NULL },
    { "d null", RSA, "d", "null", WRONG("d") },
    { "n empty", RSA, "n", "\"\"", WRONG("n") },
    { "n padded", RSA, "n", "\"AAAA=\"", WRONG("n") },
    { "n a number", RSA, "n", "65537", WRONG("n") },
    { "n as +/", RSA, "n", "\"+/+/\"", WRONG("n") },
    { "e 0", RSA, "e", "\"AA\"", BAD_EXP },
    { "e 1", RSA, "e", "\"AQ\"", BAD_EXP },
    { "e 2", RSA, "e", "\"Ag\"", BAD_EXP },
    { "e 65536", RSA, "e", "\"AQAA\"", BAD_EXP },
    { "e of 65 bits", RSA, "e", "\"AQAAAAAAAAAB\"", BAD_EXP },
    { "e another", RSA, "e", "\"Aw\"", BAD_PRIVATE },
    { "d another", RSA, "d", "\"AQAB\"", BAD_PRIVATE },
    { "p another", RSA, "p", "\"AQAB\"", BAD_PRIVATE },
    { "dp another", RSA, "dp", "\"AQAB\"", BAD_PRIVATE },
    { "dq another", RSA, "dq", "\"AQAB\"", BAD_PRIVATE },
    { "qi another", RSA, "qi", "\"AQAB\"", BAD_PRIVATE },
    { "more primes", RSA, "oth", "[]",
      "RSA keys of more than two primes are not supported" },

    /* EC */
    { "EC", P256, "a", "1", NULL },
    { "P-521", P521, "a", "1", NULL },
    { "no crv", P256, "crv", NULL, BAD_KIND },
    { "crv a number", P256, "crv", "256", WRONG("crv") },
    { "secp256k1", P256, "crv", "\"secp256k1\"", BAD_KIND },
    { "OpenSSL's name", P256, "crv", "\"prime256v1\"", BAD_KIND },
    { "Ed25519", P256, "crv", "\"Ed25519\"", BAD_KIND },
    { "another curve", P256, "crv", "\"P-384\"", WRONG("x\" or \"y") },
    { "no x", P256, "x", NULL, WRONG("x\" or \"y") },
    { "no y", P256, "y", NULL, WRONG("x\" or \"y") },
    { "x short", P256, "x", "\"g83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVA\"",
      WRONG("x\" or \"y") },
    { "x long", P256, "x",
      "\"AH_NziwN9sRdQYPL7m_bS3tYBzM1e-nvE7rPbjx70VRF\"",
      WRONG("x\" or \"y") },
    { "not on the curve", P256, "y",
      "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a4\"", NOT_VALID },
    { "x 0", P256, "x", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
      NOT_VALID },
    { "no d: public", P256, "d", NULL, NULL },
    { "d short", P256, "d", "\"AQAB\"", WRONG("d") },
    { "d 0", P256, "d", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
      BAD_PRIVATE },
    { "d another", P256, "d",
      "\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LM\"", BAD_PRIVATE },
    { "d not less than n", P256, "d",
      "\"_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE\"", BAD_PRIVATE },

    /* OKP */
    { "Ed25519", OKP, "a", "1", NULL },
    { "Ed448", OKP, "crv", "\"Ed448\"", BAD_KIND },
    { "X25519", OKP, "crv", "\"X25519\"", BAD_KIND },
    { "no crv", OKP, "crv", NULL, BAD_KIND },
    { "no x", OKP, "x", NULL, WRONG("x") },
    { "x short", OKP, "x", "\"AQAB\"", WRONG("x") },
    { "x another", OKP, "x", "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURs\"",
      BAD_PRIVATE },
    { "no d: public", OKP, "d", NULL, NULL },
    { "d short", OKP, "d", "\"AQAB\"", WRONG("d") },
    { "d long", OKP, "d", "\"AJ1hsZ3v_VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\"",
      WRONG("d") },

    { "the neutral element", RFC8037_A2_KEY, "x",
      "\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", BAD_PUBLIC },
    { "of small order", RFC8037_A2_KEY, "x",
      "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", BAD_PUBLIC },
    { "no point", RFC8037_A2_KEY, "x",
      "\"AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", BAD_PUBLIC },
    { "not reduced", RFC8037_A2_KEY, "x",
      "\"8P_______________________________________38\"", BAD_PUBLIC },

    /* oct */
    { "oct", OCT, "a", "1", NULL },
    { "no k", OCT, "k", NULL, WRONG("k") },
    { "k empty", OCT, "k", "\"\"", WRONG("k") },
    { "k of 31 octets", OCT, "k",
      "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
      "the secret is shorter than 32 octets" },
    { "HS512", OCT, "alg", "\"HS512\"", NULL },
    { "HS384 of 32 octets", RFC7520_3_5_KEY, "alg", "\"HS384\"",
      "the secret is shorter than 48 octets" },
    { "RS256", OCT, "alg", "\"RS256\"", BAD_ALG },
    { "PEM as k", OCT, "k",
      "\"LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0KTUlJQklqQU5CZ2txaGtpRzl3\"",
      "PEM is not a secret" }
};


/* whole texts, especially sets */

static const struct {
    const char        *name;
    const char        *text;
    af_key_options_t   options;
    size_t             keys;
    size_t             skipped;
    size_t             index;
    const char        *error;
} texts[] = {
    { "RFC 7517, A.1", RFC7517_A1_SET, { .alg = NULL }, 1, 1, 0, NULL },
    { "RFC 7517, A.2", RFC7517_A2_SET, { .alg = NULL }, 1, 1, 0, NULL },
    { "RFC 7517, A.3", RFC7517_A3_SET, { .alg = NULL }, 1, 1, 0, NULL },
    { "a key", P256, { .alg = NULL }, 1, 0, 0, NULL },
    { "white space first", " \r\n\t" P256, { .alg = NULL }, 1, 0, 0, NULL },
    { "several", "{\"keys\":[" RSA "," P256 "," OKP "," OCT "]}",
      { .alg = NULL }, 4, 0, 0, NULL },
    { "other members", "{\"a\":1,\"keys\":[" P256 "]}", { .alg = NULL },
      1, 0, 0, NULL },

    { "an empty set", "{\"keys\":[]}", { .alg = NULL }, 0, 0, 0,
      "there is no usable key in the set" },
    { "nothing of use", "{\"keys\":[{\"kty\":\"x\"}]}", { .alg = NULL },
      0, 1, 0, "there is no usable key in the set" },
    { "a bad one", "{\"keys\":[{\"kty\":\"x\"},{\"kty\":1}," P256 "]}",
      { .alg = NULL }, 0, 1, 2, WRONG("kty") },
    { "no object", "{\"keys\":[\"x\"]}", { .alg = NULL }, 0, 0, 1,
      "the key is not an object" },
    { "no array", "{\"keys\":{}}", { .alg = NULL }, 0, 0, 0,
      "there is no usable key in the set" },
    { "no key", "{}", { .alg = NULL }, 0, 0, 0, WRONG("kty") },
    { "a member twice", "{\"kty\":\"oct\",\"kty\":\"RSA\"}",
      { .alg = NULL }, 0, 0, 0, "the JSON is malformed" },
    { "not closed", "{\"kty\":\"oct\"", { .alg = NULL }, 0, 0, 0,
      "the JSON is malformed" },
    { "something behind", P256 "x", { .alg = NULL }, 0, 0, 0,
      "the JSON is malformed" },
    { "an array", "[" P256 "]", { .alg = NULL }, 0, 0, 0,
      "JSON is not a secret" },
    { "behind a byte order mark", "\xef\xbb\xbf" P256, { .alg = NULL }, 0, 0, 0,
      "JSON is not a secret" },
    { "twice", "{\"keys\":[" P256 "," P256 "]}", { .alg = NULL }, 0, 0, 2,
      "it is listed twice" },

    { "kid", P256, { .kid = "x" }, 1, 0, 0, NULL },
    { "kid of one", "{\"keys\":[" P256 "]}", { .kid = "x" }, 1, 0, 0, NULL },
    { "kid of two", "{\"keys\":[" P256 "," RSA "]}", { .kid = "x" }, 0, 0, 0,
      "\"kid=\" is for a single key" },
    { "the same kid", OCT, { .kid = "HMAC key used in JWS A.1 example" },
      1, 0, 0, NULL },
    { "another kid", OCT, { .kid = "x" }, 0, 0, 0,
      "the JWK has another kid" },
    { "alg", RSA, { .alg = "PS256" }, 1, 0, 0, NULL },
    { "the same alg", RFC7520_3_5_KEY, { .alg = "HS256" }, 1, 0, 0, NULL },
    { "another alg", RFC7520_3_5_KEY, { .alg = "HS384" }, 0, 0, 0,
      "the JWK has another algorithm" },
    { "alg of another kind", RSA, { .alg = "ES256" }, 0, 0, 0, BAD_ALG },
    { "HMAC with a public key",
      "{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"HS256\"}",
      { .alg = NULL }, 0, 0, 0, BAD_ALG },
    { "alg unknown", RSA, { .alg = "RS1" }, 0, 0, 0,
      "the algorithm is not supported" },
    { "use sign", P256, { .use = AF_USE_SIGN }, 1, 0, 0, NULL },
    { "use sign, public", RFC8037_A2_KEY, { .use = AF_USE_SIGN }, 0, 0, 0,
      "the key can't sign, or may not" },
    { "use sign, of another", P256,
      { .use = AF_USE_SIGN, .issuer = "them" }, 0, 0, 0,
      "another issuer's key can't sign" },
    { "use verify", P256, { .use = AF_USE_VERIFY }, 1, 0, 0, NULL },
    { "of another", P256, { .issuer = "them" }, 1, 0, 0, NULL }
};


static void
count(void *data, const af_keyring_error_t *error)
{
    size_t  *n = data;

    assert_true(error->index != 0 && error->reason != NULL);
    (*n)++;
}


static const char *
changed(const char *text, const char *member, const char *value, char **out)
{
    json_t  *jwk, *v;

    jwk = json_loads(text, 0, NULL);
    assert_non_null(jwk);

    if (value != NULL) {
        v = json_loads(value, JSON_DECODE_ANY, NULL);
        assert_non_null(v);
        assert_int_equal(json_object_set_new(jwk, member, v), 0);

    } else {
        assert_int_equal(json_object_del(jwk, member), 0);
    }

    *out = json_dumps(jwk, JSON_COMPACT);
    assert_non_null(*out);

    json_decref(jwk);

    return *out;
}


static int
add(af_keyring_t *ring, const char *text, const af_key_options_t *options,
    size_t *skipped, af_keyring_error_t *error)
{
    int    rc;
    char  *copy;

    *skipped = 0;
    error->reason = NULL;

    copy = af_exact(text, strlen(text));
    rc = af_keyring_add(ring, copy, strlen(text), options, count, skipped,
                        error);
    free(copy);

    /* nothing is left in OpenSSL's error queue for nginx */
    assert_int_equal(ERR_peek_error(), 0);

    return rc;
}


static void
test_each_member_counts(void **state)
{
    int                   failed, rc;
    char                 *text;
    size_t                i, skipped;
    af_keyring_t         *ring;
    af_keyring_error_t    error;
    af_key_options_t      options = { .alg = NULL };

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(changes); i++) {
        ring = af_keyring_create();

        rc = add(ring, changed(changes[i].key, changes[i].member,
                               changes[i].value, &text),
                 &options, &skipped, &error);

        af_row((rc == 0) == (changes[i].error == NULL), "%s: %s",
               changes[i].name, error.reason);

        if (rc != 0 && changes[i].error != NULL) {
            af_row(strcmp(error.reason, changes[i].error) == 0, "%s: %s",
                   changes[i].name, error.reason);
        }

        af_keyring_free(ring);
        free(text);
    }

    assert_int_equal(failed, 0);
}


/* so many characters, all ones: a number divisible by 3 */

static void
test_moduli(void **state)
{
    char                 *text, n[1400];
    size_t                i, skipped;
    af_keyring_t         *ring;
    af_keyring_error_t    error;
    af_key_options_t      options = { .alg = NULL };

    static const struct {
        size_t       len;
        const char  *error;
    } rows[] = {
        { 172, "the modulus is shorter than 2048 bits" },
        { 340, "the modulus is shorter than 2048 bits" },
        { 344, BAD_PUBLIC },
        { 1364, BAD_PUBLIC },
        { 1368, "the modulus is longer than 8192 bits" }
    };

    (void) state;

    ring = af_keyring_create();

    for (i = 0; i < af_nelts(rows); i++) {
        n[0] = '"';
        memset(n + 1, '_', rows[i].len);
        strcpy(n + 1 + rows[i].len, "\"");

        assert_int_equal(add(ring, changed(RFC7638_KEY, "n", n, &text),
                             &options, &skipped, &error), -1);
        assert_string_equal(error.reason, rows[i].error);
        free(text);
    }

    af_keyring_free(ring);
}


static void
test_sets_with_options(void **state)
{
    int                  failed, rc;
    size_t               i, skipped;
    af_keyring_t        *ring;
    af_keyring_error_t   error;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(texts); i++) {
        ring = af_keyring_create();

        rc = add(ring, texts[i].text, &texts[i].options, &skipped, &error);

        af_row((rc == 0) == (texts[i].error == NULL), "%s: %s",
               texts[i].name, error.reason);
        af_row(skipped == texts[i].skipped, "%s: %zu", texts[i].name,
               skipped);

        if (rc == 0) {
            af_row(ring->nkeys == texts[i].keys, "%s: %zu", texts[i].name,
                   ring->nkeys);
            af_row(ring->keys[ring->nkeys] == NULL, "%s", texts[i].name);

        } else if (texts[i].error != NULL) {
            af_row(strcmp(error.reason, texts[i].error) == 0, "%s: %s",
                   texts[i].name, error.reason);
            af_row(error.index == texts[i].index, "%s: %zu", texts[i].name,
                   error.index);
        }

        af_keyring_free(ring);
    }

    assert_int_equal(failed, 0);
}


/* published sets: public keys alone, and none that can't be used */

static void
test_published_sets(void **state)
{
    int                   failed, rc;
    size_t                i, skipped;
    af_keyring_t         *ring;
    af_keyring_error_t    error;
    af_key_options_t      options = { .issuer = "them",
                                      .use = AF_USE_VERIFY };

    static const struct {
        const char  *name;
        const char  *text;
        size_t       keys;
        size_t       skipped;
    } rows[] = {
        { "a set", "{\"keys\":[" RFC8037_A2_KEY "]}", 1, 0 },
        { "with others", "{\"keys\":[1,{\"kty\":\"x\"},{\"kty\":1}," OCT ","
          RSA "," OKP "," RFC8037_A2_KEY "," RFC8037_A2_KEY "]}", 1, 7 },
        { "a secret", "{\"keys\":[" OCT "]}", 0, 1 },
        { "a private key", "{\"keys\":[" P256 "]}", 0, 1 },
        { "no set", RFC8037_A2_KEY, 0, 0 },
        { "empty", "", 0, 0 },
        { "a page", "<html><body>It works, as I said before</body></html>",
          0, 0 },
        { "PEM", "-----BEGIN PUBLIC KEY-----\n"
          "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
          "-----END PUBLIC KEY-----\n", 0, 0 }
    };

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(rows); i++) {
        ring = af_keyring_create();
        skipped = 0;

        rc = af_keyring_add_published(ring, rows[i].text,
                                      strlen(rows[i].text), &options, count,
                                      &skipped, &error);

        af_row((rc == 0) == (rows[i].keys != 0), "%s: %s", rows[i].name,
               error.reason);
        af_row(ring->nkeys == rows[i].keys, "%s: %zu", rows[i].name,
               ring->nkeys);
        af_row(skipped == rows[i].skipped, "%s: %zu", rows[i].name, skipped);

        af_keyring_free(ring);
    }

    assert_int_equal(failed, 0);
}


static void
test_only_the_first_keys_of_a_long_set_are_read(void **state)
{
    char                 *text, *p;
    size_t                i, skipped;
    af_keyring_t         *ring;
    af_keyring_error_t    error;
    af_key_options_t      options = { .issuer = "them",
                                      .use = AF_USE_VERIFY };

    static const char     key[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
                             "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\","
                             "\"kid\":\"%zu\"},";

    (void) state;

    text = malloc(2 * AF_PUBLISHED_MAX * sizeof(key));
    assert_non_null(text);

    p = text + sprintf(text, "{\"keys\":[");

    for (i = 0; i <= AF_PUBLISHED_MAX; i++) {
        p += sprintf(p, key, i);
    }

    sprintf(p - 1, "]}");

    ring = af_keyring_create();
    skipped = 0;

    assert_int_equal(af_keyring_add_published(ring, text, strlen(text),
                                              &options, count, &skipped,
                                              &error), 0);
    assert_int_equal(ring->nkeys, AF_PUBLISHED_MAX);
    assert_string_equal(af_key_kid(ring->keys[AF_PUBLISHED_MAX - 1]), "63");
    assert_int_equal(skipped, 0);

    af_keyring_free(ring);
    free(text);
}


static void
test_who_signs(void **state)
{
    int                   failed;
    size_t                i, skipped;
    af_keyring_t         *ring;
    af_keyring_error_t    error;

    static const struct {
        const char        *name;
        const char        *text;
        af_key_options_t   options;
        int                signs;
    } rows[] = {
        { "private", P256, { .alg = NULL }, 1 },
        { "secret", OCT, { .alg = NULL }, 1 },
        { "public", RFC8037_A2_KEY, { .alg = NULL }, 0 },
        { "to verify", P256, { .use = AF_USE_VERIFY }, 0 },
        { "of another", OCT, { .issuer = "them" }, 0 },
        { "key_ops verify", "{\"key_ops\":[\"verify\"],\"kty\":\"oct\","
          "\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
          { .alg = NULL }, 0 },
        { "key_ops sign", "{\"key_ops\":[\"sign\"],\"kty\":\"oct\","
          "\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
          { .alg = NULL }, 1 }
    };

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(rows); i++) {
        ring = af_keyring_create();

        af_row(add(ring, rows[i].text, &rows[i].options, &skipped, &error)
               == 0, "%s: %s", rows[i].name, error.reason);
        af_row((af_keyring_signer(ring) != NULL) == rows[i].signs, "%s",
               rows[i].name);

        af_keyring_free(ring);
    }

    assert_int_equal(failed, 0);
}


/* key_ops of a public key that is not for verifying */

static void
test_a_public_key_has_to_verify(void **state)
{
    char                 *text;
    size_t                skipped;
    af_keyring_t         *ring;
    af_keyring_error_t    error;
    af_key_options_t      options = { .alg = NULL };

    (void) state;

    ring = af_keyring_create();

    assert_int_equal(add(ring, changed(RFC8037_A2_KEY, "key_ops",
                                       "[\"sign\"]", &text),
                         &options, &skipped, &error), -1);
    assert_string_equal(error.reason, BAD_USE);
    free(text);

    assert_int_equal(add(ring, changed(RFC8037_A2_KEY, "key_ops",
                                       "[\"verify\"]", &text),
                         &options, &skipped, &error), 0);
    free(text);

    af_keyring_free(ring);
}


static void
test_the_first_key_that_can_sign_does(void **state)
{
    size_t                skipped;
    af_keyring_t         *ring;
    af_keyring_error_t    error;
    af_key_options_t      options = { .alg = NULL };

    (void) state;

    ring = af_keyring_create();

    assert_null(af_keyring_signer(ring));

    assert_int_equal(add(ring, RFC8037_A2_KEY, &options, &skipped, &error),
                     0);
    assert_null(af_keyring_signer(ring));

    assert_int_equal(add(ring, P256, &options, &skipped, &error), 0);
    assert_int_equal(add(ring, RSA, &options, &skipped, &error), 0);
    assert_ptr_equal(af_keyring_signer(ring), ring->keys[1]);

    /* a key is there once per issuer */

    assert_int_equal(add(ring, P256, &options, &skipped, &error), -1);

    options.issuer = "them";
    assert_int_equal(add(ring, P256, &options, &skipped, &error), 0);

    options.issuer = NULL;
    options.alg = "RS512";
    assert_int_equal(add(ring, RSA, &options, &skipped, &error), 0);

    af_keyring_free(ring);
}


static void
test_thumbprints(void **state)
{
    char                 *text;
    size_t                i, skipped;
    json_t               *jwk;
    af_keyring_t         *ring;
    af_keyring_error_t    error;
    af_key_options_t      options = { .alg = NULL };

    static const struct {
        const char  *key;
        const char  *thumbprint;
    } rows[] = {
        { RFC7638_KEY, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" },
        { RFC8037_A1_KEY, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" },
        { RFC8037_A2_KEY, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" },
        { P256, "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U" }
    };

    (void) state;

    for (i = 0; i < af_nelts(rows); i++) {
        jwk = json_loads(rows[i].key, 0, NULL);
        json_object_del(jwk, "kid");

        ring = af_keyring_create();
        text = json_dumps(jwk, 0);
        assert_int_equal(add(ring, text, &options, &skipped, &error), 0);
        assert_string_equal(af_key_kid(ring->keys[0]), rows[i].thumbprint);

        af_keyring_free(ring);
        json_decref(jwk);
        free(text);
    }
}


/* our own public keys alone */

static void
test_what_is_published(void **state)
{
    char                 *text;
    size_t                i, skipped;
    json_t               *set, *keys, *jwk, *value;
    const char           *name;
    af_keyring_t         *ring;
    af_keyring_error_t    error;
    af_key_options_t      options = { .alg = NULL };

    (void) state;

    ring = af_keyring_create();

    text = af_keyring_jwks(ring);
    assert_string_equal(text, "{\"keys\":[]}");
    free(text);

    assert_int_equal(add(ring, "{\"keys\":[" RSA "," P256 "," P521 "," OKP ","
                         OCT "]}", &options, &skipped, &error), 0);

    options.issuer = "them";
    assert_int_equal(add(ring, RFC7638_KEY, &options, &skipped, &error), 0);

    text = af_keyring_jwks(ring);
    assert_non_null(text);
    set = json_loads(text, 0, NULL);
    free(text);

    keys = json_object_get(set, "keys");
    assert_int_equal(json_array_size(keys), 4);

    for (i = 0; i < json_array_size(keys); i++) {
        jwk = json_array_get(keys, i);

        assert_string_equal(json_string_value(json_object_get(jwk, "kid")),
                            af_key_kid(ring->keys[i]));
        assert_string_equal(json_string_value(json_object_get(jwk, "alg")),
                            af_key_alg(ring->keys[i]));
        assert_string_equal(json_string_value(json_object_get(jwk, "use")),
                            "sig");

        json_object_foreach(jwk, name, value) {
            assert_true(json_is_string(value));
            assert_non_null(strstr(" alg crv e kid kty n use x y ", name));
        }
    }

    /* what was read is written */

    jwk = json_loads(RSA, 0, NULL);
    assert_true(json_equal(json_object_get(jwk, "n"),
                    json_object_get(json_array_get(keys, 0), "n")));
    json_decref(jwk);

    jwk = json_loads(P521, 0, NULL);
    assert_true(json_equal(json_object_get(jwk, "x"),
                    json_object_get(json_array_get(keys, 2), "x")));
    assert_true(json_equal(json_object_get(jwk, "y"),
                    json_object_get(json_array_get(keys, 2), "y")));
    json_decref(jwk);

    /* and can be read */

    text = json_dumps(set, 0);
    options.issuer = "us";
    assert_int_equal(add(ring, text, &options, &skipped, &error), 0);
    free(text);

    json_decref(set);
    af_keyring_free(ring);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_each_member_counts),
        cmocka_unit_test(test_moduli),
        cmocka_unit_test(test_sets_with_options),
        cmocka_unit_test(test_published_sets),
        cmocka_unit_test(test_only_the_first_keys_of_a_long_set_are_read),
        cmocka_unit_test(test_who_signs),
        cmocka_unit_test(test_a_public_key_has_to_verify),
        cmocka_unit_test(test_the_first_key_that_can_sign_does),
        cmocka_unit_test(test_thumbprints),
        cmocka_unit_test(test_what_is_published)
    };

    return sodium_init() == -1
           || cmocka_run_group_tests_name("jwk", tests, NULL, NULL);
}
