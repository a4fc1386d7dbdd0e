/*
 * Refresh tokens: the one that a request presents, and its successor.
 */

#ifndef AF_API_REFRESH_H
#define AF_API_REFRESH_H

#include "flow/flow.h"


/*
 * Reads the refresh token that speaks for the request into ctx->presented, and
 * says where it was.
 */
af_source_t af_present_refresh(af_ctx_t *ctx);

/*
 * Looks for the session of that token; the next step asks af_refresh_found().
 * What is junk ends the flow without a query, and so does one from a cookie in
 * a request of another site's page.
 */
ngx_int_t af_find_refresh(af_ctx_t *ctx);

/*
 * NGX_OK: the token is one of the session, and "user_id", "session_id",
 * "number", "token_hash" and "successors" are bound, for the statement that
 * judges what it is worth.  Else the flow has ended.
 */
ngx_int_t af_refresh_found(af_ctx_t *ctx);

/*
 * Makes the refresh token of the row that the last query returned, as
 * af_step_tokens() takes it: by the secret of now; or, if a node of the former
 * version has exchanged the presented one a moment ago, the successor that it
 * gave.
 */
ngx_int_t af_issue_refresh(af_ctx_t *ctx, char token[AF_REFRESH_SIZE]);


#endif /* AF_API_REFRESH_H */
