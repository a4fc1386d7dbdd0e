#include "http/trace.h"
#include "check/trace.h"


static ngx_uint_t af_request_trace_continues(ngx_http_request_t *r,
    af_trace_t *trace);
static ngx_int_t af_request_tracestate(ngx_http_request_t *r,
    ngx_str_t *state);


const af_request_trace_t *
af_request_trace(ngx_http_request_t *r)
{
    u_char                   *p;
    af_trace_t                trace;
    af_request_trace_t       *own;
    ngx_http_autoflow_ctx_t  *ctx;

    r = r->main;
    ctx = af_request_ctx(r);

    if (ctx == NULL || ctx->trace) {
        return ctx ? ctx->trace : NULL;
    }

    own = ngx_pcalloc(r->pool, sizeof(af_request_trace_t) + AF_TRACE_LEN);
    if (own == NULL) {
        return NULL;
    }

    if (af_request_trace_continues(r, &trace)) {
        af_trace_span(&trace);

        if (af_request_tracestate(r, &own->tracestate) != NGX_OK) {
            return NULL;
        }

    } else {
        af_trace_begin(&trace);
    }

    p = (u_char *) own + sizeof(af_request_trace_t);
    af_trace_write(&trace, (char *) p);

    own->traceparent.data = p;
    own->traceparent.len = AF_TRACE_LEN;
    own->trace_id.data = p + sizeof("00-") - 1;
    own->trace_id.len = AF_TRACE_ID_LEN;

    ctx->trace = own;

    return own;
}


/* with two headers it is unknown which one is meant */

static ngx_uint_t
af_request_trace_continues(ngx_http_request_t *r, af_trace_t *trace)
{
    ngx_table_elt_t  *h;

    h = af_header_in(r, "traceparent", 0);

    return h && af_header_in(r, "traceparent", 1) == NULL
           && af_trace_parse((char *) h->value.data, h->value.len, trace) == 0;
}


/* several headers are one list (RFC 9110, section 5.2) */

static ngx_int_t
af_request_tracestate(ngx_http_request_t *r, ngx_str_t *state)
{
    u_char           *p;
    size_t            len;
    ngx_uint_t        i;
    ngx_table_elt_t  *h;

    len = 0;

    for (i = 0; (h = af_header_in(r, "tracestate", i)) != NULL; i++) {
        len += h->value.len + 1;
    }

    if (i == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    state->data = p;
    state->len = len - 1;

    for (i = 0; (h = af_header_in(r, "tracestate", i)) != NULL; i++) {
        p = ngx_cpymem(p, h->value.data, h->value.len);
        *p++ = ',';
    }

    return NGX_OK;
}
