/* Derived keys: the RFC's vectors, and another implementation's. */

#include <sodium.h>

#include "unit.h"
#include "crypto/derive.h"


#define IKM  "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"

#define LONG                                                                 \
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"       \
    "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"       \
    "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"       \
    "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"       \
    "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"       \
    "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"       \
    "c0c1c2c3c4c5c6c7"


/*
 * The first is RFC 5869, A.3: the only one of its vectors without a salt.
 * The others were made by Python's hmac, a block at a time.
 */

static const struct {
    const char  *name;
    const char  *secret;
    const char  *info;
    const char  *key;
} vectors[] = {
    { "RFC 5869, A.3", IKM, "",
      "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
      "9d201395faa4b61a96c8" },
    { "with a name", IKM, "autoflow mail",
      "9799961586b3685939b2fc9a6008d97f8508b381bfbb5d2beb9933dd7abc6d2b" },
    { "more blocks", IKM, "autoflow mail",
      "9799961586b3685939b2fc9a6008d97f8508b381bfbb5d2beb9933dd7abc6d2b"
      "d527a9a7e31ab40d0c9b4a7ec68aa70983e5664901636e2d9f566402fd46d2c4"
      "3dab53130fa15a87631c76ee6a09b3e14dffbd8208c7aa2a33a7e38a9a88aadd"
      "ba828c33" },
    { "a long secret", LONG, "autoflow refresh",
      "b07ecae3950175c2a8476f6c76cec9105576f7ee722ee6f95b35508bd53d29fd" }
};


static void
test_vectors(void **state)
{
    int             failed;
    size_t          i, len, size;
    unsigned char   secret[200], key[200], out[200];

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(vectors); i++) {
        assert_int_equal(sodium_hex2bin(secret, sizeof(secret),
                             vectors[i].secret, strlen(vectors[i].secret),
                             NULL, &len, NULL), 0);
        assert_int_equal(sodium_hex2bin(key, sizeof(key), vectors[i].key,
                             strlen(vectors[i].key), NULL, &size, NULL), 0);

        af_row(af_derive(secret, len, vectors[i].info, out, size) == 0,
               "%s", vectors[i].name);
        af_row(memcmp(out, key, size) == 0, "%s", vectors[i].name);
    }

    assert_int_equal(failed, 0);
}


static void
test_what_cannot_be_made_leaves_nothing(void **state)
{
    static unsigned char  out[255 * 32 + 1];

    (void) state;

    assert_int_equal(af_derive(out, 32, "", out, 255 * 32), 0);

    memset(out, 'x', sizeof(out));

    assert_int_equal(af_derive((unsigned char *) "secret", 6, "", out,
                               sizeof(out)), -1);
    assert_true(sodium_is_zero(out, sizeof(out)));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_what_cannot_be_made_leaves_nothing)
    };

    return sodium_init() == -1
           || cmocka_run_group_tests_name("derive", tests, NULL, NULL);
}
