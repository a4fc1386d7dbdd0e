/*
 * The list of passwords that nobody may choose: it has all that were added,
 * hardly any other, and a file that isn't whole is refused.
 */

#include <stdio.h>

#include "unit.h"
#include "../../blocklist/filter.c"


#define AF_KEYS    200000
#define AF_OTHERS  1000000


/* the same in each run, and never the same for two numbers */

static uint64_t
key_of(uint64_t number)
{
    return number * 0x9e3779b97f4a7c15;
}


static unsigned char *
made_of_numbers(af_blocklist_t *list, size_t n, size_t *size)
{
    size_t          i;
    uint64_t       *keys;
    unsigned char  *data;

    keys = malloc(n * sizeof(uint64_t));
    assert_non_null(keys);

    for (i = 0; i < n; i++) {
        keys[i] = key_of(i);
    }

    assert_int_equal(af_filter_sort(keys, n), n);
    data = af_filter_make(keys, n, size);
    free(keys);

    assert_non_null(data);
    assert_null(af_blocklist_open(list, data, *size));
    assert_int_equal(list->entries, n);

    return data;
}


static unsigned char *
made_of(af_blocklist_t *list, const char *const *passwords, size_t n,
    size_t *size)
{
    size_t          i;
    uint64_t        keys[16];
    unsigned char  *data;

    for (i = 0; i < n; i++) {
        assert_int_equal(af_blocklist_password_key(passwords[i],
                                                   strlen(passwords[i]),
                                                   &keys[i]), 0);
    }

    data = af_filter_make(keys, af_filter_sort(keys, n), size);

    assert_non_null(data);
    assert_null(af_blocklist_open(list, data, *size));

    return data;
}


static void
test_it_has_all_that_were_added_and_hardly_any_other(void **state)
{
    size_t           i, n, size;
    unsigned char   *data;
    af_blocklist_t   list;

    (void) state;

    data = made_of_numbers(&list, AF_KEYS, &size);

    for (i = 0; i < AF_KEYS; i++) {
        assert_true(af_blocklist_has(&list, key_of(i)));
    }

    for (i = 0, n = 0; i < AF_OTHERS; i++) {
        n += (size_t) af_blocklist_has(&list, key_of(AF_KEYS + i));
    }

    /* one in 65536: 15, and with three forms less than one in 10,000 */

    assert_true(n > 0 && n <= 30);

    /* less than 20 bits each */

    assert_true(size * 8 < AF_KEYS * 20);

    free(data);
}


static void
test_any_number_of_passwords(void **state)
{
    size_t           i, n, size;
    unsigned char   *data;
    af_blocklist_t   list;

    (void) state;

    for (n = 1; n < 3000; n += 1 + n / 20) {
        data = made_of_numbers(&list, n, &size);

        for (i = 0; i < n; i++) {
            assert_true(af_blocklist_has(&list, key_of(i)));
        }

        free(data);
    }
}


static void
test_duplicates_are_removed(void **state)
{
    size_t           size;
    unsigned char   *data;
    af_blocklist_t   list;

    static const char *const  passwords[] = { "b", "a", "b", "b", "c", "a" };

    (void) state;

    data = made_of(&list, passwords, af_nelts(passwords), &size);
    assert_int_equal(list.entries, 3);
    free(data);
}


static void
test_forms_of_a_password(void **state)
{
    int              failed;
    size_t           i, size;
    unsigned char   *data;
    af_blocklist_t   list;

    /* "Ünlü" decomposed, as a breach may have it, and "çok" */
    static const char *const  passwords[] = {
        "correct horse", "Tr0ub4dor", "U\xcc\x88nlu\xcc\x88",
        "\xc3\xa7ok g\xc3\xbczel", "\xc3\x9cmit"
    };

    static const struct {
        const char  *password;
        int          blocked;
    } rows[] = {
        { "correct horse", 1 },
        { "Correct Horse", 1 },
        { "correct  horse", 0 },
        { "correct horse ", 0 },
        { "Tr0ub4dor", 1 },
        { "tr0ub4dor", 0 },
        { "U\xcc\x88nlu\xcc\x88", 1 },
        { "\xc3\x9cnl\xc3\xbc", 0 },
        { "\xc3\xa7ok g\xc3\xbczel", 1 },
        { "c\xcc\xa7ok gu\xcc\x88zel", 1 },
        { "\xc3\x87OK G\xc3\x9cZEL", 1 },
        { "C\xcc\xa7OK GU\xcc\x88ZEL", 1 },
        { "U\xcc\x88mit", 1 },
        { "", 0 }
    };

    (void) state;

    failed = 0;
    data = made_of(&list, passwords, af_nelts(passwords), &size);

    for (i = 0; i < af_nelts(rows); i++) {
        af_row(af_blocklist_blocks(&list, rows[i].password,
                                   strlen(rows[i].password))
               == rows[i].blocked, "%s", rows[i].password);
    }

    free(data);
    assert_int_equal(failed, 0);
}


