/*
 * What browsers answer when a passkey was made, or used, in WebAuthn's JSON
 * form (level 3, section 5.1.8): the field "credential" of a body.
 */

#ifndef AF_API_PASSKEY_H
#define AF_API_PASSKEY_H

#include "flow/flow.h"
#include "token/challenge.h"


extern const af_schema_t  af_schema_new_credential;
extern const af_schema_t  af_schema_credential;


/*
 * Verifies that it was made, for a challenge with this owner, "" for none, and
 * one of these purposes.  NGX_OK: ":credential" is bound.  NGX_DECLINED: it is
 * not valid.
 */
ngx_int_t af_passkey_made(af_ctx_t *ctx, const char *purposes,
    const char *user_id, const char *session_id);

/*
 * The same for what af_passkey_answer_new() asked for, a passkey or a security
 * key; ends the flow if it is not valid.
 */
ngx_int_t af_passkey_check_new(af_ctx_t *ctx, const char *user_id,
    const char *session_id);

/*
 * A step that looks for it.  In the next one: binds ":user_id" of its owner,
 * null for nobody; verifies that it was used, likewise: NGX_OK: ":factor_id"
 * and ":assertion" are bound; and says why its owner may not log in.
 */
ngx_int_t af_step_passkey_find(af_ctx_t *ctx);
ngx_int_t af_passkey_owner(af_ctx_t *ctx);
af_problem_id_t af_passkey_owner_problem(af_ctx_t *ctx);
ngx_int_t af_passkey_used(af_ctx_t *ctx, const char *purpose,
    const char *user_id, const char *session_id);

/*
 * Of a new account, which has a passkey instead of a password.  The first
 * answers with what it is made with, for an address.  The steps: check what was
 * made; bind the account's id, which af_step_recovery_codes() needs before the
 * statement; answer with tokens and these codes, or .missing without a row.
 */
ngx_int_t af_passkey_answer_first(af_ctx_t *ctx, const char *email);
ngx_int_t af_step_passkey_first(af_ctx_t *ctx);
ngx_int_t af_step_passkey_account(af_ctx_t *ctx);
ngx_int_t af_step_passkey_tokens(af_ctx_t *ctx);

/* Binds what a statement gets for an account with a password. */
void af_passkey_none(af_ctx_t *ctx);


#endif /* AF_API_PASSKEY_H */
