/*
 * W3C Trace Context: the header traceparent.  Pure C: no nginx types.
 */

#ifndef AF_CHECK_TRACE_H
#define AF_CHECK_TRACE_H

#include <stddef.h>


#define AF_TRACE_ID_LEN  32
#define AF_SPAN_ID_LEN   16

/* of the text of version 00: "00-" trace "-" span "-" flags */
#define AF_TRACE_LEN  55


typedef struct {
    char      trace_id[AF_TRACE_ID_LEN];   /* hex digits, lower case */
    char      span_id[AF_SPAN_ID_LEN];     /* likewise */
    unsigned  sampled:1;
} af_trace_t;


/*
 * Parses a value, of version 00 or what a higher one has in common with it
 * (section 3.2).  Returns 0, or -1 if it is invalid: then the trace begins
 * here.
 */
int af_trace_parse(const char *text, size_t len, af_trace_t *trace);

/* Begins a trace, which isn't sampled: nobody has recorded it. */
void af_trace_begin(af_trace_t *trace);

/* Replaces the caller's span by a new one. */
void af_trace_span(af_trace_t *trace);

/* Writes a value of version 00, without a terminating zero. */
void af_trace_write(const af_trace_t *trace, char text[AF_TRACE_LEN]);


#endif /* AF_CHECK_TRACE_H */
