/*
 * Codes of apps, and recovery codes: comparing them, wherever one is a proof.
 */

#ifndef AF_API_CODES_H
#define AF_API_CODES_H

#include "flow/flow.h"


/* a code as it is typed */
extern const af_type_t  af_type_code;

/* Binds what autoflow.use_code() gets, for a proof without a code. */
void af_code_bind_none(af_ctx_t *ctx);

/*
 * After mfa/find has found the account: compares the body's "code", or
 * "recovery_code", and binds what autoflow.use_code() gets.  NGX_DECLINED: it
 * is wrong; a pause ends the flow, as does what no key opens.
 */
ngx_int_t af_code_compare(af_ctx_t *ctx, const char *user_id);

/*
 * Ends the flow: the code, of a login or of a proof in a session, was wrong, or
 * good for nothing when it was to be used; or a passkey at a login was.  It is
 * audited, and the code of an app is counted in the account's row.
 */
ngx_int_t af_code_refuse(af_ctx_t *ctx, ngx_uint_t login);

/* its reason, in the audit log and in metrics */
const char *af_code_reason(const af_ctx_t *ctx);

/*
 * Compares a code with a sealed seed, of which steps up to `last` were used,
 * and binds "step", and "sealed_seed" to a newer seal or NULL.  NGX_DECLINED:
 * it is wrong; NGX_ABORT: no key opens the seed; NGX_ERROR: no memory.
 */
ngx_int_t af_code_match(af_ctx_t *ctx, const char *user_id, const char *sealed,
    int64_t last, const char *code);

/*
 * Ends the flow: no key opens this seed, which is an operator's mistake.  No
 * attempt has failed.
 */
ngx_int_t af_code_closed(af_ctx_t *ctx, const char *sealed);


#endif /* AF_API_CODES_H */
