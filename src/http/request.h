/*
 * What the module keeps of a request, and small things about its headers.
 */

#ifndef AF_HTTP_REQUEST_H
#define AF_HTTP_REQUEST_H

#include "conf/conf.h"


typedef struct {
    ngx_http_request_t    *request;
    struct af_identity_s  *identities;   /* the latest first */

    /* the one that counts, and what it was found by */
    const struct af_identity_s  *identity;
    const ngx_http_autoflow_loc_conf_t  *identity_conf;
    const u_char          *authorization;

    const ngx_str_t         *refused_status;  /* the status that refused it */
    struct af_body_s        *body;       /* while it is being read */
    const struct af_cors_s  *cors;       /* of where it has been, or NULL */
    ngx_array_t             *hidden;     /* cookies that no upstream is sent */
    unsigned                 evaluating:1;  /* autoflow_require's conditions */
} ngx_http_autoflow_ctx_t;


/*
 * The request's, made if need be; NULL if there is no memory.  It lives on
 * where nginx forgets contexts: at an internal redirect, as to an error page.
 */
ngx_http_autoflow_ctx_t *af_request_ctx(ngx_http_request_t *r);

/* Likewise, but NULL if nobody has made it yet. */
ngx_http_autoflow_ctx_t *af_request_find_ctx(ngx_http_request_t *r);

/*
 * The request's id: the client's X-Request-ID if it may be one, else
 * $request_id.  Empty if there is no memory.
 */
ngx_str_t af_request_id(ngx_http_request_t *r);

/* The first header of this name, in lower case, or NULL. */
ngx_table_elt_t *af_header_in(ngx_http_request_t *r, const char *name,
    ngx_uint_t index);

/* Adds a header line; `place` (may be NULL) is where nginx looks for it. */
ngx_int_t af_set_header(ngx_http_request_t *r, const char *name,
    u_char *value, size_t len, ngx_table_elt_t **slot);


#endif /* AF_HTTP_REQUEST_H */
