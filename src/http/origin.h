/*
 * The Origin of a request: browsers send it with unsafe requests, and no page
 * can forge it.
 */

#ifndef AF_HTTP_ORIGIN_H
#define AF_HTTP_ORIGIN_H

#include "http/request.h"
#include "check/origin.h"


/*
 * The request's origin, as text and parsed; NULL if it has none, several, or an
 * invalid one.
 */
const ngx_str_t *af_request_origin(ngx_http_request_t *r, af_origin_t *origin);

/* Whether an origin is that of the request itself. */
ngx_uint_t af_request_is_same_origin(ngx_http_request_t *r,
    const af_origin_t *origin);


#endif /* AF_HTTP_ORIGIN_H */
