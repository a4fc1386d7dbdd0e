/*
 * autoflow_attempts: an attempt is counted before its work is done, and is in
 * flight until a step, or the end of the flow, says what became of it.
 *
 * What counts returns NGX_OK, or what ends a step: the attempt is refused,
 * with 429, and the first one of a window is audited.
 */

#ifndef AF_API_ATTEMPTS_H
#define AF_API_ATTEMPTS_H

#include "flow/flow.h"


/* what an account is counted by: its id, or what was typed in its place */

typedef struct {
    unsigned char  octets[AF_REVOCATIONS_ID_SIZE];
} af_account_key_t;


/* `user_id` is NULL if there is no account by the name of `typed`. */
void af_account_key(const char *user_id, const char *typed,
    af_account_key_t *key);

/* Counts one from this address, for whatever account. */
ngx_int_t af_attempt_address(af_ctx_t *ctx);

/* Counts one at an account from this address. */
ngx_int_t af_attempt_account(af_ctx_t *ctx, const af_account_key_t *key);

/*
 * Counts one at an account from anywhere.  Whether there were too many tells
 * the other one, and counts nothing: someone may speak for this address.
 */
ngx_int_t af_attempt_total(af_ctx_t *ctx, const af_account_key_t *key);
ngx_uint_t af_attempts_spent(af_ctx_t *ctx, const af_account_key_t *key);

/*
 * Counts a login at an account from this address, if it turns out to be right:
 * those have a budget like that of flow/budget.h.
 */
ngx_int_t af_attempt_login(af_ctx_t *ctx, const af_account_key_t *key);

/*
 * What became of all that was counted for this request.  Wrong: it counts; that
 * is also what an answer means before which nobody has called any of these.
 * Right: it was no failure, and former failures of this account from this
 * address are forgotten.  Unseen: nobody has looked at it.
 */
void af_attempts_wrong(af_ctx_t *ctx);
void af_attempts_right(af_ctx_t *ctx);
void af_attempts_unseen(af_ctx_t *ctx);

/* Forgets an account's failures from this address. */
void af_attempts_forget(af_ctx_t *ctx, const af_account_key_t *key);


#endif /* AF_API_ATTEMPTS_H */