static void
test_the_key_is_that_of_lists_of_digests(void **state)
{
    uint64_t  key;

    (void) state;

    /* 5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8 */

    assert_int_equal(af_blocklist_password_key("password", 8, &key), 0);
    assert_true(key == 0x3f3fb9c9e461aa5b);
}


static void
test_a_file_that_is_not_whole(void **state)
{
    int              failed;
    char            *part;
    size_t           i, size;
    unsigned char   *data;
    af_blocklist_t   list;

    static const char *const  passwords[] = { "a", "b", "c" };

    (void) state;

    failed = 0;
    data = made_of(&list, passwords, af_nelts(passwords), &size);

    for (i = 0; i < size; i++) {
        part = af_exact((const char *) data, i);
        af_row(af_blocklist_open(&list, (unsigned char *) part, i) != NULL,
               "the first %zu octets", i);
        free(part);

        data[i] ^= 1;
        af_row(af_blocklist_open(&list, data, size) != NULL,
               "another octet %zu", i);
        data[i] ^= 1;
    }

#define is(len, reason)                                                      \
    assert_non_null(strstr(af_blocklist_open(&list, data, len), reason))

    is(0, "not a blocklist");
    is(size - 1, "truncated");
    is(AF_BLOCKLIST_HEADER, "truncated");

    data[size - 1] ^= 1;
    is(size, "damaged");

    data[AF_BLOCKLIST_AT_VERSION] = 2;
    is(size, "another version");

    data[0] = 'A';
    is(size, "not a blocklist");

#undef is

    free(data);
    assert_int_equal(failed, 0);
}


/* with a checksum, as an attacker may make it: no size leads out of the file */

static void
test_segments_that_do_not_fit(void **state)
{
    int              failed;
    size_t           i, size;
    unsigned char   *data;
    af_blocklist_t   list;

    static const char *const  passwords[] = { "a", "b", "c" };

    static const struct {
        uint32_t  segment;
        uint32_t  starts;
    } rows[] = {
        { 0, 1 }, { 1, 1 }, { 2, 1 }, { 3, 1 }, { 6, 1 }, { 4, 0 },
        { 4, 0xffffffff }, { 8, 0xffffffff }, { 8, (1U << 29) + 1 },
        { 1U << 18, 1U << 14 }, { 1U << 31, 1 }, { 1U << 19, 1 }
    };

    (void) state;

    failed = 0;
    data = made_of(&list, passwords, af_nelts(passwords), &size);

    for (i = 0; i < af_nelts(rows); i++) {
        af_put(data + AF_BLOCKLIST_AT_SEGMENT, rows[i].segment, 4);
        af_put(data + AF_BLOCKLIST_AT_STARTS, rows[i].starts, 4);
        af_blocklist_checksum(data, size, data + AF_BLOCKLIST_AT_CHECKSUM);

        af_row(af_blocklist_open(&list, data, size) != NULL, "%u, %u",
               rows[i].segment, rows[i].starts);
    }

    free(data);
    assert_int_equal(failed, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_it_has_all_that_were_added_and_hardly_any_other),
        cmocka_unit_test(test_any_number_of_passwords),
        cmocka_unit_test(test_duplicates_are_removed),
        cmocka_unit_test(test_forms_of_a_password),
        cmocka_unit_test(test_the_key_is_that_of_lists_of_digests),
        cmocka_unit_test(test_a_file_that_is_not_whole),
        cmocka_unit_test(test_segments_that_do_not_fit)
    };

    return cmocka_run_group_tests_name("blocklist", tests, NULL, NULL);
}
