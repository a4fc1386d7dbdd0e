#include "check/trace.h"
#include "check/random.h"

#include <string.h>


/* where a value's parts begin */
#define AF_TRACE_ID_AT     3
#define AF_TRACE_SPAN_AT   (AF_TRACE_ID_AT + AF_TRACE_ID_LEN + 1)
#define AF_TRACE_FLAGS_AT  (AF_TRACE_SPAN_AT + AF_SPAN_ID_LEN + 1)

/* the only flag of version 00 */
#define AF_TRACE_SAMPLED  1


static int af_trace_is_hex(const char *text, size_t len);
static int af_trace_is_zero(const char *text, size_t len);


int
af_trace_parse(const char *text, size_t len, af_trace_t *trace)
{
    const char  *id, *span, *flags;

    if (len < AF_TRACE_LEN) {
        return -1;
    }

    id = text + AF_TRACE_ID_AT;
    span = text + AF_TRACE_SPAN_AT;
    flags = text + AF_TRACE_FLAGS_AT;

    if (!af_trace_is_hex(text, 2) || memcmp(text, "ff", 2) == 0
        || !af_trace_is_hex(id, AF_TRACE_ID_LEN)
        || !af_trace_is_hex(span, AF_SPAN_ID_LEN)
        || !af_trace_is_hex(flags, 2)
        || id[-1] != '-' || span[-1] != '-' || flags[-1] != '-')
    {
        return -1;
    }

    /* a higher version may have more, after a hyphen */

    if (len > AF_TRACE_LEN
        && (memcmp(text, "00", 2) == 0 || text[AF_TRACE_LEN] != '-'))
    {
        return -1;
    }

    if (af_trace_is_zero(id, AF_TRACE_ID_LEN)
        || af_trace_is_zero(span, AF_SPAN_ID_LEN))
    {
        return -1;
    }

    memcpy(trace->trace_id, id, AF_TRACE_ID_LEN);
    memcpy(trace->span_id, span, AF_SPAN_ID_LEN);

    /* in ASCII, '1' is odd and 'b' is not */

    trace->sampled = (flags[1] <= '9') ? flags[1] & AF_TRACE_SAMPLED
                                       : !(flags[1] & AF_TRACE_SAMPLED);

    return 0;
}


void
af_trace_begin(af_trace_t *trace)
{
    af_random_hex(trace->trace_id, AF_TRACE_ID_LEN);
    af_trace_span(trace);

    trace->sampled = 0;
}


void
af_trace_span(af_trace_t *trace)
{
    af_random_hex(trace->span_id, AF_SPAN_ID_LEN);
}


void
af_trace_write(const af_trace_t *trace, char text[AF_TRACE_LEN])
{
    memcpy(text, "00-", AF_TRACE_ID_AT);
    memcpy(text + AF_TRACE_ID_AT, trace->trace_id, AF_TRACE_ID_LEN);
    text[AF_TRACE_SPAN_AT - 1] = '-';
    memcpy(text + AF_TRACE_SPAN_AT, trace->span_id, AF_SPAN_ID_LEN);
    memcpy(text + AF_TRACE_FLAGS_AT - 1, trace->sampled ? "-01" : "-00", 3);
}


static int
af_trace_is_hex(const char *text, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (!((text[i] >= '0' && text[i] <= '9')
              || (text[i] >= 'a' && text[i] <= 'f')))
        {
            return 0;
        }
    }

    return 1;
}


static int
af_trace_is_zero(const char *text, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (text[i] != '0') {
            return 0;
        }
    }

    return 1;
}
