/*
 * Cursors: a position comes back from its cursor, for its own list, and from
 * nothing else.
 */

#include <sodium.h>

#include "unit.h"
#include "token/cursor.h"


#define LIST      "[\"/auth/users\",\"7c5e3f0a-1b2c-4d3e-8f90-a1b2c3d4e5f6\"," \
                  "[],{\"sort\":\"email\"}]"
#define POSITION  "7c5e3f0a-1b2c-4d3e-8f90-a1b2c3d4e5f6a@example.com"

/* of these, by Python's hmac with the key of "secret"; and an earlier one */
#define CURSOR    "AnG39dw3YzVlM2YwYS0xYjJjLTRkM2UtOGY5MC1hMWIyYzNkNGU1ZjZh" \
                  "QGV4YW1wbGUuY29ttpYuNEaXaPXrf7fqiF9FnQ"
#define FORMER    "ATdjNWUzZjBhLTFiMmMtNGQzZS04ZjkwLWExYjJjM2Q0ZTVmNmFA" \
                  "ZXhhbXBsZS5jb21YaPlLxV64GXb1XmAZvdh4"


static af_secret_keys_t         made[1];
static const af_purpose_keys_t  keys = { made, 1 };

static const char  letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "abcdefghijklmnopqrstuvwxyz0123456789-_";


static int
check(const char *list, const char *cursor, size_t len,
    char position[AF_POSITION_SIZE])
{
    int    good;
    char  *exact;

    exact = af_exact(cursor, len);
    good = af_cursor_check(&keys, list, exact, len, position);
    free(exact);

    return good;
}


static int
setup(void **state)
{
    (void) state;

    return af_secret_keys_derive((unsigned char *) "secret", 6, made);
}


static void
test_the_form_stays(void **state)
{
    char  cursor[AF_CURSOR_SIZE], position[AF_POSITION_SIZE];

    (void) state;

    assert_int_equal(af_cursor_make(&keys, LIST, POSITION, cursor), 0);
    assert_string_equal(cursor, CURSOR);
    assert_int_equal(check(LIST, CURSOR, strlen(CURSOR), position), 1);
    assert_string_equal(position, POSITION);
    assert_int_equal(check(LIST, FORMER, strlen(FORMER), position), 0);
}


static void
test_positions_of_any_length(void **state)
{
    size_t  len;
    char    text[AF_POSITION_MAX + 2];
    char    cursor[AF_CURSOR_SIZE], position[AF_POSITION_SIZE];

    (void) state;

    for (len = 0; len <= AF_POSITION_MAX; len++) {
        memset(text, 'x', len);
        text[len] = '\0';

        assert_int_equal(af_cursor_make(&keys, "", text, cursor), 0);
        assert_int_equal(check("", cursor, strlen(cursor), position), 1);
        assert_string_equal(position, text);
    }

    assert_int_equal(strlen(cursor), AF_CURSOR_SIZE - 1);

    text[AF_POSITION_MAX] = 'x';
    text[AF_POSITION_MAX + 1] = '\0';
    assert_int_equal(af_cursor_make(&keys, "", text, cursor), -1);
}


static void
test_nothing_that_was_altered(void **state)
{
    char         cursor[] = CURSOR, position[AF_POSITION_SIZE];
    size_t       i, len;
    unsigned     failed;
    const char  *letter;

    (void) state;

    failed = 0;
    len = strlen(cursor);

    for (i = 0; i < len; i++) {
        for (letter = letters; *letter; letter++) {
            cursor[i] = *letter;
            af_row(check(LIST, cursor, len, position)
                   == (*letter == CURSOR[i]), "%c at %zu", *letter, i);
        }

        cursor[i] = CURSOR[i];
        af_row(!check(LIST, cursor, i, position), "%zu octets", i);
    }

    assert_int_equal(failed, 0);
}


/* a list can't be mistaken for another, or for a position */

static void
test_nothing_of_another_list(void **state)
{
    size_t    i;
    unsigned  failed;
    char      cursor[AF_CURSOR_SIZE], position[AF_POSITION_SIZE];

    static const struct {
        const char  *list;
        const char  *position;
    } others[] = {
        { "", LIST POSITION },
        { "[]", POSITION },
        { LIST " ", POSITION },
        { LIST "7", "c5e3f0a-1b2c-4d3e-8f90-a1b2c3d4e5f6a@example.com" },
        { "[\"/auth/users\",\"7c5e3f0a-1b2c-4d3e-8f90-a1b2c3d4e5f6\",[],"
          "{\"sort\":\"-email\"}]", POSITION }
    };

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(others); i++) {
        af_cursor_make(&keys, others[i].list, others[i].position, cursor);

        af_row(!check(LIST, cursor, strlen(cursor), position),
               "%s", others[i].list);
        af_row(!check(others[i].list, CURSOR, strlen(CURSOR),
                      position),
               "%s", others[i].list);
    }

    assert_int_equal(failed, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_the_form_stays),
        cmocka_unit_test(test_positions_of_any_length),
        cmocka_unit_test(test_nothing_that_was_altered),
        cmocka_unit_test(test_nothing_of_another_list)
    };

    return sodium_init() == -1
           || cmocka_run_group_tests_name("cursor", tests, setup, NULL);
}
