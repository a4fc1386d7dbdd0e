/* QR codes as SVG; that cameras can read them is tested in a browser. */

#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "check/qr.h"


/* the first row of a code: two finder patterns, and what is between them */

static void
test_code(void **state)
{
    int          width, size;
    const char  *row;
    af_buffer_t  out;

    static const char  head[] = "<svg xmlns=\"http://www.w3.org/2000/svg\" "
                                "viewBox=\"0 0 ";

    (void) state;

    memset(&out, 0, sizeof(out));

    assert_int_equal(af_qr_svg("otpauth://totp/a", &out), 0);
    assert_memory_equal(out.data, head, sizeof(head) - 1);
    assert_int_equal(sscanf(out.data + sizeof(head) - 1, "%d %d", &width,
                            &size), 2);
    assert_int_equal(width, size);
    assert_int_equal((width - 8 - 21) % 4, 0);

    row = strstr(out.data, "M4 4.5h7m");
    assert_non_null(row);
    assert_non_null(strstr(row, "h7M4 5.5h1m5 0h1"));
    assert_string_equal(out.data + out.len - 9, "\"/></svg>");

    af_buffer_free(&out);
}


static void
test_length(void **state)
{
    char         text[4096];
    af_buffer_t  out;

    (void) state;

    memset(&out, 0, sizeof(out));
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';

    assert_int_equal(af_qr_svg(text, &out), -1);
    assert_null(out.data);

    /* of 40 by M, in octets */

    text[2332] = '\0';
    assert_int_equal(af_qr_svg(text, &out), -1);

    text[2331] = '\0';
    assert_int_equal(af_qr_svg(text, &out), 0);

    af_buffer_free(&out);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_code),
        cmocka_unit_test(test_length),
    };

    return cmocka_run_group_tests_name("qr", tests, NULL, NULL);
}
