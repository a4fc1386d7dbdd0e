/*
 * Second factors: how a login goes on that has only given a password, and the
 * steps by which an app is added.
 */

#ifndef AF_API_MFA_H
#define AF_API_MFA_H

#include "api/codes.h"


/*
 * The password of the account that is bound as ":user_id" was right, but it has
 * factors, or must have one: ends the flow with mfa_required, and with a token
 * for /auth/mfa/verify, or with mfa_enrolment_required, and one for
 * /auth/mfa/enrol.  No counter is cleared, and no session opened.
 */
ngx_int_t af_mfa_ask(af_ctx_t *ctx);

/*
 * Two steps that open such a token, "mfa_token" or "enrolment_token", find its
 * account as mfa/find does, and bind "user_id" and "password_hash": a token of
 * a former password is none.
 */
ngx_int_t af_step_mfa_open(af_ctx_t *ctx);
ngx_int_t af_step_mfa_account(af_ctx_t *ctx);

/* A step: ends the flow if no factors can be added to accounts. */
ngx_int_t af_step_mfa_on(af_ctx_t *ctx);

/*
 * A step for statements that add a factor in a session, which may have been
 * proved by anything; without one it is of a password, which they get.
 */
ngx_int_t af_step_factor_session(af_ctx_t *ctx);

/*
 * Steps for the account ":user_id": whether apps can be added; make a secret,
 * for mfa/create_factor, and answer with it, if there was a row.
 */
ngx_int_t af_step_factor_allowed(af_ctx_t *ctx);
ngx_int_t af_step_factor_secret(af_ctx_t *ctx);
ngx_int_t af_step_factor_created(af_ctx_t *ctx);

/*
 * Likewise for mfa/confirm_factor: find the seed of the app ":id", and compare
 * the body's "code".
 */
ngx_int_t af_step_factor_find(af_ctx_t *ctx);
ngx_int_t af_step_factor_compare(af_ctx_t *ctx);

extern const af_schema_t  af_schema_created_factor;


/*
 * Steps, before and after a statement that adds a factor which counts: the
 * first binds ":hashes" of recovery codes that an account without any gets,
 * which af_factor_codes() returns; the second answers with the factor, with the
 * codes if they were stored, and with an access token if there are "claims".
 */
ngx_int_t af_step_recovery_codes(af_ctx_t *ctx);
ngx_int_t af_step_factor_confirmed(af_ctx_t *ctx);
json_t *af_factor_codes(const af_ctx_t *ctx);

extern const af_schema_t  af_schema_confirmed_factor;


#endif /* AF_API_MFA_H */
