/*
 * autoflow_attempts: an attempt is counted before its work is done, and is in
 * flight until a step, or the end of the flow, settles its outcome.
 *
 * What counts returns NGX_OK, or what ends a step: the attempt is refused with
 * 429, and the first one of a window is audited.
 */

#ifndef AF_API_ATTEMPTS_H
#define AF_API_ATTEMPTS_H

#include "flow/flow.h"


/* the key of an account's counters: its id, or a MAC of the name sent */

typedef struct {
    unsigned char  octets[AF_REVOCATIONS_ID_SIZE];
} af_account_key_t;


/* `user_id` is NULL if no account is called `login`. */
void af_account_key(af_ctx_t *ctx, const char *user_id, const char *login,
    af_account_key_t *key);

/* Binds :account_id, by which the database counts for all nodes. */
ngx_int_t af_account_bind(af_ctx_t *ctx, const af_account_key_t *key);

/* Counts an attempt from this address, at any account. */
ngx_int_t af_attempt_address(af_ctx_t *ctx);

/* Counts an attempt at an account from this address. */
ngx_int_t af_attempt_account(af_ctx_t *ctx, const af_account_key_t *key);

/*
 * Counts an attempt at an account from any address.  The second one only tests
 * whether there were too many: this address may be a familiar one.
 */
ngx_int_t af_attempt_total(af_ctx_t *ctx, const af_account_key_t *key);
ngx_uint_t af_attempts_spent(af_ctx_t *ctx, const af_account_key_t *key);

/*
 * What failed at all nodes, as "failures" and "seconds_left" of the last
 * statement say, has failed here.
 */
void af_attempts_learn(af_ctx_t *ctx, const af_account_key_t *key);

/*
 * Counts an attempt at the current password of an account that is logged in,
 * from any address, with what failed at all nodes, as the last statement says.
 * It has counters of its own, or whoever knows a name could refuse its owner.
 */
ngx_int_t af_attempt_current(af_ctx_t *ctx, const af_account_key_t *key);
ngx_uint_t af_attempts_are_total(af_ctx_t *ctx);

/*
 * Binds what the statement needs that counts for all nodes: :failures_window,
 * and :max_failures, null if this attempt doesn't count as one from everywhere.
 */
ngx_int_t af_attempts_bind(af_ctx_t *ctx, ngx_uint_t counted);

/*
 * After that statement: NGX_OK, or there were too many before this one, and
 * nobody must learn whether it was right.
 */
ngx_int_t af_attempts_exceeded(af_ctx_t *ctx);

/*
 * Counts a login at an account from this address, if it succeeds: these have a
 * budget like that of flow/budget.h.
 */
ngx_int_t af_attempt_login(af_ctx_t *ctx, const af_account_key_t *key);

/*
 * The outcome of this request's attempts.  Failed: they count, which is also
 * the default when the response is sent.  Succeeded: they were no failures, and
 * previous failures of this account from this address are forgotten.
 * Continued: the password was right, but a factor is missing; nothing is
 * forgotten, and that is also a login in the budget of these.  Unchecked: no
 * credential was checked.
 */
void af_attempts_failed(af_ctx_t *ctx);
void af_attempts_succeeded(af_ctx_t *ctx);
void af_attempts_continued(af_ctx_t *ctx);
void af_attempts_unchecked(af_ctx_t *ctx);

/*
 * What a password was compared with has been replaced since it was read, which
 * may have been by another hash of the same password: follows the steps again,
 * which count again.  NGX_DECLINED: they were already.
 */
ngx_int_t af_attempt_again(af_ctx_t *ctx, const af_step_pt *steps);

/* Clears an account's failures from this address. */
void af_attempts_clear(af_ctx_t *ctx, const af_account_key_t *key);


#endif /* AF_API_ATTEMPTS_H */
