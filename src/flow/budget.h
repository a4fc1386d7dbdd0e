/*
 * autoflow_attempts changes=: what one session may change, or refresh, in a
 * window, and its account ten times that.  What its owner needs to get rid of
 * an intruder has a small budget of each session for itself, which nothing else
 * uses up.
 *
 * A request is counted before any of its queries, but by a refresh token only
 * its session's part is: its account's waits until a query has told that the
 * session lives.  To be refused counts nothing.
 */

#ifndef AF_FLOW_BUDGET_H
#define AF_FLOW_BUDGET_H

#include "flow/flow.h"
#include "shm/zone.h"


/* how many failures are borne; a window of 0: any number */

typedef struct af_attempts_s {
    af_rate_t  account;            /* from one address */
    af_rate_t  account_total;
    af_rate_t  address;

    /* how many changes and refreshes */
    af_rate_t  changes;            /* of a session */
    af_rate_t  account_changes;    /* follow from it */
    af_rate_t  remedies;
} af_attempts_t;


extern const af_attempts_t  af_attempts_defaults;

char *af_attempts_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Counts a request by its route's budget: the engine, if an access token says
 * whose it is; the steps, of a session and of its account, if a refresh token
 * does.  Returns NGX_OK, or what ends a step: there were too many.
 */
ngx_int_t af_budget_spend(af_ctx_t *ctx);
ngx_int_t af_budget_spend_session(af_ctx_t *ctx, const char *session_id);
ngx_int_t af_budget_spend_account(af_ctx_t *ctx, const char *user_id);

/* Says in how many seconds what is refused with 429 may be tried again. */
ngx_int_t af_retry_after(af_ctx_t *ctx, ngx_uint_t seconds);


#endif /* AF_FLOW_BUDGET_H */
