/*
 * Token pairs.
 */

#ifndef AF_API_TOKENS_H
#define AF_API_TOKENS_H

#include "flow/flow.h"


/*
 * Makes a refresh token, kept for af_answer_tokens(), and binds what is stored
 * of it, "refresh_hash".
 */
ngx_int_t af_bind_refresh(af_ctx_t *ctx);

/*
 * The refresh token that speaks for the request.  NGX_DECLINED without one;
 * NGX_ERROR: the flow has ended with a problem, as one from a cookie is not for
 * other sites' pages.
 */
ngx_int_t af_presented_refresh(af_ctx_t *ctx, const char **token);

/* Binds the "token_hash" that leads to a refresh token. */
ngx_int_t af_bind_token_hash(af_ctx_t *ctx, const char *token);

/*
 * Binds "successors": what is stored of a token's successors, by each secret
 * that is accepted.
 */
ngx_int_t af_bind_successors(af_ctx_t *ctx, const char *token);

/*
 * Keeps the successor of `token` by the `n`-th secret, from 0, for
 * af_answer_tokens().
 */
ngx_int_t af_use_successor(af_ctx_t *ctx, const char *token, ngx_uint_t n);

/*
 * Answers with a token pair, in cookies too where they are on, for the columns
 * "user", "claims" and "session_id" of the row that the last query returned;
 * `message` may be NULL.
 */
ngx_int_t af_answer_tokens(af_ctx_t *ctx, ngx_uint_t status,
    const char *message);

/*
 * Expires the client's cookies if they are of a session that has ended: if one
 * of them spoke for the request, or if they are of this user (may be NULL) or
 * of this session.
 */
ngx_int_t af_expire_cookies(af_ctx_t *ctx, const ngx_str_t *user_id,
    const ngx_str_t *session_id);

/*
 * A step that ends a flow after which none of the account's sessions is left:
 * 204.
 */
ngx_int_t af_step_left(af_ctx_t *ctx);


#endif /* AF_API_TOKENS_H */
