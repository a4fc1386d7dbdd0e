/*
 * Browsers that are remembered: there the second factor isn't asked for.
 */

#ifndef AF_API_DEVICES_H
#define AF_API_DEVICES_H

#include "flow/flow.h"


/*
 * A step of a login by a factor: binds "device_hash", for
 * autoflow.remember_device(), if the body asks for it, and there are devices;
 * else to NULL.
 */
ngx_int_t af_step_device(af_ctx_t *ctx);

/* Sets its cookie, if the last query has remembered it: NGX_OK or NGX_ERROR. */
ngx_int_t af_device_cookie(af_ctx_t *ctx);


#endif /* AF_API_DEVICES_H */
