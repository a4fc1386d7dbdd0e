/*
 * autoflow_auth: the access phase.
 */

#ifndef AF_HTTP_ACCESS_H
#define AF_HTTP_ACCESS_H

#include "http/identity.h"


ngx_int_t af_access_handler(ngx_http_request_t *r);


#endif /* AF_HTTP_ACCESS_H */
