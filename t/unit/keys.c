/*
 * Keys: the HMAC vectors of RFC 4231 whose keys are long enough for JWS, and
 * invalid keys.
 */

#include <sodium.h>

#include "unit.h"
#include "token/keys.h"


#define BAD_KID "the kid is not printable ASCII of at most 256 characters"

/* 16 octets in base64url */
#define KID_LENGTH  22

#define DATA_6  "Test Using Larger Than Block-Size Key - Hash Key First"
#define DATA_7  "This is a test using a larger than block-size key and a "   \
                "larger than block-size data. The key needs to be hashed "   \
                "before being used by the HMAC algorithm."


static const struct {
    const char  *name;
    const char  *alg;
    const char  *data;
    const char  *mac;
} vectors[] = {

    { "case 6, SHA-256", "HS256", DATA_6,
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },

    { "case 6, SHA-384", "HS384", DATA_6,
      "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6"
      "0c2ef6ab4030fe8296248df163f44952" },

    { "case 6, SHA-512", "HS512", DATA_6,
      "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
      "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598" },

    { "case 7, SHA-256", "HS256", DATA_7,
      "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },

    { "case 7, SHA-384", "HS384", DATA_7,
      "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5"
      "a678cc31e799176d3860e6110c46523e" },

    { "case 7, SHA-512", "HS512", DATA_7,
      "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944"
      "b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58" }
};


static const char  kid_257[] =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    "0";


static const struct {
    const char  *name;
    size_t       len;
    const char  *alg;
    const char  *kid;
    const char  *error;
} refused[] = {
    { "HS256, short", 31, "HS256", NULL,
      "the secret is shorter than 32 octets" },
    { "HS384, short", 47, "HS384", NULL,
      "the secret is shorter than 48 octets" },
    { "HS512, short", 63, "HS512", NULL,
      "the secret is shorter than 64 octets" },
    { "empty", 0, "HS256", NULL, "the secret is shorter than 32 octets" },
    { "none", 64, "none", NULL, "the algorithm is not supported" },
    { "None", 64, "None", NULL, "the algorithm is not supported" },
    { "no name", 64, "", NULL, "the algorithm is not supported" },
    { "lower case", 64, "hs256", NULL, "the algorithm is not supported" },
    { "a prefix", 64, "HS25", NULL, "the algorithm is not supported" },
    { "empty kid", 64, "HS256", "", BAD_KID },
    { "control in kid", 64, "HS256", "a\n", BAD_KID },
    { "DEL in kid", 64, "HS256", "a\x7f", BAD_KID },
    { "UTF-8 in kid", 64, "HS256", "\xc3\xa9", BAD_KID },
    { "257 octets of kid", 64, "HS256", kid_257, BAD_KID },
    { "RSA's", 64, "RS256", NULL,
      "the algorithm is not for this kind of key" },
    { "Ed25519's", 64, "EdDSA", NULL,
      "the algorithm is not for this kind of key" }
};


static const struct {
    const char  *alg;
    size_t       len;
} least[] = {
    { "HS256", 32 },
    { "HS384", 48 },
    { "HS512", 64 }
};


static unsigned char  secret[131];


static af_key_t *
make_key(size_t len, const char *alg, const char *kid)
{
    af_key_t          *key;
    const char        *error;
    af_key_options_t   options = { .alg = alg, .kid = kid };

    error = NULL;

    key = af_key_create_secret(secret, len, &options, &error);

    assert_non_null(key);
    assert_null(error);

    return key;
}


static void
test_signatures_are_those_of_rfc_4231(void **state)
{
    int             failed;
    size_t          i, n, len, data_len;
    af_key_t       *key;
    unsigned char   sig[AF_SIGNATURE_MAX], mac[AF_SIGNATURE_MAX];
    unsigned char  *data;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(vectors); i++) {
        key = make_key(sizeof(secret), vectors[i].alg, NULL);

        data_len = strlen(vectors[i].data);
        data = (unsigned char *) vectors[i].data;

        assert_int_equal(sodium_hex2bin(mac, sizeof(mac), vectors[i].mac,
                                        strlen(vectors[i].mac), NULL, &len,
                                        NULL), 0);

        /* twice, since the context is reused */

        for (n = 0; n < 2; n++) {
            af_row(af_key_sign(key, sig, data, data_len) == len, "%s",
                   vectors[i].name);
            af_row(memcmp(sig, mac, len) == 0, "%s", vectors[i].name);
            af_row(af_key_verify(key, mac, len, data, data_len), "%s",
                   vectors[i].name);
        }

        af_key_free(key);
    }

    assert_int_equal(failed, 0);
}


