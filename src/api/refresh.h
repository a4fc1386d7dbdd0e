/*
 * Refresh tokens: the one presented with the request, and its successor.
 */

#ifndef AF_API_REFRESH_H
#define AF_API_REFRESH_H

#include "flow/flow.h"


/*
 * Reads the request's refresh token into ctx->presented, and returns where it
 * was found.
 */
af_source_t af_read_refresh(af_ctx_t *ctx);

/*
 * Looks up the session of that token; the next step calls af_refresh_found().
 * Malformed tokens end the flow without a query, and so does a token from a
 * cookie in a cross-site request.
 */
ngx_int_t af_find_refresh(af_ctx_t *ctx);

/*
 * NGX_OK: the token belongs to the session, and "user_id", "session_id",
 * "by_cookie", "number", "token_hash" and "successors" are bound, for the
 * statement that decides whether it is still valid.  Otherwise the flow has
 * ended.
 */
ngx_int_t af_refresh_found(af_ctx_t *ctx);

/*
 * Makes the refresh token for the row that the last query returned (see
 * af_step_tokens()), with the current secret; or the same successor as before,
 * if a node of the previous version has just exchanged the presented token.
 */
ngx_int_t af_issue_refresh(af_ctx_t *ctx, char token[AF_REFRESH_SIZE]);


#endif /* AF_API_REFRESH_H */
