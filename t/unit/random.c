/*
 * Random names.
 */

#include "unit.h"
#include "check/random.h"


#define LEN    32
#define NAMES  300             /* more than are fetched in advance */


static int
compare(const void *a, const void *b)
{
    return memcmp(a, b, LEN);
}


static void
test_names_are_hex_and_never_the_same(void **state)
{
    size_t  i;
    char    names[NAMES][LEN + 1];

    (void) state;

    memset(names, 0, sizeof(names));

    for (i = 0; i < NAMES; i++) {
        af_random_hex(names[i], LEN);

        assert_int_equal(strspn(names[i], "0123456789abcdef"), LEN);
        assert_int_equal(names[i][LEN], '\0');
    }

    qsort(names, NAMES, LEN + 1, compare);

    for (i = 1; i < NAMES; i++) {
        assert_string_not_equal(names[i - 1], names[i]);
    }
}


static void
test_only_as_much_is_written_as_was_asked_for(void **state)
{
    size_t  len;
    char    name[AF_RANDOM_HEX_MAX + 1];

    (void) state;

    for (len = 2; len <= AF_RANDOM_HEX_MAX; len += 2) {
        memset(name, '.', sizeof(name));
        af_random_hex(name, len);

        assert_int_equal(strspn(name, "0123456789abcdef"), len);
        assert_int_equal(name[len], '.');
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_names_are_hex_and_never_the_same),
        cmocka_unit_test(test_only_as_much_is_written_as_was_asked_for)
    };

    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
