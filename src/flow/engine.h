/*
 * The engine, for the requests that it runs; steps know it by flow.h.
 */

#ifndef AF_FLOW_ENGINE_H
#define AF_FLOW_ENGINE_H

#include "flow/flow.h"


/* Nothing is pending in a zeroed context. */
void af_engine_init(af_ctx_t *ctx);

/* Runs the route's steps, from the first one; in the content handler, too. */
void af_engine_run(af_ctx_t *ctx);

/* Ends the flow as a step that returned `rc` does, and so the request. */
void af_engine_end(af_ctx_t *ctx, ngx_int_t rc);

/*
 * The request has ended, or the client has gone.  A job can't be taken back:
 * the timer goes on holding the worker for it.
 */
void af_engine_cancel(af_ctx_t *ctx);


#endif /* AF_FLOW_ENGINE_H */
