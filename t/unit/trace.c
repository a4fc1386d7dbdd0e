/*
 * W3C Trace Context: values of traceparent.
 */

#include "unit.h"
#include "check/trace.h"


#define TRACE  "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN   "00f067aa0ba902b7"


static const struct {
    const char  *text;
    unsigned     sampled;
} good[] = {
    { "00-" TRACE "-" SPAN "-00", 0 },
    { "00-" TRACE "-" SPAN "-01", 1 },
    { "00-" TRACE "-" SPAN "-02", 0 },
    { "00-" TRACE "-" SPAN "-03", 1 },
    { "00-" TRACE "-" SPAN "-09", 1 },
    { "00-" TRACE "-" SPAN "-0a", 0 },
    { "00-" TRACE "-" SPAN "-0b", 1 },
    { "00-" TRACE "-" SPAN "-ff", 1 },
    { "00-" TRACE "-" SPAN "-fe", 0 },
    { "01-" TRACE "-" SPAN "-01", 1 },
    { "cc-" TRACE "-" SPAN "-00-", 0 },
    { "fe-" TRACE "-" SPAN "-01-what-the-future.will-be_like", 1 }
};


static const char  *bad[] = {
    "", "00", "00-", "00-" TRACE "-" SPAN, "00-" TRACE "-" SPAN "-",
    "00-" TRACE "-" SPAN "-0", "00-" TRACE "-" SPAN "-01-",
    "00-" TRACE "-" SPAN "-010", "00-" TRACE "-" SPAN "-01 ",
    " 00-" TRACE "-" SPAN "-01", "00-" TRACE "-" SPAN "-01-more",
    "01-" TRACE "-" SPAN "-01.more", "01-" TRACE "-" SPAN "-010",
    "ff-" TRACE "-" SPAN "-01", "FF-" TRACE "-" SPAN "-01",
    "0-" TRACE "-" SPAN "-001", "0g-" TRACE "-" SPAN "-01",
    "00_" TRACE "-" SPAN "-01", "00-" TRACE "_" SPAN "-01",
    "00-" TRACE "-" SPAN "_01", "00-" TRACE "-" SPAN "-0G",
    "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
    "00-4bf92f3577b34da6a3ce929d0e0e473g-" SPAN "-01",
    "00-" TRACE "-00F067AA0BA902B7-01", "00-" TRACE "-00f067aa0ba902b -01",
    "00-00000000000000000000000000000000-" SPAN "-01",
    "00-" TRACE "-0000000000000000-01"
};


static int
parse(const char *text, af_trace_t *trace)
{
    int    rc;
    char  *copy;

    copy = af_exact(text, strlen(text));
    rc = af_trace_parse(copy, strlen(text), trace);
    free(copy);

    return rc;
}


static void
test_valid_values_are_parsed(void **state)
{
    size_t      i;
    unsigned    failed;
    af_trace_t  trace;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(good); i++) {
        af_row(parse(good[i].text, &trace) == 0, "%s", good[i].text);
        af_row(memcmp(trace.trace_id, TRACE, AF_TRACE_ID_LEN) == 0, "%s",
               good[i].text);
        af_row(memcmp(trace.span_id, SPAN, AF_SPAN_ID_LEN) == 0, "%s",
               good[i].text);
        af_row(trace.sampled == good[i].sampled, "%s", good[i].text);
    }

    assert_int_equal(failed, 0);
}


static void
test_nothing_else_is(void **state)
{
    size_t      i;
    unsigned    failed;
    af_trace_t  trace;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(bad); i++) {
        af_row(parse(bad[i], &trace) == -1, "\"%s\"", bad[i]);
    }

    assert_int_equal(failed, 0);
}


static void
test_a_trace_continues_with_another_span(void **state)
{
    char        text[AF_TRACE_LEN + 1] = "";
    af_trace_t  trace;

    (void) state;

    assert_int_equal(parse("fe-" TRACE "-" SPAN "-ff-more", &trace), 0);
    af_trace_span(&trace);
    af_trace_write(&trace, text);

    assert_memory_equal(text, "00-" TRACE "-", 36);
    assert_memory_not_equal(text + 36, SPAN, AF_SPAN_ID_LEN);
    assert_string_equal(text + 52, "-01");
    assert_int_equal(parse(text, &trace), 0);
}


static void
test_a_new_trace_is_not_sampled(void **state)
{
    char        text[AF_TRACE_LEN + 1] = "";
    af_trace_t  one, two;

    (void) state;

    af_trace_begin(&one);
    af_trace_write(&one, text);

    assert_int_equal(parse(text, &two), 0);
    assert_int_equal(two.sampled, 0);
    assert_memory_equal(one.trace_id, two.trace_id, AF_TRACE_ID_LEN);

    af_trace_begin(&two);
    assert_memory_not_equal(one.trace_id, two.trace_id, AF_TRACE_ID_LEN);
    assert_memory_not_equal(one.span_id, two.span_id, AF_SPAN_ID_LEN);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_valid_values_are_parsed),
        cmocka_unit_test(test_nothing_else_is),
        cmocka_unit_test(test_a_trace_continues_with_another_span),
        cmocka_unit_test(test_a_new_trace_is_not_sampled)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
