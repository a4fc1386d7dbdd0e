/* What a remembered browser has in a cookie. */

#include <string.h>
#include <sodium.h>

#include "unit.h"
#include "token/device.h"


/* SHA-256 of 32 zeros */
#define ZEROS       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define ZEROS_HASH                                                            \
    "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"


static void
test_hash(void **state)
{
    int     failed;
    char    hash[AF_DEVICE_HASH_SIZE];
    size_t  i;

    static const char *const  none[] = {
        "", "A", ZEROS "A", ZEROS "AA", "AAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA A"
    };

    (void) state;

    assert_int_equal(af_device_hash(ZEROS, strlen(ZEROS), hash), 0);
    assert_string_equal(hash, ZEROS_HASH);

    failed = 0;

    for (i = 0; i < af_nelts(none); i++) {
        af_row(af_device_hash(none[i], strlen(none[i]), hash) == -1, "\"%s\"",
               none[i]);
    }

    assert_int_equal(failed, 0);
}


static void
test_make(void **state)
{
    char  a[AF_DEVICE_SIZE], b[AF_DEVICE_SIZE], hash[AF_DEVICE_HASH_SIZE];

    (void) state;

    af_device_make(a);
    af_device_make(b);

    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), AF_DEVICE_SIZE - 1);
    assert_int_equal(af_device_hash(a, strlen(a), hash), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_make)
    };

    return sodium_init() == -1
           || cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
