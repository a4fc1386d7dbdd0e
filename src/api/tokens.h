/*
 * Token pairs.
 */

#ifndef AF_API_TOKENS_H
#define AF_API_TOKENS_H

#include "flow/flow.h"


/* The post handler of ngx_conf_set_sec_slot for the lifetimes of tokens. */
char *af_lifetime_post(ngx_conf_t *cf, void *post, void *data);

/*
 * A step that answers with a token pair, also in cookies if they are on, for
 * the row that the last query returned: its columns "user", "claims",
 * "session_id", "user_id", "number" and "random", or "successor" instead of the
 * last two; optionally "message".  Without a session there are no tokens.
 */
ngx_int_t af_step_tokens(af_ctx_t *ctx);

/* Likewise, with an account's first recovery codes, which are freed. */
ngx_int_t af_tokens_and(af_ctx_t *ctx, json_t *recovery_codes);

/* Likewise sets the cookies alone: NGX_OK, or what ends a step. */
ngx_int_t af_tokens_renew(af_ctx_t *ctx);

/*
 * A step that answers with an access token alone, for a row with the columns
 * "claims" and "user_id"; also in its cookie, if the request was made by it, or
 * its cookies are of the same session.
 */
ngx_int_t af_step_access_token(af_ctx_t *ctx);

/*
 * Likewise sets the cookie alone, or adds the token to an answer: NGX_OK, or
 * what ends a step.
 */
ngx_int_t af_access_token_renew(af_ctx_t *ctx);
ngx_int_t af_access_token_add(af_ctx_t *ctx, json_t *json);


/*
 * An access token with these claims, which are JSON from the database, and with
 * ours.  To be freed with af_wipe_free(); NULL if it can't be made.
 */
char *af_access_token(const ngx_http_autoflow_main_conf_t *conf,
    const ngx_http_autoflow_srv_conf_t *server, const char *text, size_t *len);


#endif /* AF_API_TOKENS_H */
