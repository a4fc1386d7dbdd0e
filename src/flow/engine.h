/*
 * The engine, for the requests that it runs; steps use flow.h.
 */

#ifndef AF_FLOW_ENGINE_H
#define AF_FLOW_ENGINE_H

#include "flow/flow.h"


/* Nothing is pending in a zeroed context. */
void af_engine_init(af_ctx_t *ctx);

/*
 * Runs the route's steps, starting with the first; also in the content handler.
 */
void af_engine_run(af_ctx_t *ctx);

/* Ends the flow, and the request, as a step that returned `rc`. */
void af_engine_end(af_ctx_t *ctx, ngx_int_t rc);

/*
 * The request has ended, or the client has disconnected.  A job can't be
 * cancelled: the timer keeps the worker alive for it.
 */
void af_engine_cancel(af_ctx_t *ctx);


#endif /* AF_FLOW_ENGINE_H */
