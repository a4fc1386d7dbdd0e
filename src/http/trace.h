/*
 * The trace that a request belongs to (W3C Trace Context).
 */

#ifndef AF_HTTP_TRACE_H
#define AF_HTTP_TRACE_H

#include "http/request.h"


typedef struct af_request_trace_s {
    ngx_str_t  traceparent;    /* with the request's own span */
    ngx_str_t  trace_id;
    ngx_str_t  tracestate;     /* the client's, if its trace continues */
} af_request_trace_t;


/*
 * Continues the trace of the header traceparent, or begins one if there is none
 * that is valid; once per request, and for its subrequests.  NULL if there is
 * no memory.
 */
const af_request_trace_t *af_request_trace(ngx_http_request_t *r);


#endif /* AF_HTTP_TRACE_H */
