/*
 * autoflow_require_https: no credentials over plain http.
 */

#ifndef AF_HTTP_HTTPS_H
#define AF_HTTP_HTTPS_H

#include "http/respond.h"


/*
 * Whether a request came over https: to this nginx, or, according to
 * X-Forwarded-Proto, to a proxy listed by set_real_ip_from.
 */
ngx_uint_t af_https(ngx_http_request_t *r);

/* The default depends on the location's other directives, merged before. */
void af_https_merge(ngx_conf_t *cf, const ngx_http_autoflow_loc_conf_t *prev,
    ngx_http_autoflow_loc_conf_t *conf);

/* the rewrite phase, before anything else examines the request */
ngx_int_t af_https_handler(ngx_http_request_t *r);


#endif /* AF_HTTP_HTTPS_H */
