/*
 * autoflow_cors_origins: the origins whose pages may read responses of a
 * location (https://fetch.spec.whatwg.org/#http-cors-protocol).
 */

#ifndef AF_HTTP_CORS_H
#define AF_HTTP_CORS_H

#include "http/respond.h"
#include "check/origin.h"


typedef struct af_cors_s  af_cors_t;

struct af_cors_s {
    ngx_array_t   *origins;          /* of af_origin_t; NULL: any */
    unsigned       credentials:1;    /* cookies, too */
    unsigned       any_port:1;       /* one of them does, in development */
};


char *af_cors_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *af_cors_merge(ngx_conf_t *cf, const ngx_http_autoflow_loc_conf_t *prev,
    ngx_http_autoflow_loc_conf_t *conf);

/*
 * The rewrite phase: answers preflights before anything can reject them, except
 * where a verdict is asked for (autoflow_verify).
 */
ngx_int_t af_cors_handler(ngx_http_request_t *r);

/* Adds the header filter.  For postconfiguration. */
void af_cors_filter_add(void);

/* Whether a request is a preflight. */
ngx_uint_t af_cors_preflight(ngx_http_request_t *r);

/* Whether the request's location lists an origin with "credentials". */
ngx_uint_t af_cors_trusts(ngx_http_request_t *r, const af_origin_t *origin);


#endif /* AF_HTTP_CORS_H */
