/*
 * The text of metrics, in both formats.
 */

#include <stdio.h>

#include "unit.h"
#include "shm/exposition.h"


static char    text[4096];
static size_t  text_len;


static void
add(void *data, const char *s, size_t len)
{
    (void) data;

    assert_true(text_len + len < sizeof(text));
    memcpy(text + text_len, s, len);
    text_len += len;
    text[text_len] = '\0';
}


static void
labels(af_exposition_t *e, const af_label_t *label, unsigned value)
{
    (void) label;

    af_exposition_label(e, "method", value ? "POST" : "GET");
    af_exposition_label(e, "route", "/a");
}


static af_exposition_t
begin(int openmetrics)
{
    af_exposition_t  e = { .openmetrics = openmetrics, .add = add,
                           .labels = labels };

    text_len = 0;

    return e;
}


static const uint32_t  bounds[] = { 250, 1000000, 0 };

static const char *const  fruit_values[] = { "a \"p\\l\ne", "pear", NULL };

static const af_label_t  fruit = { "fruit", fruit_values, 0 };

static const af_label_t  route = { "route", NULL, AF_DIMENSION_ROUTES };

static const af_metric_t  eaten = {
    "eaten_total", "Eaten.", AF_COUNTER, { &fruit, &route },
    NULL, 0, 0
};

static const af_metric_t  age = {
    "age_seconds", "Age.", AF_GAUGE, { NULL }, NULL, 0, 1
};

static const af_metric_t  left = {
    "left", "Left.", AF_GAUGE, { NULL }, NULL, 0, 0
};

static const af_metric_t  times = {
    "time_seconds", "Time.", AF_HISTOGRAM, { &fruit }, bounds, 0, 0
};

static const af_metric_t  build = {
    "build_info", "Build.", AF_INFO, { NULL }, NULL, 0, 0
};


static void
print(int openmetrics)
{
    af_sample_t      sample = { .metric = &eaten, .count = UINT64_MAX };
    af_exposition_t  e = begin(openmetrics);

    static const char *const  pairs[] = { "a", "1.0", "b", "\\", NULL };

    af_exposition_sample(&e, &sample);

    sample.values[0] = 1;
    sample.values[1] = 1;
    sample.count = 0;
    af_exposition_sample(&e, &sample);

    sample.metric = &age;
    sample.gauge = 1700000000000001;
    af_exposition_sample(&e, &sample);

    sample.metric = &left;
    sample.gauge = -3;
    af_exposition_sample(&e, &sample);

    sample.metric = &times;
    sample.buckets[0] = 1;
    sample.buckets[1] = 3;
    sample.count = 4;
    sample.sum = 10500000;
    af_exposition_sample(&e, &sample);

    af_exposition_info(&e, &build, pairs);
    af_exposition_end(&e);
}


static void
test_prometheus(void **state)
{
    (void) state;

    print(0);

    assert_string_equal(text,
        "# HELP eaten_total Eaten.\n"
        "# TYPE eaten_total counter\n"
        "eaten_total{fruit=\"a \\\"p\\\\l\\ne\",method=\"GET\",route=\"/a\"}"
        " 18446744073709551615\n"
        "eaten_total{fruit=\"pear\",method=\"POST\",route=\"/a\"} 0\n"
        "# HELP age_seconds Age.\n"
        "# TYPE age_seconds gauge\n"
        "age_seconds 1700000000.000001\n"
        "# HELP left Left.\n"
        "# TYPE left gauge\n"
        "left 0\n"
        "# HELP time_seconds Time.\n"
        "# TYPE time_seconds histogram\n"
        "time_seconds_bucket{fruit=\"pear\",le=\"0.00025\"} 1\n"
        "time_seconds_bucket{fruit=\"pear\",le=\"1.0\"} 3\n"
        "time_seconds_bucket{fruit=\"pear\",le=\"+Inf\"} 4\n"
        "time_seconds_sum{fruit=\"pear\"} 10.5\n"
        "time_seconds_count{fruit=\"pear\"} 4\n"
        "# HELP build_info Build.\n"
        "# TYPE build_info gauge\n"
        "build_info{a=\"1.0\",b=\"\\\\\"} 1\n");
}


/* other names of families, units, and an end */

static void
test_openmetrics(void **state)
{
    (void) state;

    print(1);

    assert_string_equal(text,
        "# HELP eaten Eaten.\n"
        "# TYPE eaten counter\n"
        "eaten_total{fruit=\"a \\\"p\\\\l\\ne\",method=\"GET\",route=\"/a\"}"
        " 18446744073709551615\n"
        "eaten_total{fruit=\"pear\",method=\"POST\",route=\"/a\"} 0\n"
        "# HELP age_seconds Age.\n"
        "# TYPE age_seconds gauge\n"
        "# UNIT age_seconds seconds\n"
        "age_seconds 1700000000.000001\n"
        "# HELP left Left.\n"
        "# TYPE left gauge\n"
        "left 0\n"
        "# HELP time_seconds Time.\n"
        "# TYPE time_seconds histogram\n"
        "# UNIT time_seconds seconds\n"
        "time_seconds_bucket{fruit=\"pear\",le=\"0.00025\"} 1\n"
        "time_seconds_bucket{fruit=\"pear\",le=\"1.0\"} 3\n"
        "time_seconds_bucket{fruit=\"pear\",le=\"+Inf\"} 4\n"
        "time_seconds_sum{fruit=\"pear\"} 10.5\n"
        "time_seconds_count{fruit=\"pear\"} 4\n"
        "# HELP build Build.\n"
        "# TYPE build info\n"
        "build_info{a=\"1.0\",b=\"\\\\\"} 1\n"
        "# EOF\n");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_prometheus),
        cmocka_unit_test(test_openmetrics)
    };

    return cmocka_run_group_tests_name("exposition", tests, NULL, NULL);
}