static void
test_other_signatures_do_not_verify(void **state)
{
    size_t          i, n, bit, len;
    af_key_t       *key;
    unsigned char   sig[AF_SIGNATURE_MAX + 1], data[] = "data";

    (void) state;

    for (i = 0; i < af_nelts(least); i++) {
        key = make_key(sizeof(secret), least[i].alg, NULL);

        memset(sig, 0, sizeof(sig));
        len = af_key_sign(key, sig, data, 4);

        assert_int_equal(af_key_verify(key, sig, len, data, 4), 1);
        assert_int_equal(af_key_verify(key, sig, len, data, 3), 0);

        for (n = 0; n <= 2 * len; n++) {
            assert_int_equal(af_key_verify(key, sig, n, data, 4), n == len);
        }

        for (bit = 0; bit < 8 * len; bit++) {
            sig[bit / 8] ^= 1 << (bit % 8);
            assert_int_equal(af_key_verify(key, sig, len, data, 4), 0);
            sig[bit / 8] ^= 1 << (bit % 8);
        }

        assert_int_equal(af_key_verify(key, sig, len, data, 4), 1);

        af_key_free(key);
    }
}


static void
test_the_shortest_key_is_as_long_as_the_digest(void **state)
{
    size_t     i;
    af_key_t  *key;

    (void) state;

    for (i = 0; i < af_nelts(least); i++) {
        key = make_key(least[i].len, least[i].alg, NULL);
        assert_string_equal(af_key_alg(key), least[i].alg);
        af_key_free(key);
    }
}


static void
test_bad_keys_are_refused(void **state)
{
    int                failed;
    size_t             i;
    af_key_t          *key;
    const char        *error;
    af_key_options_t   options = { .use = AF_USE_DEFAULT };

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(refused); i++) {
        error = "";

        options.alg = refused[i].alg;
        options.kid = refused[i].kid;

        key = af_key_create_secret(secret, refused[i].len, &options, &error);

        af_row(key == NULL, "%s", refused[i].name);
        af_row(strcmp(error, refused[i].error) == 0, "%s: %s",
               refused[i].name, error);

        af_key_free(key);
    }

    /* one octet less is not too long */

    options.alg = "HS256";
    options.kid = kid_257 + 1;

    key = af_key_create_secret(secret, 64, &options, &error);

    assert_non_null(key);
    assert_string_equal(af_key_kid(key), kid_257 + 1);
    af_key_free(key);

    assert_int_equal(failed, 0);
}


static void
test_the_default_kid_is_derived(void **state)
{
    af_key_t  *a, *same, *other, *named;

    (void) state;

    a = make_key(64, "HS256", NULL);
    same = make_key(64, "HS256", NULL);
    other = make_key(65, "HS256", NULL);
    named = make_key(64, "HS256", "2025-01");

    assert_int_equal(strlen(af_key_kid(a)), KID_LENGTH);
    assert_int_equal(strspn(af_key_kid(a), "abcdefghijklmnopqrstuvwxyz"
                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"),
                     KID_LENGTH);
    assert_string_equal(af_key_kid(a), af_key_kid(same));
    assert_string_not_equal(af_key_kid(a), af_key_kid(other));
    assert_string_equal(af_key_kid(named), "2025-01");

    /* the same on every node, also after an upgrade */
    assert_string_equal(af_key_kid(a), "KRtKr-n6hlf9XRVV1Bwksg");

    af_key_free(a);
    af_key_free(same);
    af_key_free(other);
    af_key_free(named);
    af_key_free(NULL);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_signatures_are_those_of_rfc_4231),
        cmocka_unit_test(test_other_signatures_do_not_verify),
        cmocka_unit_test(test_the_shortest_key_is_as_long_as_the_digest),
        cmocka_unit_test(test_bad_keys_are_refused),
        cmocka_unit_test(test_the_default_kid_is_derived)
    };

    memset(secret, 0xaa, sizeof(secret));

    return sodium_init() == -1
           || cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
