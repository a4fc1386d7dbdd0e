/*
 * Token pairs.
 */

#ifndef AF_API_TOKENS_H
#define AF_API_TOKENS_H

#include "flow/flow.h"


/*
 * Makes a refresh token, kept for af_answer_tokens(), and binds the digest
 * that is stored, "refresh_hash" (SHA-256 of the token's text, hexadecimal).
 */
ngx_int_t af_bind_refresh(af_ctx_t *ctx);

/*
 * Answers with a token pair for the columns "user" and "claims" of the row
 * that the last query returned; `message` may be NULL.
 */
ngx_int_t af_answer_tokens(af_ctx_t *ctx, ngx_uint_t status,
    const char *message);


#endif /* AF_API_TOKENS_H */
