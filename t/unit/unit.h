/*
 * Shared by the unit tests.  Most tests iterate over a table; a failed row is
 * reported by its name and doesn't stop the test.
 */

#ifndef AF_UNIT_H
#define AF_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>


#define af_nelts(table)  (sizeof(table) / sizeof((table)[0]))

/* counts a failure in the local variable `failed` and goes on */
#define af_row(condition, ...)                                               \
    do {                                                                     \
        if (!(condition)) {                                                  \
            failed++;                                                        \
            print_error(__VA_ARGS__);                                        \
            print_error(": not %s\n", #condition);                           \
        }                                                                    \
    } while (0)


/* a copy without a terminating zero, so that ASan detects overreads */

static inline char *
af_exact(const char *s, size_t len)
{
    char  *copy;

    copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, s, len);

    return copy;
}


#endif /* AF_UNIT_H */
