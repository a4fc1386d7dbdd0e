/*
 * autoflow_auth: the access phase.
 */

#ifndef AF_HTTP_ACCESS_H
#define AF_HTTP_ACCESS_H

#include "http/identity.h"


char *af_auth_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* autoflow_auth, and autoflow_require, which has no effect without it. */
char *af_access_merge(ngx_conf_t *cf, const ngx_http_autoflow_loc_conf_t *prev,
    ngx_http_autoflow_loc_conf_t *conf);

ngx_int_t af_access_handler(ngx_http_request_t *r);


#endif /* AF_HTTP_ACCESS_H */
