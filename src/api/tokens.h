/*
 * Token pairs.
 */

#ifndef AF_API_TOKENS_H
#define AF_API_TOKENS_H

#include "flow/flow.h"


/* The post handler of ngx_conf_set_sec_slot for how long tokens live. */
char *af_lifetime_post(ngx_conf_t *cf, void *post, void *data);

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
 * A step that answers with a token pair, in cookies too where they are on, for
 * the row that the last query returned: its columns "user", "claims",
 * "session_id", "user_id", "number" and "random", or "successor" instead of the
 * last two; perhaps "message".  Without a session there are no tokens.
 */
ngx_int_t af_step_tokens(af_ctx_t *ctx);


#endif /* AF_API_TOKENS_H */
