/*
 * Reauthentication: evidence that the request is the account owner's, and not
 * from someone who found a browser open: "current_password" in the body.  An
 * account without a password has none: before these steps af_proof_before(), or
 * af_proof_demand(), has looked for another recent proof.
 */

#ifndef AF_API_REAUTH_H
#define AF_API_REAUTH_H

#include "flow/flow.h"


/*
 * Four steps, in this order.  They bind ":verified_hash", for the statement to
 * check that the password hash is still the same, NULL if there is none, or end
 * the flow with 403, with 422 if the password is missing, or with 429 if there
 * were too many failures at all nodes.
 */
ngx_int_t af_step_reauth_find(af_ctx_t *ctx);
ngx_int_t af_step_reauth_verify(af_ctx_t *ctx);
ngx_int_t af_step_reauth_check(af_ctx_t *ctx);
ngx_int_t af_step_reauth_allow(af_ctx_t *ctx);

/*
 * Without a row of the statement, these steps: follows all of them again, once,
 * since the hash may have been replaced by another one of the same password.
 */
ngx_int_t af_reauth_answer(af_ctx_t *ctx, const af_step_pt *steps);

/* Afterwards: the account's names, which no password may be similar to. */
const char *const *af_reauth_names(af_ctx_t *ctx);


#endif /* AF_API_REAUTH_H */
