/*
 * autoflow_verify: responses to auth_request and other proxies' forward-auth.
 */

#ifndef AF_HTTP_VERIFY_H
#define AF_HTTP_VERIFY_H

#include "http/identity.h"


char *af_verify_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* the content handler; alcf->verify is its status */
ngx_int_t af_verify_handler(ngx_http_request_t *r);


#endif /* AF_HTTP_VERIFY_H */
