/*
 * autoflow_cors_origins: pages of which other origins may read the answers of
 * a location (https://fetch.spec.whatwg.org/#http-cors-protocol).
 */

#ifndef AF_HTTP_CORS_H
#define AF_HTTP_CORS_H

#include "http/respond.h"


typedef struct af_cors_s  af_cors_t;

struct af_cors_s {
    ngx_array_t   *origins;          /* of af_origin_t; NULL: any */
    unsigned       credentials:1;    /* cookies, too */
    unsigned       any_port:1;       /* one of them has: development's */
};


typedef enum {
    AF_ORIGIN_MISSING = 0,
    AF_ORIGIN_OWN,             /* the request's own, or a trusted one */
    AF_ORIGIN_FOREIGN          /* any other, "null", or what is no origin */
} af_origin_kind_t;


/*
 * Reads the arguments of the directive.  Returns NULL if it is "off", else the
 * policy, or NGX_CONF_ERROR having logged why.
 */
void *af_cors_parse(ngx_conf_t *cf);

/*
 * The rewrite phase: answers preflights before anything judges them, except
 * where a verdict is asked for (autoflow_verify).
 */
ngx_int_t af_cors_handler(ngx_http_request_t *r);

/* Adds the header filter.  For postconfiguration. */
void af_cors_filter_add(void);

/* Whether a request is a preflight. */
ngx_uint_t af_cors_preflight(ngx_http_request_t *r);

/*
 * Where a request comes from, as its Origin says: browsers send one with all
 * that changes something, and no page can forge it.  An origin that the
 * location lists is as good as its own if it is listed with "credentials".
 */
af_origin_kind_t af_cors_origin_kind(ngx_http_request_t *r);


#endif /* AF_HTTP_CORS_H */
