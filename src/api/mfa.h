/*
 * Second factors: how a login goes on that has only given a password.
 */

#ifndef AF_API_MFA_H
#define AF_API_MFA_H

#include "flow/flow.h"


/* a code as it is typed: of an app, or a recovery code */
extern const af_type_t  af_type_code;

/*
 * The password of the account that is bound as ":user_id" was right, but it has
 * factors: ends the flow with mfa_required, and with a token for
 * /auth/mfa/verify.  No counter is cleared, and no session opened.
 */
ngx_int_t af_mfa_ask(af_ctx_t *ctx);


/*
 * Steps, before and after a statement that adds a factor which counts: the
 * first binds ":hashes" of recovery codes that an account without any gets, the
 * second answers with the factor, and with the codes if they were stored.
 */
ngx_int_t af_step_recovery_codes(af_ctx_t *ctx);
ngx_int_t af_step_factor_confirmed(af_ctx_t *ctx);

extern const af_schema_t  af_schema_confirmed_factor;


#endif /* AF_API_MFA_H */
