#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shm/exposition.h"


/* more than any number, and than a number of seconds */
#define AF_EXPOSITION_NUMBER  32


static void af_exposition_family(af_exposition_t *e,
    const af_metric_t *metric);
static size_t af_exposition_base(const af_exposition_t *e,
    const af_metric_t *metric);
static void af_exposition_line(af_exposition_t *e, const af_sample_t *sample,
    const char *suffix, const char *bound, const char *value);
static void af_exposition_histogram(af_exposition_t *e,
    const af_sample_t *sample);
static void af_exposition_number(char *text, uint64_t n);
static void af_exposition_seconds(char *text, uint64_t microseconds);
static void af_exposition_escaped(af_exposition_t *e, const char *text);
static void af_exposition_puts(af_exposition_t *e, const char *text);


static const struct {
    const char  *text;
    const char  *openmetrics;
    const char  *suffix;               /* not of the family in OpenMetrics */
} af_exposition_kinds[] = {
    [AF_COUNTER] = { "counter", "counter", "_total" },
    [AF_GAUGE] = { "gauge", "gauge", "" },
    [AF_HISTOGRAM] = { "histogram", "histogram", "" },
    [AF_INFO] = { "gauge", "info", "_info" }
};


void
af_exposition_sample(af_exposition_t *e, const af_sample_t *sample)
{
    char  value[AF_EXPOSITION_NUMBER];

    af_exposition_family(e, sample->metric);

    if (sample->metric->kind == AF_HISTOGRAM) {
        af_exposition_histogram(e, sample);
        return;
    }

    if (sample->metric->kind == AF_COUNTER) {
        af_exposition_number(value, sample->count);

    } else if (sample->gauge <= 0) {

        /* as workers come and go, a sum may be below for a moment */
        af_exposition_number(value, 0);

    } else if (sample->metric->time) {
        af_exposition_seconds(value, sample->gauge);

    } else {
        af_exposition_number(value, sample->gauge);
    }

    af_exposition_line(e, sample, "", NULL, value);
}


static void
af_exposition_histogram(af_exposition_t *e, const af_sample_t *sample)
{
    unsigned         i;
    char             bound[AF_EXPOSITION_NUMBER], value[AF_EXPOSITION_NUMBER];
    const uint32_t  *bounds;

    bounds = sample->metric->bounds;

    for (i = 0; bounds[i]; i++) {
        af_exposition_seconds(bound, bounds[i]);
        af_exposition_number(value, sample->buckets[i]);
        af_exposition_line(e, sample, "_bucket", bound, value);
    }

    af_exposition_number(value, sample->count);
    af_exposition_line(e, sample, "_bucket", "+Inf", value);

    af_exposition_seconds(bound, sample->sum);
    af_exposition_line(e, sample, "_sum", NULL, bound);
    af_exposition_line(e, sample, "_count", NULL, value);
}


void
af_exposition_info(af_exposition_t *e, const af_metric_t *metric,
    const char *const *labels)
{
    af_exposition_family(e, metric);
    af_exposition_puts(e, metric->name);

    e->nlabels = 0;

    for ( /* void */ ; labels[0]; labels += 2) {
        af_exposition_label(e, labels[0], labels[1]);
    }

    af_exposition_puts(e, "} 1\n");
}


void
af_exposition_end(af_exposition_t *e)
{
    if (e->openmetrics) {
        af_exposition_puts(e, "# EOF\n");
    }
}


/* before the first sample of a metric */

static void
af_exposition_family(af_exposition_t *e, const af_metric_t *metric)
{
    size_t  len;

    static const char  unit[] = "_seconds";

    if (e->family == metric) {
        return;
    }

    e->family = metric;
    len = af_exposition_base(e, metric);

    af_exposition_puts(e, "# HELP ");
    e->add(e->data, metric->name, len);
    af_exposition_puts(e, " ");
    af_exposition_puts(e, metric->help);

    af_exposition_puts(e, "\n# TYPE ");
    e->add(e->data, metric->name, len);
    af_exposition_puts(e, " ");
    af_exposition_puts(e, e->openmetrics
                          ? af_exposition_kinds[metric->kind].openmetrics
                          : af_exposition_kinds[metric->kind].text);
    af_exposition_puts(e, "\n");

    if (e->openmetrics && len >= sizeof(unit)
        && memcmp(metric->name + len - (sizeof(unit) - 1), unit,
                  sizeof(unit) - 1)
           == 0)
    {
        af_exposition_puts(e, "# UNIT ");
        e->add(e->data, metric->name, len);
        af_exposition_puts(e, " seconds\n");
    }
}


/* the length of the family's name */

static size_t
af_exposition_base(const af_exposition_t *e, const af_metric_t *metric)
{
    size_t  len;

    len = strlen(metric->name);

    return e->openmetrics
           ? len - strlen(af_exposition_kinds[metric->kind].suffix) : len;
}


static void
af_exposition_line(af_exposition_t *e, const af_sample_t *sample,
    const char *suffix, const char *bound, const char *value)
{
    unsigned           i;
    const af_label_t  *label;

    af_exposition_puts(e, sample->metric->name);
    af_exposition_puts(e, suffix);

    e->nlabels = 0;

    for (i = 0; i < AF_METRIC_LABELS && sample->metric->labels[i]; i++) {
        label = sample->metric->labels[i];

        if (label->dimension == AF_DIMENSION_CONSTANT) {
            af_exposition_label(e, label->name,
                                label->values[sample->values[i]]);

        } else {
            e->labels(e, label, sample->values[i]);
        }
    }

    if (bound) {
        af_exposition_label(e, "le", bound);
    }

    af_exposition_puts(e, e->nlabels ? "} " : " ");
    af_exposition_puts(e, value);
    af_exposition_puts(e, "\n");
}


void
af_exposition_label(af_exposition_t *e, const char *name, const char *value)
{
    af_exposition_puts(e, e->nlabels++ ? "," : "{");
    af_exposition_puts(e, name);
    af_exposition_puts(e, "=\"");
    af_exposition_escaped(e, value);
    af_exposition_puts(e, "\"");
}


static void
af_exposition_number(char *text, uint64_t n)
{
    (void) snprintf(text, AF_EXPOSITION_NUMBER, "%" PRIu64, n);
}


/* "0.0025", "10.0": the same in both formats, or bounds would differ */

static void
af_exposition_seconds(char *text, uint64_t microseconds)
{
    int  len;

    len = snprintf(text, AF_EXPOSITION_NUMBER, "%" PRIu64 ".%06u",
                   microseconds / 1000000, (unsigned) (microseconds % 1000000));

    while (text[len - 1] == '0' && text[len - 2] != '.') {
        text[--len] = '\0';
    }
}


static void
af_exposition_escaped(af_exposition_t *e, const char *text)
{
    size_t  len;

    for ( ;; ) {
        len = strcspn(text, "\\\"\n");
        e->add(e->data, text, len);
        text += len;

        switch (*text++) {

        case '\0':
            return;

        case '\n':
            af_exposition_puts(e, "\\n");
            break;

        case '"':
            af_exposition_puts(e, "\\\"");
            break;

        default:
            af_exposition_puts(e, "\\\\");
        }
    }
}


static void
af_exposition_puts(af_exposition_t *e, const char *text)
{
    e->add(e->data, text, strlen(text));
}
