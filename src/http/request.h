/*
 * What the module keeps of a request, and small things about its headers.
 */

#ifndef AF_HTTP_REQUEST_H
#define AF_HTTP_REQUEST_H

#include "http/conf.h"


/* forgotten by nginx at an internal redirect; what it points at is not */

typedef struct {
    struct af_identity_s  *identity;
    struct af_body_s      *body;         /* while it is being read */
} ngx_http_autoflow_ctx_t;


/* The request's, made if need be; NULL if there is no memory. */
ngx_http_autoflow_ctx_t *af_request_ctx(ngx_http_request_t *r);

/*
 * The request's id: the client's X-Request-ID if it may be one, else
 * $request_id.  Empty if there is no memory.
 */
ngx_str_t af_request_id(ngx_http_request_t *r);

/* Adds a header line; `place` (may be NULL) is where nginx looks for it. */
ngx_int_t af_set_header(ngx_http_request_t *r, const char *name,
    u_char *value, size_t len, ngx_table_elt_t **place);


#endif /* AF_HTTP_REQUEST_H */
