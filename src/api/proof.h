/*
 * Proof that it is still the owner of the account who asks, and not somebody
 * who found a browser open: today, "current_password" in the body.
 */

#ifndef AF_API_PROOF_H
#define AF_API_PROOF_H

#include "flow/flow.h"


/*
 * Three steps, one behind the other: after the last one ":proof" is bound, for
 * the statement to check that it is still what was compared; without proof the
 * flow has ended with 403.
 */
ngx_int_t af_step_find_proof(af_ctx_t *ctx);
ngx_int_t af_step_compare_proof(af_ctx_t *ctx);
ngx_int_t af_step_check_proof(af_ctx_t *ctx);

/* After them: what the account is called by, which no password may be. */
const char *const *af_proof_names(af_ctx_t *ctx);


#endif /* AF_API_PROOF_H */
